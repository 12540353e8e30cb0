//! The content of the records of real pairs of DRBD. That the sandbox prints the same is proven where they are replayed.

use cutover_engine::world::{Command, Place};

use super::list::List;
use super::shape::of_command;
use cutover_testkit::inventory::three_workers;

const RECORDS: [(&str, &str); 2] = [
    ("drbd-9.2.14.txt", include_str!("../../../sandbox/tests-data/drbd-9.2.14.txt")),
    ("drbd-8.4.11.txt", include_str!("../../../sandbox/tests-data/drbd-8.4.11.txt")),
];

#[test]
fn the_records_have_the_commands_that_are_listed_for_them() {
    let inventory = three_workers();
    let node = Place::node("primary", "worker01");
    for (name, record) in RECORDS {
        let lines = record.lines().filter_map(|line| line.strip_prefix("$ "));
        let recorded: Vec<String> =
            lines.map(|line| of_command(&node, &Command::new(line.split(' ')), &inventory)).collect();
        for shape in List::read("commands.txt").at("record") {
            assert!(recorded.iter().any(|one| one == shape), "{name} has no `{shape}`");
        }
    }
}
