//! Decides what is needed for a release to be as the chart and the values say.

use cutover_engine::action::Action;
use cutover_engine::digest::digest;
use cutover_engine::module::{Change, Diff};
use cutover_engine::text;
use cutover_engine::text::Text;

use super::command::Cli;
use super::look::{Revision, Scaled, State};
use super::manifest::{OTHER_SECRET, SECRET, preview};
use super::{Params, save};
use crate::support::kubernetes::retention::Retention;

/// Compares.
pub(super) fn diff(cli: &Cli, params: &Params, state: &State) -> Diff {
    if let Some(reason) = wrong_version(params, state) {
        return Diff::blocked(reason);
    }
    let Some(last) = state.last() else { return install(cli, params, state) };
    match last.status.as_str() {
        "deployed" if in_sync(params, state, last) => Diff::InSync,
        "deployed" | "failed" if !state.drops_claims.is_empty() => Diff::refused(state.drops_claims.clone()),
        "deployed" | "failed" if state.scaled.iter().any(|scaled| scaled.owner.is_some()) => {
            Diff::refused(state.scaled.iter().filter_map(conflict))
        }
        "deployed" | "failed" => Diff::Change(vec![upgrade(cli, params, state, last)]),
        status if status.starts_with("pending-") => match (params.recover_pending, recover(cli, params, state, last)) {
            (true, Some(_)) if !state.drops_claims.is_empty() => Diff::refused(state.drops_claims.clone()),
            (true, Some(change)) => Diff::Change(vec![change]),
            _ => Diff::refused(stuck(cli, state, last)),
        },
        "uninstalling" => Diff::refused([
            text!(
                "helm.uninstalling",
                "release {release} is being uninstalled, {since}",
                release = &params.release,
                since = since(state, last)
            ),
            text!("helm.uninstalling.advice", "finish that first, with `state: absent`"),
        ]),
        other => Diff::blocked(text!(
            "helm.no-upgrade-from",
            "release {release} is {status}, from which it cannot be upgraded",
            release = &params.release,
            status = other
        )),
    }
}

/// Why helm 4 would not change a number of replicas that somebody else has set.
fn conflict(scaled: &Scaled) -> Option<Text> {
    let Scaled { id, is, will, owner } = scaled;
    let owner = owner.as_ref()?;
    Some(text!(
        "helm.conflict",
        "{id} has {is} replicas, set by {owner}, and the chart and the values say {will}: helm 4 refuses to change what another owns \
         (`conflict with \"{owner}\"`); scale it to {will} with k8s_scale first, then the number belongs to both, or give the release \
         the values with {is}",
        id,
        is,
        owner,
        will
    ))
}

/// helm takes whatever version a directory or archive has.
fn wrong_version(params: &Params, state: &State) -> Option<Text> {
    let (wanted, chart) = (params.version.as_deref()?, state.chart.as_deref()?);
    let exact = wanted.split('.').count() == 3 && wanted.starts_with(|c: char| c == 'v' || c.is_ascii_digit());
    let wanted = wanted.trim_start_matches('v');
    (exact && !chart.ends_with(&format!("-{wanted}")) && !chart.ends_with(&format!("-v{wanted}"))).then(|| {
        let name = params.chart.as_deref().unwrap_or_default();
        text!(
            "helm.wrong-version",
            "the chart {name} is {chart}, not version {wanted}",
            name = name,
            chart = chart,
            wanted = wanted
        )
    })
}

/// Names what is deployed: the chart and what it renders to, Secrets masked. Kept in the revision's description, so that
/// what a rendering without the cluster cannot know (`lookup`, custom API versions) is not taken for drift for ever.
fn mark(state: &State) -> String {
    let objects = state.rendered.iter().map(|object| object.body.to_string().replace(OTHER_SECRET, SECRET));
    let texts: Vec<String> = state.chart.iter().cloned().chain(objects).collect();
    digest(texts.iter().map(String::as_str)).chars().take(12).collect()
}

fn described(word: &str, state: &State) -> String {
    format!("{word} complete (cutover {})", mark(state))
}

/// Whether the release is what the chart and the values say.
pub(super) fn in_sync(params: &Params, state: &State, last: &Revision) -> bool {
    let values = state.wanted(params).is_none_or(|values| *values == state.values);
    let chart = state.chart.as_ref() == Some(&last.chart);
    let marked = last.description.ends_with(&format!("(cutover {})", mark(state)));
    chart && values && (marked || preview(&state.deployed, &state.rendered).is_none())
}

fn install(cli: &Cli, params: &Params, state: &State) -> Diff {
    let Params { namespace, release, .. } = params;
    if state.no_namespace && !params.create_namespace {
        return Diff::refused([
            text!("helm.no-namespace", "there is no namespace {namespace}", namespace),
            text!("helm.no-namespace.advice", "make it first, or set `create_namespace: true`"),
        ]);
    }
    let chart = params.chart.as_deref().unwrap_or_default();
    let description = described("Install", state);
    let mut words = vec!["install", release, chart, "--description", &description];
    words.extend(params.version.iter().flat_map(|version| ["--version", version]));
    if params.create_namespace {
        words.push("--create-namespace");
    }
    // What was uninstalled with its history kept is continued.
    let mut back = vec!["uninstall", release];
    if !state.history.is_empty() {
        words.push("--replace");
        back.push("--keep-history");
    }
    let action = Cli::action(cli.with_values(words, state.wanted(params).unwrap_or(&state.values)));
    let label = state.chart.as_deref().unwrap_or(chart);
    let added: String = state.rendered.iter().map(|object| format!("+ {} is added\n", object.id)).collect();
    let summary =
        text!("helm.install", "install {chart} as release {namespace}/{release}", chart = label, namespace, release);
    let change = Change::at_most_once("install", summary, [action]).preview(added);
    // Undone by an uninstall, the claims would be deleted with such a set.
    let lost = state.rendered.iter().any(|object| Retention::of(&object.body).when_deleted);
    Diff::Change(vec![if lost { change } else { change.undo([Cli::action(cli.command(back))]) }])
}

