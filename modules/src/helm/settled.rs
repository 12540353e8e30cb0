//! Decides whether the last operation on a release has come to its end. An earlier revision that an interrupted helm left
//! pending is no trouble once a later one has followed: helm goes by the last one only.

use cutover_engine::module::Diff;
use cutover_engine::text;

use super::command::Cli;
use super::look::State;
use super::present::{left, recovery};

/// Judges.
pub(super) fn diff(cli: &Cli, state: &State) -> Diff {
    let Some(last) = state.last() else { return Diff::InSync };
    let way_out = match last.status.as_str() {
        "uninstalling" => cli.command(["uninstall", &cli.release]).to_string(),
        status if status.starts_with("pending-") => recovery(cli, state),
        _ => return Diff::InSync,
    };
    Diff::refused([
        left(state, last, &cli.release),
        text!("helm.way-out", "if no helm is at work on it any more: {command}", command = way_out),
    ])
}
