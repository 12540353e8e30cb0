//! Whole outputs of the reporters for one eventful run, and what must hold for any stream.

use cutover_engine::journal::Recorded;
use cutover_protocol::event::{Event, EventKind};
use proptest::prelude::*;

use super::render::{ReportKind, Sheet, render};
use super::timeline::Timeline;
use super::*;
use cutover_testkit::samples::{Stream, eventful, undone};

fn style(columns: usize) -> Style {
    Style { color: false, width: Width::Columns(columns), github: false }
}

fn shown(kind: OutputKind, style: Style, events: &[Event]) -> String {
    let sheet = Sheet::default();
    let mut reporter = reporter(kind, Box::new(sheet.clone()), style);
    events.iter().for_each(|event| reporter.event(event));
    reporter.finish();
    sheet.text()
}

#[test]
fn plain_tells_everything() {
    insta::assert_snapshot!(shown(OutputKind::Plain, style(110), &eventful()));
}

#[test]
fn plain_fits_a_narrow_terminal_and_groups_for_github() {
    let style = Style { github: true, ..style(60) };
    insta::assert_snapshot!(shown(OutputKind::Plain, style, &eventful()));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let painted = shown(OutputKind::Plain, Style { color: true, ..style(110) }, &eventful());
    assert!(painted.contains("\u{1b}["));
    assert_eq!(console::strip_ansi_codes(&painted), shown(OutputKind::Plain, style(110), &eventful()));
}

#[test]
fn a_run_that_was_cut_off_says_so() {
    let events = &eventful()[..20];
    let text = shown(OutputKind::Plain, style(100), events);
    assert!(
        text.contains("UNFINISHED  the run's end was not recorded; its last event is 2.3s after its start"),
        "{text}"
    );
}

#[test]
fn a_run_without_window_budgets_and_header_is_narrated_too() {
    let mut stream = Stream::new();
    stream.phase(1, 1, "Only", None).step("only/a", "A", "command", &[]);
    stream.step_end("only/a", cutover_protocol::event::Outcome::InSync, 5, 1);
    let text = shown(OutputKind::Plain, style(100), &stream.events);
    assert!(
        text.contains("Phase 1/1  Only\n") && text.contains("in sync [   0.0s]") && !text.contains("window"),
        "{text}"
    );
}

#[test]
fn json_lines_read_back_as_the_same_events() {
    let events = eventful();
    let read = Recorded::of(shown(OutputKind::Json, style(80), &events).as_bytes());
    assert_eq!(read, Recorded { events, ..Recorded::default() });
}

/// A running undo sees the events of the undo alone.
#[test]
fn an_undo_tells_which_changes_of_earlier_executions_it_undoes() {
    let events = undone();
    let begins = events.iter().rposition(|event| matches!(event.kind, EventKind::RunStarted { .. })).unwrap();
    for kind in [OutputKind::Plain, OutputKind::Live] {
        let sheet = Sheet::default();
        let mut reporter = reporter(kind, Box::new(sheet.clone()), style(110));
        reporter.recall(&events[..begins]);
        events[begins..].iter().for_each(|event| reporter.event(event));
        reporter.finish();
        let text = sheet.text();
        for words in [
            "Make a volume [2] on controller: make volume 2",
            "primary/worker01$ lvremove v2",
            "primary/worker01$ umount /srv/etcd",
            "3 changes, of which 3 undone",
        ] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
    }
}

#[test]
fn journals_of_this_format_version_are_read() {
    // A journal as it was written when format 2 was made: what is stored must stay readable.
    let read = Recorded::of(include_bytes!("../../../examples/eventful.jsonl"));
    assert_eq!(read, Recorded { events: eventful(), ..Recorded::default() });
}

/// A writer that fails from the start.
struct Closed;

impl std::io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_closed_pipe_fails_no_reporter() {
    for kind in [OutputKind::Live, OutputKind::Plain, OutputKind::Json] {
        let mut reporter = reporter(kind, Box::new(Closed), style(80));
        eventful().iter().for_each(|event| reporter.event(event));
        reporter.finish();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any prefix, and any selection of events in any order, can be narrated, shown and rendered.
    #[test]
    fn any_stream_is_rendered(order in Just((0..eventful().len()).collect::<Vec<_>>()).prop_shuffle(), keep in 0_usize..80, shuffled: bool, columns in 0_usize..200) {
        let events = eventful();
        let keep = keep.min(events.len());
        let events: Vec<Event> = match shuffled {
            true => order[..keep].iter().map(|index| events[*index].clone()).collect(),
            false => events[..keep].to_vec(),
        };
        let style = Style { color: true, ..style(columns) };
        for kind in [ReportKind::Text, ReportKind::Markdown, ReportKind::Html, ReportKind::Junit] {
            prop_assert!(!render(kind, &events, &style).unwrap().is_empty() || events.is_empty());
        }
        shown(OutputKind::Live, style, &events);
        prop_assert_eq!(Timeline::of(&events), Timeline::of(&events));
    }
}