fn upgrade(cli: &Cli, params: &Params, state: &State, last: &Revision) -> Change {
    let Params { namespace, release, .. } = params;
    let chart = params.chart.as_deref().unwrap_or_default();
    let description = described("Upgrade", state);
    // Without --reset-values helm reuses the old values when the new ones are empty.
    let mut words = vec!["upgrade", release, chart, "--reset-values", "--description", &description];
    words.extend(params.version.iter().flat_map(|version| ["--version", version]));
    let mut actions: Vec<Action> = save::actions(cli, params, last.revision);
    actions.push(Cli::action(cli.with_values(words, state.wanted(params).unwrap_or(&state.values))));
    let label = state.chart.as_deref().unwrap_or(chart);
    let summary = text!(
        "helm.upgrade",
        "upgrade release {namespace}/{release} from {from} to {to}",
        namespace,
        release,
        from = &last.chart,
        to = label
    );
    let change = Change::idempotent("upgrade", summary, actions).preview(shown(params, state, last));
    match state.history.iter().rev().find(|revision| revision.status == "deployed") {
        Some(good) => change.undo([Cli::action(cli.command(["rollback", release, &good.revision.to_string()]))]),
        None => change,
    }
}

/// What an upgrade would change, for people.
fn shown(params: &Params, state: &State, last: &Revision) -> String {
    let mut text = String::new();
    if last.status == "failed" {
        text += &format!("revision {} failed: {}\n", last.revision, last.description);
    }
    if let Some(chart) = state.chart.as_ref().filter(|chart| **chart != last.chart) {
        text += &format!("chart: {} -> {chart}\n", last.chart);
    }
    if let Some(values) = state.wanted(params).filter(|values| **values != state.values) {
        let mut keys: Vec<&String> = values.keys().chain(state.values.keys()).collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| values.get(*key) != state.values.get(*key));
        let names: Vec<&str> = keys.into_iter().map(String::as_str).collect();
        text += &format!("values: {} change\n", names.join(", "));
    }
    for Scaled { id, is, will, .. } in &state.scaled {
        text += &format!("replicas: {id} has {is} now and goes to {will}\n");
    }
    text + &preview(&state.deployed, &state.rendered).unwrap_or_default()
}

/// Why nothing can be done to a release that an interrupted helm left behind.
pub(super) fn stuck(cli: &Cli, state: &State, last: &Revision) -> Vec<Text> {
    let recovery = recovery(cli, state);
    vec![
        left(state, last, &cli.release),
        text!(
            "helm.recovery",
            "if no helm is at work on it any more, set `recover_pending: true`, or: {command}",
            command = recovery
        ),
    ]
}

/// How an interrupted helm left a release.
pub(super) fn left(state: &State, last: &Revision, release: &str) -> Text {
    text!(
        "helm.left",
        "release {release} is {status}, revision {revision}, {since}",
        release = release,
        status = &last.status,
        revision = last.revision,
        since = since(state, last)
    )
}

/// The command that ends a pending operation.
pub(super) fn recovery(cli: &Cli, state: &State) -> String {
    let release = &cli.release;
    match state.good() {
        Some(good) => cli.command(["rollback", release, &good.revision.to_string()]).to_string(),
        None => cli.command(["uninstall", release]).to_string(),
    }
}

fn since(state: &State, last: &Revision) -> Text {
    let time = &last.updated;
    match state.age_seconds {
        Some(age @ 0..120) => text!("helm.since-seconds", "since {time} ({age} s ago)", time, age),
        Some(age @ 120..7200) => text!("helm.since-minutes", "since {time} ({age} min ago)", time, age = age / 60),
        Some(age @ 7200..172_800) => text!("helm.since-hours", "since {time} ({age} h ago)", time, age = age / 3600),
        Some(age @ 172_800..) => text!("helm.since-days", "since {time} ({age} days ago)", time, age = age / 86_400),
        _ => text!("helm.since", "since {time}", time),
    }
}

/// Ends a pending operation: back to the last good revision, or away with it if there never was one.
fn recover(cli: &Cli, params: &Params, state: &State, last: &Revision) -> Option<Change> {
    let Params { namespace, release, .. } = params;
    let (status, updated) = (&last.status, &last.updated);
    match state.good() {
        Some(good) => {
            let number = good.revision.to_string();
            let action = Cli::action(cli.command(["rollback", release, &number]));
            let summary = text!(
                "helm.roll-back",
                "roll back to revision {revision}: release {namespace}/{release}, which is {status} since {updated}",
                revision = &number,
                namespace,
                release,
                status,
                updated
            );
            Some(Change::idempotent("roll-back", summary, [action]))
        }
        None => {
            let action = Cli::action(cli.command(["uninstall", release]));
            let summary = text!(
                "helm.uninstall-pending",
                "uninstall release {namespace}/{release}, which is {status} since {updated}",
                namespace,
                release,
                status,
                updated
            );
            Some(Change::at_most_once("uninstall-pending", summary, [action]))
        }
    }
}
