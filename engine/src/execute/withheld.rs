//! The record of what a secret step reads and does: that it did, and not what.

use serde_json::Value;

use crate::action::Done;
use crate::event::Reading;
use crate::redact::HIDDEN;

/// The record of secret readings.
pub(super) fn unread(reads: Vec<Reading>) -> Vec<Reading> {
    reads.into_iter().map(|Reading { sent, received }| Reading { sent, received: withheld(&received) }).collect()
}

/// The record of a secret outcome.
pub(super) fn withheld(done: &Done) -> Done {
    let hidden = || HIDDEN.to_owned();
    match done {
        Done::Output(output) => {
            let exit = output.exit.clone();
            Done::Output(crate::world::Output { exit, stdout: hidden(), stderr: hidden() })
        }
        Done::Response(_) => Done::Response(Value::String(hidden())),
    }
}
