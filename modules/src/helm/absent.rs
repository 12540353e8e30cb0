//! Decides what is needed for a release to be gone, and its pods with it.

use cutover_engine::module::{Change, Diff};
use cutover_engine::text;
use cutover_engine::text::Text;

use super::command::Cli;
use super::look::State;
use super::present::stuck;
use super::{Params, pods, save};

/// Compares.
pub(super) fn diff(cli: &Cli, params: &Params, state: &State) -> Diff {
    let Some(last) = state.last() else {
        return match state.pods.as_slice() {
            [] => Diff::InSync,
            left => {
                let pods: Vec<Text> = left
                    .iter()
                    .map(|pod| match &pod.deleting {
                        Some(since) => {
                            text!("helm.pod-deleting", "{pod} (being deleted since {since})", pod = &pod.name, since)
                        }
                        None => Text::verbatim(&pod.name),
                    })
                    .collect();
                Diff::waiting(text!(
                    "helm.pods-left",
                    "{release} is uninstalled, pods with {selector} are left: {pods}",
                    release = &params.release,
                    selector = params.selector(),
                    pods = pods
                ))
            }
        };
    };
    if last.status.starts_with("pending-") && !params.recover_pending {
        return Diff::refused(stuck(cli, state, last));
    }
    if !state.drops_claims.is_empty() {
        return Diff::refused(state.drops_claims.clone());
    }
    let selector = params.selector();
    let missed = pods::missed(&selector, &state.deployed);
    if !missed.is_empty() {
        return Diff::refused([
            text!(
                "helm.selector",
                "`{selector}` does not find the pods of {workloads}",
                selector,
                workloads = missed.join(", ")
            ),
            text!(
                "helm.selector.advice",
                "give a `selector` of labels that all pods of the release carry: once it is uninstalled, its manifest no longer says which pods to wait for"
            ),
        ]);
    }
    let number = last.revision.to_string();
    let mut actions =
        vec![Cli::action(cli.history().into_command()), Cli::action(cli.values(last.revision).into_command())];
    actions.extend(save::actions(cli, params, last.revision));
    let mut words = vec!["uninstall", &cli.release];
    if params.keep_history {
        words.push("--keep-history");
    }
    actions.push(Cli::action(cli.command(words)));
    let summary = text!(
        "helm.uninstall",
        "uninstall release {namespace}/{release}, revision {revision} of {chart}",
        namespace = &params.namespace,
        release = &params.release,
        revision = &number,
        chart = &last.chart
    );
    let preview: String = state.deployed.iter().map(|object| format!("- {} is removed\n", object.id)).collect();
    let change = Change::at_most_once("uninstall", summary, actions).preview(preview);
    // Not to a revision that failed.
    let back = match last.status.as_str() {
        "deployed" => Some(number),
        "failed" => state.good().map(|good| good.revision.to_string()),
        _ => None,
    };
    let back = back.filter(|_| params.keep_history).map(|number| cli.command(["rollback", &cli.release, &number]));
    let change = match back {
        Some(back) => change.undo([Cli::action(back)]),
        None => change,
    };
    Diff::Change(state.keep_claims.iter().cloned().chain([change]).collect())
}
