//! What `drbd_freshness` decides, for replicas as data.

use cutover_engine::target::Target;

use super::*;
use crate::testing;

fn replica(number: usize, disk: &str, last_contact: Contact) -> Replica {
    let node = format!("worker0{}", number + 1);
    Replica {
        resource: format!("etcd{number}"),
        place: Place::node("standby", &node),
        peer: Place::node("primary", &node),
        disk: disk.parse().ok(),
        last_contact,
    }
}

fn at(time: &str) -> jiff::Timestamp {
    format!("2026-11-25T{time}Z").parse().expect("a time")
}

fn lost(time: &str) -> Contact {
    Contact::Lost(at(time))
}

fn show(title: &str, more: &str, contacts: [(&str, Contact); 3]) -> String {
    let params: Params = serde_yaml::from_str(&format!("{{{more}}}")).expect("the parameters are right");
    let replicas = contacts.into_iter().enumerate().map(|(number, (disk, last))| replica(number, disk, last));
    let state = State(replicas.collect());
    let cx = testing::pair_context();
    let result = DrbdFreshness.result(cx.facts(), &params, &state, &[]);
    format!(
        "-- {title} ({more})\n{}spread: {}, fresh: {}, accepted: {}\n",
        testing::show(&DrbdFreshness.diff(cx.facts(), &params, &state)),
        result["spread_seconds"],
        result["fresh"],
        result["accepted"]
    )
}

#[test]
fn replicas_of_different_moments_are_refused() {
    let up = "UpToDate";
    let stale = || [(up, lost("12:00:08.4")), (up, lost("10:59:10")), (up, lost("12:00:03"))];
    let unknown = || Contact::Unknown(Text::verbatim("the journal holds no kernel's log"));
    let accepted = "accept_stale: \"J. Doe: nothing was written since\"";
    let shown = [
        show("all lost at one stroke", "", [(up, lost("12:00:08")), (up, lost("12:00:01")), (up, lost("12:00:03.5"))]),
        show("all in contact", "", [(); 3].map(|()| (up, Contact::Now(at("12:00:00"))))),
        show("one lost an hour earlier", "", stale()),
        show("one lost an hour earlier", "max_spread: 2h", stale()),
        show("one lost an hour earlier", accepted, stale()),
        show("nothing to accept", accepted, [(); 3].map(|()| (up, lost("12:00:00")))),
        show(
            "the others are in contact",
            "",
            [(up, Contact::Now(at("12:00:00"))), (up, lost("11:00:00")), (up, Contact::Now(at("12:00:01")))],
        ),
        show(
            "a little more than a limit",
            "max_spread: 5s",
            [(up, lost("12:00:00")), (up, lost("12:00:05.1")), (up, lost("12:00:02"))],
        ),
        show("one is not known", "", [(up, lost("12:00:00")), (up, unknown()), (up, lost("12:00:02"))]),
        show(
            "one is not whole",
            "",
            [(up, lost("12:00:00")), ("Inconsistent", lost("12:00:01")), (up, lost("12:00:02"))],
        ),
        show("all at once", "", [(up, lost("12:00:00")), ("Outdated", lost("09:00:01")), (up, unknown())]),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[tokio::test]
async fn only_known_resources_can_be_compared() {
    let cx = testing::pair_context();
    let probe = async |cx: &Context, yaml: &str| {
        let params: Params = serde_yaml::from_str(yaml).unwrap();
        DrbdFreshness.probe(cx, &params).await.unwrap_err()
    };
    let site = Target::Site { site: "standby".to_owned() };
    let site = Context::new(site, None, std::sync::Arc::new(cx.inventory().clone()), testing::nowhere());
    let unknown = probe(&site, "{resources: [etcd0, etcd7]}").await;
    assert_eq!(unknown.pointer.as_deref(), Some("/resources/1"));
    assert_eq!(unknown.message, "no pair has the resource `etcd7`; there are etcd0");
}

#[tokio::test]
async fn a_node_that_does_not_answer_has_no_known_age() {
    let site = Target::Site { site: "standby".to_owned() };
    let inventory = std::sync::Arc::new(testing::pair_context().inventory().clone());
    let cx = Context::new(site, None, inventory, testing::nowhere());
    let state = DrbdFreshness.probe(&cx, &Params::default()).await.expect("it says so");
    let shown = testing::show(&DrbdFreshness.diff(cx.facts(), &Params::default(), &state));
    assert!(shown.starts_with("blocked: when etcd0 on standby/worker01 last had contact"), "{shown}");
    assert!(shown.contains("the node cannot be asked"), "{shown}");
}
