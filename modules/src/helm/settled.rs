//! Decides whether the last operation on a release has come to its end, and a good one: what runs is what its last revision
//! says. An earlier revision that an interrupted helm left pending, or that failed, does not matter once a later one has followed: helm
//! goes by the last one only.

use cutover_engine::module::Diff;
use cutover_engine::text;
use cutover_engine::text::Text;

use super::command::Cli;
use super::look::{Revision, State};
use super::present::{left, recovery};

/// Judges.
pub(super) fn diff(cli: &Cli, state: &State) -> Diff {
    let Some(last) = state.last() else { return Diff::InSync };
    if let Some(good) = state.good().filter(|_| last.status == "failed") {
        return Diff::refused(failed(cli, state, last, good));
    }
    let way_out = match last.status.as_str() {
        "uninstalling" => cli.command(["uninstall", &cli.release]).to_string(),
        status if status.starts_with("pending-") => recovery(cli, state),
        _ if !state.drifted.is_empty() => return Diff::refused(state.drifted.clone()),
        _ => return Diff::InSync,
    };
    Diff::refused([
        left(state, last, &cli.release),
        text!("helm.way-out", "if no helm is at work on it any more: {command}", command = way_out),
    ])
}

/// Why a release whose last revision failed after a good one is not settled: its values may never have been in effect, and going back to
/// it would be going back to the failure.
fn failed(cli: &Cli, state: &State, last: &Revision, good: &Revision) -> [Text; 2] {
    [
        text!(
            "helm.failed",
            "release {release}: revision {revision} failed ({why}), so what runs is revision {good}, all or part of it",
            release = &cli.release,
            revision = last.revision,
            why = &last.description,
            good = good.revision
        ),
        text!(
            "helm.failed.advice",
            "put it right first: {command}, or an upgrade that succeeds",
            command = recovery(cli, state)
        ),
    ]
}
