//! Reads a journal's lines back into events. Tolerates what a crash or a newer version may leave there; never drops a
//! line silently.

use cutover_engine::event::{Event, EventKind, VERSION};
use jiff::Timestamp;
use serde_json::Value;

/// Reads events from JSON lines. A last line that was cut off is given back as it is; any other line that is no known
/// event becomes a notice that says so.
pub(crate) fn read_events(text: &str) -> (Vec<Event>, Option<String>) {
    let mut events: Vec<Event> = Vec::new();
    let mut torn = None;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    while let Some((index, line)) = lines.next() {
        let is_last = lines.peek().is_none();
        match serde_json::from_str::<Event>(line) {
            Ok(event) => events.push(event),
            Err(_) if is_last && serde_json::from_str::<Value>(line).is_err() => torn = Some(line.to_owned()),
            Err(error) => {
                let notice = stand_in(line, index + 1, &error, events.last());
                events.push(notice);
            }
        }
    }
    (events, torn)
}

/// Reads one line, if it is an event.
pub(crate) fn parse_line(line: &str) -> Option<Event> {
    serde_json::from_str(line).ok()
}

/// The notice that stands for a line that is no known event, at its own time if it has one.
fn stand_in(line: &str, number: usize, error: &serde_json::Error, before: Option<&Event>) -> Event {
    let value = serde_json::from_str::<Value>(line).unwrap_or(Value::Null);
    let field = |name: &str| value.get(name);
    let message = match field("kind").and_then(Value::as_str) {
        Some(kind) => format!("line {number} of the journal is an event this version does not know: {kind} ({error})"),
        None => format!("line {number} of the journal is no event: {error}"),
    };
    let at = field("at").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
    Event {
        v: VERSION,
        seq: field("seq").and_then(Value::as_u64).or(before.map(|event| event.seq)).unwrap_or(0),
        at: at.or(before.map(|event| event.at)).unwrap_or(Timestamp::UNIX_EPOCH),
        elapsed_ms: field("elapsed_ms").and_then(Value::as_u64).or(before.map(|event| event.elapsed_ms)).unwrap_or(0),
        run: before.map(|event| event.run.clone()).unwrap_or_default(),
        prev: None,
        epoch: None,
        hidden: Vec::new(),
        kind: EventKind::Notice { message: message.into() },
    }
}
