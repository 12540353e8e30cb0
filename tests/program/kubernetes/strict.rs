//! What an API server does not take as it was sent is named at once, in a plan too: unknown fields, fields that it drops, versions of APIs that
//! it does not serve.

use std::time::Duration;

use cutover_engine::clock::Clock as _;
use cutover_engine::plan::{Plan, Verdict};
use cutover_engine::world::{Request, World as _};
use cutover_sandbox::{Strike, StrikeKind, WorldSpec};
use serde_json::json;

use crate::support::play::{CUTOVER, Play, example};
use crate::support::stage::Stage;

/// A playbook with one step on the active site.
fn play(step: &str) -> Play {
    let text = format!("name: one\nphases:\n  - name: one\n    steps:\n      - {{name: it, target: active, {step}}}\n");
    Play::load(CUTOVER, &|_| text.clone(), &example())
}

fn stage(play: &Play, version: &str) -> Stage {
    Stage::new(play, WorldSpec { kubernetes_version: version.to_owned(), ..WorldSpec::default() }, 1)
}

/// The verdict on its only task, and why.
fn verdict(plan: &Plan) -> (Verdict, String) {
    let task = plan.steps().flat_map(|step| &step.tasks).next().expect("a task");
    let failure = task.failure.iter().flat_map(|failure| [Some(&failure.message), failure.help.as_ref()]).flatten();
    let words: Vec<String> = task.reasons.iter().chain(failure).map(ToString::to_string).collect();
    (task.verdict.clone(), words.join("\n"))
}

const MISSPELT: [(&str, &str); 3] = [
    (
        "k8s_apply: {manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: common}, dat: {a: b}}}",
        "dat",
    ),
    (
        "k8s_patch: {kind: StatefulSet, namespace: common, name: common-etcd-etcd, patch: {spec: {noSuchField: 1}}}",
        "spec.noSuchField",
    ),
    (
        "k8s_patch: {kind: StatefulSet, namespace: common, name: common-etcd-etcd, type: strategic, patch: {spec: {noSuchField: 1}}}",
        "spec.noSuchField",
    ),
];

#[tokio::test(start_paused = true)]
async fn a_field_that_is_not_known_is_refused_and_a_plan_says_so() {
    for (step, field) in MISSPELT {
        let play = play(step);
        let stage = stage(&play, "1.36");
        let words = format!("strict decoding error: unknown field \"{field}\"");
        let (verdict, why) = verdict(&stage.plan(&play).await);
        assert!(verdict == Verdict::Blocked && why.contains(&words), "{step}: {verdict:?} {why}");
        let ran = stage.run(&play).await;
        assert!(ran.ending.exit_code == 1 && ran.words().contains(&words), "{step}: {}", ran.summary());
        assert!(!ran.words().contains("containers"), "the object is not repeated: {}", ran.words());
        assert_eq!(ran.standing(), Vec::<String>::new(), "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_dropped_ends_the_wait_at_once() {
    let play = play(
        "k8s_patch: {kind: StatefulSet, namespace: common, name: common-etcd-etcd, patch: {spec: {minReadySeconds: 7}}}",
    );
    // 1.20 does not know it, and has no strict validation.
    let stage = stage(&play, "1.20");
    let words = "not as it was sent: spec.minReadySeconds is missing";
    let (verdict, why) = verdict(&stage.plan(&play).await);
    assert!(verdict == Verdict::Blocked && why.contains(words), "{verdict:?} {why}");
    let begun = stage.world.now();
    let ran = stage.run(&play).await;
    assert!(ran.ending.exit_code == 1 && ran.words().contains(words), "{}", ran.summary());
    let took = Duration::try_from(stage.world.now() - begun).expect("a duration");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn what_admission_would_refuse_is_known_to_a_plan() {
    let play = play(
        "k8s_apply: {manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: common}, data: {a: b}}}",
    );
    let stage = stage(&play, "1.36");
    assert_eq!(verdict(&stage.plan(&play).await).0, Verdict::Change);
    let found = stage.api("primary", "GET", "/api/v1/namespaces/common/configmaps", None).await;
    assert!(!found.to_string().contains("\"x\""), "a plan stores nothing: {found}");
    stage.world.inject(Strike::text("dryRun=All", StrikeKind::Answers { status: 422, retry_after: None }));
    let (verdict, why) = verdict(&stage.plan(&play).await);
    assert!(verdict == Verdict::Blocked && why.contains("(422)"), "{verdict:?} {why}");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_strict_is_warned() {
    let play = play("set_fact: {a: 1}");
    let stage = stage(&play, "1.36");
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w"}, "spec": 1});
    let path = "/api/v1/namespaces/common/configmaps?dryRun=All";
    let request = Request { method: "POST".to_owned(), body: Some(body), ..Request::get("primary", path) };
    let answer = stage.world.request(&request).await.expect("an answer");
    // As a real 1.36 writes it.
    assert_eq!(answer.headers["warning"], [r#"299 - "unknown field \"spec\"""#]);
}

#[tokio::test(start_paused = true)]
async fn discovery_decides_which_version_of_an_api_there_is() {
    for (served, gone) in [(("1.36", "policy/v1"), "policy/v1beta1"), (("1.20", "policy/v1beta1"), "policy/v1")] {
        let wait = |api_version: &str| {
            play(&format!(
                "k8s_wait: {{api_version: {api_version}, kind: PodDisruptionBudget, namespace: common, name: x, for: absent}}"
            ))
        };
        let there = wait(served.1);
        assert_eq!(verdict(&stage(&there, served.0).plan(&there).await).0, Verdict::InSync, "{served:?}");
        let play = wait(gone);
        let stage = stage(&play, served.0);
        let (verdict, why) = verdict(&stage.plan(&play).await);
        let words = format!("primary does not serve the API {gone}");
        assert!(verdict == Verdict::Failed && why.contains(&words), "{verdict:?} {why}");
        assert!(why.contains(&format!("it serves `{}`", served.1)), "{why}");
        let ran = stage.run(&play).await;
        assert!(ran.ending.exit_code == 1 && ran.words().contains(&words), "{}", ran.summary());
    }
}
