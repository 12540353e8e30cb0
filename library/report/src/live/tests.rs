//! The live terminal, seen through a terminal emulator, and the footer for itself.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use cutover_protocol::event::{Event, Outcome};

use super::super::palette::Palette;
use super::super::render::Sheet;
use super::super::timeline::Timeline;
use super::super::{Reporter, Style, Width};
use super::Live;
use super::footer::footer;
use cutover_testkit::samples::{Stream, eventful, members, task};

const PLAIN: Palette = Palette { color: false };

fn live(sheet: &Sheet, columns: usize) -> Live {
    Live::new(Box::new(sheet.clone()), Style { color: true, width: Width::Columns(columns), github: false })
}

/// What a terminal shows after it was sent what was written: scrolled lines included, trailing space left out.
fn screen(sheet: &Sheet, columns: u16) -> String {
    let size = |n| NonZeroU16::new(n).unwrap();
    let mut terminal = vt100::Parser::new(size(200), size(columns), 0);
    terminal.process(sheet.text().replace('\n', "\r\n").as_bytes());
    terminal.screen().contents().trim_end().to_owned()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what} does not show");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The moment in the eventful run when a pod is being waited for.
fn waiting() -> Vec<Event> {
    let events = eventful();
    let position = |event: &Event| serde_json::to_string(event).unwrap().contains("33.3");
    let end = events.iter().position(position).unwrap();
    events[..=end].to_vec()
}

#[test]
fn the_footer_shows_what_runs() {
    let timeline = Timeline::of(&waiting());
    insta::assert_snapshot!(footer(&timeline, timeline.now_ms + 2_000, (24, 100), PLAIN).join("\n"));
}

#[test]
fn the_footer_shows_a_fan_out_failures_first_and_sums_up_what_does_not_fit() {
    let mut stream = Stream::new();
    let members: Vec<_> = (0..20)
        .flat_map(|_| members())
        .enumerate()
        .map(|(n, member)| match member {
            cutover_protocol::target::Target::Pair { site, .. } => {
                cutover_protocol::target::Target::Node { site, node: format!("节点{n}") }
            }
            other => other,
        })
        .collect();
    stream.phase(1, 1, "把数据复制到新的磁盘上 Copy onto the replicated disks", Some(60_000));
    stream.step("a/x", "Copy each volume beside itself, onto the replicated disk", "copy_preserve", &members);
    for member in &members {
        stream.task(&task("a/x", member), 1);
    }
    stream.after(1_000).task_end(&task("a/x", &members[0]), Outcome::Changed, 1_000);
    stream.task_end(&task("a/x", &members[1]), Outcome::Failed, 1_000);
    stream.waiting(&task("a/x", &members[2]), "1.2 GB of 3 GB copied", Some(43.0));
    let timeline = Timeline::of(&stream.events);
    insta::assert_snapshot!(footer(&timeline, 1_000, (12, 60), PLAIN).join("\n"));
}

#[test]
fn no_line_of_the_footer_is_as_wide_as_the_terminal() {
    for end in 0..eventful().len() {
        let timeline = Timeline::of(&eventful()[..end]);
        for columns in [0, 1, 20, 60, 80, 200] {
            for line in footer(&timeline, timeline.now_ms + 99_999, (10, columns), Palette { color: true }) {
                assert!(console::measure_text_width(&line) < columns.max(1), "{columns}: {line}");
            }
        }
    }
}

#[test]
fn after_a_burst_the_screen_holds_every_line_once_and_no_footer() {
    for columns in [60, 100] {
        let sheet = Sheet::default();
        let mut live = live(&sheet, columns);
        eventful().iter().for_each(|event| live.event(event));
        live.finish();
        drop(live);
        let shown = screen(&sheet, columns as u16);
        let plain = Sheet::default();
        let style = Style { color: false, width: Width::Columns(columns), github: false };
        let mut lines = super::super::plain::Plain::new(Box::new(plain.clone()), style);
        eventful().iter().for_each(|event| lines.event(event));
        let expected =
            plain.text().lines().filter(|line| !line.starts_with("    waiting")).collect::<Vec<_>>().join("\n");
        // Long lines are wrapped by the terminal; without line ends both are the same.
        let joined = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(joined(&shown), joined(&expected));
        assert!(!shown.contains("phase 3/4  "));
    }
}

#[test]
fn a_burst_is_drawn_a_few_times_only() {
    let sheet = Sheet::default();
    let mut live = live(&sheet, 100);
    let drawings = || sheet.text().matches("of the window left").count();
    waiting().iter().for_each(|event| live.event(event));
    until("the footer", || drawings() > 0);
    let (before, began) = (drawings(), Instant::now());
    let mut stream = Stream::new();
    stream.notice("one of many");
    for _ in 0..20_000 {
        live.event(&stream.events[0]);
    }
    let most = began.elapsed().as_millis() as usize / 50 + 2;
    assert!(drawings() - before <= most, "{} drawings, at most {most}", drawings() - before);
    live.finish();
    assert_eq!(sheet.text().matches("one of many").count(), 20_000);
}

#[test]
fn a_prompt_has_a_clean_screen_and_a_notice_meanwhile_comes_after_it() {
    let sheet = Sheet::default();
    let mut live = live(&sheet, 100);
    waiting().iter().for_each(|event| live.event(event));
    until("the footer", || screen(&sheet, 100).contains("2 of 3 pods are still there"));
    let handle = live.screen();
    let mut stream = Stream::new();
    stream.notice("a notice during the prompt");
    let paused = handle.pause();
    live.event(&stream.events[0]);
    std::thread::sleep(Duration::from_millis(120));
    let during = screen(&sheet, 100);
    drop(paused);
    assert!(during.ends_with("service unavailable"), "{during}");
    until("the notice", || screen(&sheet, 100).contains("a notice during the prompt"));
    until("the footer", || screen(&sheet, 100).contains("2 of 3 pods are still there"));
}

#[test]
fn clocks_go_on_though_nothing_happens() {
    let sheet = Sheet::default();
    let mut live = live(&sheet, 100);
    waiting().iter().for_each(|event| live.event(event));
    until("the footer", || screen(&sheet, 100).contains("T+00:01:52"));
    until("a later time", || screen(&sheet, 100).contains("T+00:01:53"));
}
