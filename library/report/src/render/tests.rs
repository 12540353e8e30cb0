//! The documents made of one eventful run.

use cutover_protocol::event::{Event, EventKind};

use super::super::{Style, Width};
use super::{ReportKind, render};
use cutover_testkit::samples::{eventful, everything, outage, partly_undone, undone};

fn rendered(kind: ReportKind, events: &[Event]) -> String {
    let style = Style { color: false, width: Width::Columns(100), github: false };
    render(kind, events, &style).unwrap()
}

#[test]
fn markdown_holds_the_whole_run() {
    insta::assert_snapshot!(rendered(ReportKind::Markdown, &eventful()));
}

#[test]
fn junit_holds_the_whole_run() {
    insta::assert_snapshot!(rendered(ReportKind::Junit, &eventful()));
}

#[test]
fn junit_counts_what_never_ended_as_an_error() {
    let events = eventful();
    let scale = events.iter().position(|event| matches!(&event.kind, EventKind::Waiting { .. })).unwrap();
    let xml = rendered(ReportKind::Junit, &events[..=scale]);
    assert!(xml.contains(r#"tests="5" skipped="1" failures="0" errors="1""#), "{xml}");
    assert!(xml.contains(r#"<error message="unfinished" type="unfinished"/>"#), "{xml}");
}

#[test]
fn the_page_shows_everything_and_loads_nothing() {
    let page = rendered(ReportKind::Html, &eventful());
    for text in [
        "<b>Failed</b><span>after 20m 48s, exit code 1 (a step failed)</span>",
        "sha256:4f1c",
        "alice@ops-1",
        "The outage begins here.",
        "PATCH &#x2f;apis&#x2f;apps&#x2f;v1&#x2f;namespaces&#x2f;common&#x2f;statefulsets",
        "make an ext4 file system on &#x2f;dev&#x2f;drbd0",
        "at most once",
        "-replicas: 3\n+replicas: 0",
        "把 etcd 缩容到零",
        "remove the pending release first: helm rollback common-etcd",
        "playbooks&#x2f;etcd-cutover.yml:201:11",
        "point of no return",
        "window 20m: EXCEEDED by 48s",
        "Start and prove",
    ] {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
    for foreign in ["http:", "https:", "<script", "<link", "<img", "url(", "@import"] {
        assert!(!page.contains(foreign), "{foreign} is in the page");
    }
}

#[test]
fn an_undone_run_is_never_shown_as_done() {
    for (events, verdict, undone) in [
        (undone(), "undone", "3 of 3 changes, the last one at T+00:01:07"),
        (partly_undone(), "undo failed", "2 of 3 changes, the last one at T+00:01:06"),
    ] {
        let capital = verdict.replacen('u', "U", 1);
        let [text, markdown, page, xml] = [ReportKind::Text, ReportKind::Markdown, ReportKind::Html, ReportKind::Junit]
            .map(|kind| rendered(kind, &events));
        // The text tells the run as it went: it was done once, and it is the last word that counts.
        let last = text.lines().last().unwrap().trim();
        assert!(last.starts_with(&format!("{}  after 1m 0", verdict.to_uppercase())), "{text}");
        assert!(markdown.contains(&format!("**{capital}** after ")) && page.contains(&format!("<b>{capital}</b>")));
        for (report, done) in [(&markdown, "**Done**"), (&page, "<b>Done</b>"), (&xml, "value=\"done\"")] {
            assert!(!report.contains(done), "{report}");
        }
        assert!(
            markdown.contains(&format!("undone: {undone}")) && page.contains(&format!("<dd>{undone}</dd>")),
            "{markdown}"
        );
        assert!(xml.contains(&format!("<property name=\"verdict\" value=\"{verdict}\"/>")), "{xml}");
        for report in [&text, &markdown, &page, &xml] {
            for command in ["lvremove v1", "lvremove v2"] {
                assert!(report.contains(command), "{command} is missing in\n{report}");
            }
            assert!(report.contains("changed, undone"), "{report}");
        }
        let whole = verdict == "undone";
        assert_eq!(xml.contains("  primary&#x2f;worker01$ umount &#x2f;srv&#x2f;etcd"), whole, "{xml}");
        assert_eq!(markdown.contains("## What was changed and still stands"), !whole, "{markdown}");
        assert_eq!(text.contains(", partly undone"), !whole, "{text}");
    }
}

#[test]
fn a_partly_undone_run_in_full() {
    insta::assert_snapshot!(rendered(ReportKind::Markdown, &partly_undone()));
}

#[test]
fn an_undone_run_in_lines() {
    insta::assert_snapshot!(rendered(ReportKind::Text, &undone()));
}

/// What a report leaves out when all events of a kind are left out of the run shows that it shows them. A new kind has to be
/// in the samples, and to be shown.
#[test]
fn every_kind_of_event_shows_in_a_report() {
    let schema = cutover_engine::schema::event();
    let kinds: Vec<&str> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|kind| kind["properties"]["kind"]["const"].as_str())
        .collect();
    assert!(kinds.len() > 20, "{kinds:?}");
    let kind = |event: &Event| serde_json::to_value(&event.kind).unwrap()["kind"].as_str().unwrap().to_owned();
    let all = [ReportKind::Text, ReportKind::Markdown, ReportKind::Html, ReportKind::Junit];
    let reports = |events: &[Event]| all.map(|report| rendered(report, events));
    for wanted in kinds {
        let samples = [eventful(), partly_undone(), outage()];
        let with = samples.iter().filter(|events| events.iter().any(|event| kind(event) == wanted));
        let shows = |events: &&Vec<Event>| {
            let without: Vec<Event> = events.iter().filter(|event| kind(event) != wanted).cloned().collect();
            reports(events) != reports(&without)
        };
        assert!(with.clone().count() > 0, "no sample holds an event of the kind {wanted}");
        assert!(with.clone().any(|events| shows(&events)), "events of the kind {wanted} show in no report");
    }
}

/// Every text of a journal may come from a machine that lies.
#[test]
fn no_text_of_a_run_becomes_markup() {
    let evil = r#"</pre></style><script>x</script>"onload='y'"#;
    let mut text = String::new();
    for event in everything() {
        let mut value = serde_json::to_value(event).unwrap();
        poison(&mut value, evil);
        text += &(value.to_string() + "\n");
    }
    let events: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let page = rendered(ReportKind::Html, &events);
    assert!(page.matches("&lt;script&gt;").count() > 60, "{page}");
    assert!(!page.contains("<script") && !page.contains("onload='"));
    assert_eq!(page.matches("</style>").count(), 1);
    let markdown = rendered(ReportKind::Markdown, &events);
    let mut fenced = false;
    for line in markdown.lines() {
        fenced ^= line.trim_start().starts_with("```");
        assert!(fenced || !line.contains("<script"), "{line}");
    }
}

/// Adds a text to every string that is free text: not to what has a format, and not to what tells the kind of things.
fn poison(value: &mut serde_json::Value, evil: &str) {
    match value {
        // A target.
        serde_json::Value::String(text) if text == "controller" => {}
        serde_json::Value::String(text) => text.push_str(evil),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| poison(value, evil)),
        serde_json::Value::Object(fields) => {
            let fixed = ["at", "kind", "outcome", "class", "verb", "section"];
            let is_fixed = |name: &str, value: &serde_json::Value| match name {
                // A gate, a block or an undo; a module's name is free.
                "step" => value.is_string(),
                name => fixed.contains(&name),
            };
            let free = fields.iter_mut().filter(|(name, value)| !is_fixed(name, value));
            free.for_each(|(_, value)| poison(value, evil));
        }
        _ => {}
    }
}

#[test]
fn the_chart_sets_plan_against_actual_time() {
    let chart = super::gantt::gantt(&super::Timeline::of(&eventful()));
    let phases: Vec<_> = chart.bars.iter().filter(|bar| bar.is_phase).collect();
    assert_eq!(phases.len(), 4);
    // 3 min are planned and 2.3 s were taken, of 20 min 48.75 s.
    let bars = |n: usize| {
        (phases[n].planned.map(|bar| (bar.left, bar.width)), phases[n].actual.map(|bar| (bar.left, bar.width)))
    };
    assert_eq!(bars(0), (Some((0.0, 14.41)), Some((0.0, 0.18))));
    assert_eq!(bars(1), (Some((14.41, 4.8)), Some((0.18, 91.57))));
    assert_eq!(bars(3), (Some((43.24, 48.05)), None));
    assert_eq!((phases[1].over, chart.window), (true, Some(96.1)));
}
