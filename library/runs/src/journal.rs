//! The journal of a recorded run. The engine reads it; this decides what to do with a damaged one: a report shows its readable
//! part with a notice, resume and undo refuse.

use std::io;

use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::journal::{Recorded, read_file};
use cutover_engine::text;

use super::StoredRun;

/// The content of a journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record(Recorded);

impl StoredRun {
    /// Reads its journal.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> io::Result<Record> {
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot read {}: {error}", self.journal.display()));
        read_file(&self.journal).map(Record).map_err(failed)
    }

    /// The first and the last event, as far as they can be read.
    pub(crate) fn ends(&self) -> (Option<Event>, Option<Event>) {
        let events = self.read().unwrap_or_default().0.events;
        (events.first().cloned(), events.last().cloned())
    }

    /// Whether it took place in a simulated world.
    pub fn is_rehearsal(&self) -> bool {
        let begun = || self.ends().0.is_some_and(|event| rehearsed(&event));
        self.manifest().map_or_else(|_| begun(), |manifest| manifest.rehearsal)
    }
}

impl Record {
    /// Reads a journal's bytes.
    #[cfg(test)]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Recorded::of(bytes))
    }

    /// Its events, if all of it can be relied on.
    ///
    /// # Errors
    /// The damage, in the words of a report.
    pub fn whole(self) -> Result<Vec<Event>, String> {
        match self.fault() {
            Some(fault) => Err(fault),
            None => Ok(self.0.events),
        }
    }

    /// Its events, if all of it can be relied on and it begins with the run's start: those of a run that can be continued.
    ///
    /// # Errors
    /// The damage, in the words of a report.
    pub fn begun(self) -> Result<Vec<Event>, String> {
        let events = self.whole()?;
        match events.first().map(|event| &event.kind) {
            Some(EventKind::RunStarted { .. }) => Ok(events),
            Some(_) => Err("the journal does not begin with the run's start".to_owned()),
            None => {
                Err("the journal is empty: nothing in it tells what was done. Look at the targets; if nothing was, \
                         begin a new run"
                    .to_owned())
            }
        }
    }

    /// The damage.
    pub fn fault(&self) -> Option<String> {
        let (line, why) = self.0.complaint.as_ref()?;
        Some(format!("line {line} of the journal: {why}"))
    }

    /// Its readable events, and a notice of the damage after them.
    pub fn shown(self) -> Vec<Event> {
        let left_out = |fault| text!("runs.unreadable", "{fault}; it is left out with all that follows", fault = fault);
        let torn = self.0.torn;
        let cut_off =
            || text!("runs.torn", "the journal's last line was cut off after {torn} bytes and is left out", torn);
        let fault = self.fault().map(|fault| left_out(fault.to_string()));
        let notice = fault.or_else(|| (torn > 0).then(cut_off));
        let mut events = self.0.events;
        if let (Some(message), Some(last)) = (notice, events.last()) {
            events.push(Event { kind: EventKind::Notice { message }, ..last.clone() });
        }
        events
    }
}

/// Whether an event begins a rehearsal.
fn rehearsed(event: &Event) -> bool {
    matches!(&event.kind, EventKind::RunStarted { verb, .. } if *verb == Verb::Rehearse)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal of the format that this version writes.
    const JOURNAL: &str = include_str!("../../../examples/eventful.jsonl");

    fn notices(events: &[Event]) -> Vec<String> {
        let words = |event: &Event| match &event.kind {
            EventKind::Notice { message } => Some(message.to_string()),
            _ => None,
        };
        events.iter().filter_map(words).collect()
    }

    #[test]
    fn a_journal_is_shown_up_to_the_first_strange_line() {
        let mut text: String = JOURNAL.lines().take(2).map(|line| line.to_owned() + "\n").collect();
        text += "not json\n";
        text += JOURNAL.lines().nth(2).expect("a line");
        let record = Record::of(text.as_bytes());
        let fault = "line 3 of the journal: this is not an event: expected ident at column 2";
        assert_eq!(record.fault().as_deref(), Some(fault));
        assert_eq!(record.clone().whole(), Err(fault.to_owned()));
        let events = record.shown();
        assert_eq!(events.len(), 3);
        assert_eq!(notices(&events[2..]), [format!("{fault}; it is left out with all that follows")]);
    }

    #[test]
    fn only_what_begins_with_the_runs_start_can_be_continued() {
        assert_eq!(Record::of(JOURNAL.as_bytes()).begun(), Record::of(JOURNAL.as_bytes()).whole());
        assert!(Record::of(b"").begun().is_err_and(|why| why.contains("is empty")));
        let first = JOURNAL.lines().find(|line| line.contains("\"phase_started\"")).expect("a phase");
        let seq = first.split("\"seq\":").nth(1).and_then(|rest| rest.split(',').next()).expect("its number");
        let first = first.replace(&format!("\"seq\":{seq},"), "\"seq\":1,") + "\n";
        assert!(Record::of(first.as_bytes()).begun().is_err_and(|why| why.contains("does not begin with")));
    }

    #[test]
    fn a_whole_journal_is_whole_and_a_torn_end_does_not_spoil_it() {
        let events = Record::of(JOURNAL.as_bytes()).whole().expect("all of it");
        assert_eq!(events.len(), JOURNAL.lines().count());
        let torn = [JOURNAL.as_bytes(), b"{\"v\":1,\"se\xc3"].concat();
        let shown = Record::of(&torn).shown();
        let cut = "the journal's last line was cut off after 11 bytes and is left out";
        assert_eq!(notices(&shown[events.len()..]), [cut]);
        assert_eq!(Record::of(&torn).whole(), Ok(events));
        // A last line with its newline is complete, whatever its content.
        assert!(Record::of(b"{\"v\":2,\"kind\":\"teleported\"}\n").whole().is_err());
    }
}
