//! Conformance: every command and every API request that modules send, and where the sandbox's answer to each is compared
//! with the real thing.

mod api;
mod compare;
mod hosts;
mod lab;
mod life;
mod list;
mod listener;
mod record;
mod recorder;
mod rehearsed;
mod returned;
mod server;
mod shape;

use std::sync::LazyLock;

use list::List;
use listener::Sent;

/// Everything that all rehearsals send and receive.
static SENT: LazyLock<Sent> = LazyLock::new(rehearsed::everything);

#[test]
fn every_result_conforms_to_its_schema() {
    let wrong = returned::wrong(&SENT.returned);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn everything_that_is_sent_is_listed() {
    let sent = &*SENT;
    let mut wrong = List::read("commands.txt").held_against(&sent.commands);
    wrong.extend(List::read("requests.txt").held_against(&sent.requests));
    for (file, places) in [("commands.txt", &["host", "record", "lab"][..]), ("requests.txt", &["api"])] {
        for (shape, (place, reason)) in &List::read(file).entries {
            let known = places.contains(&place.as_str()) || (place == "other" && !reason.is_empty());
            if !known {
                wrong.push(format!(
                    "{file}: `{shape}`: `{place}` is not a place of comparison, or its reason is missing"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nIf that is right: UPDATE=1 cargo test --test program conformance, say where each is compared, and commit the lists",
        wrong.join("\n")
    );
}
