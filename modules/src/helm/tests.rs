use cutover_engine::module::{Context, Diff, Module};
use cutover_engine::world::{Exit, Output};
use serde_json::{Map, Value, json};

use super::look::{Revision, Scaled, State};
use super::manifest::{level, mask, parse, preview};
use super::{Helm, Params};
use crate::testing::{context, pair_context, show};

/// What helm 3.17 and helm 4.1 print of the same release, taken from the real ones.
const HISTORY_3: &str = r#"[{"revision":1,"updated":"2026-11-25T07:15:29.970884745Z","status":"superseded","chart":"etcd-1.1.0","app_version":"3.5.6","description":"Install complete"},{"revision":2,"updated":"2026-11-25T07:15:30.551313727Z","status":"pending-upgrade","chart":"etcd-1.1.0","app_version":"3.5.6","description":"Upgrade complete"}]"#;
const HISTORY_4: &str = r#"[{"revision":1,"updated":"2026-11-25T07:15:41.466249068Z","status":"superseded","chart":"etcd-1.1.0","app_version":"3.5.6","description":"Install complete"},{"revision":2,"updated":"2026-11-25T07:15:42.035496354Z","status":"pending-upgrade","chart":"etcd-1.1.0","app_version":"3.5.6","description":"Upgrade complete"}]"#;

const MANIFEST: &str = "---\n# Source: x/a.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: x\nspec:\n  ports: [{port: 1}]\n---\n\
                        # Source: x/b.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  password: aHVudGVyMg==\n---\n\
                        # only a comment\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: x\n  namespace: common\nspec:\n  \
                        replicas: 3\n  template: {metadata: {labels: {app.kubernetes.io/instance: x}}}\n";

fn site() -> Context {
    use cutover_engine::inventory::{Connection, Inventory, Kubernetes, Site, Ssh};
    let site = Site {
        name: "primary".to_owned(),
        kubernetes: Kubernetes { kubeconfig: "p.conf".into(), context: "primary".into(), uid: None },
        connection: Connection::Ssh,
        ssh: Ssh::default(),
        nodes: Default::default(),
        vars: Map::new(),
    };
    context(Inventory { sites: [("primary".to_owned(), site)].into_iter().collect(), ..Inventory::default() })
}

fn params(more: Value) -> Params {
    let mut all = json!({"release": "x", "namespace": "common", "chart": "./x"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

fn revision(number: u64, status: &str) -> Revision {
    Revision {
        revision: number,
        updated: "2026-01-17T22:00:00Z".to_owned(),
        status: status.to_owned(),
        chart: "x-1.0.0".to_owned(),
        app_version: "1".to_owned(),
        description: "Install complete".to_owned(),
    }
}

/// A release with these revisions, whose chart renders to what is deployed.
fn state(statuses: &[&str]) -> State {
    let objects = parse(MANIFEST, "common").unwrap();
    let history: Vec<Revision> = (1..).zip(statuses).map(|(number, status)| revision(number, status)).collect();
    let installed = history.last().is_some_and(|last| last.status != "uninstalled");
    let mut state = State {
        cluster: super::command::Cluster::of(site().inventory(), "primary").unwrap(),
        history,
        age_seconds: Some(90),
        values: json!({"a": 1}).as_object().cloned().unwrap(),
        deployed: if installed { objects.clone() } else { Vec::new() },
        chart: Some("x-1.0.0".to_owned()),
        rendered: objects,
        ..State::default()
    };
    mask(&mut state.deployed, &mut state.rendered);
    state
}

fn shown(more: Value, state: &State) -> String {
    show(&Helm.diff(pair_context().facts(), &params(more), state))
        .replace("helm --kubeconfig p.conf --kube-context primary --namespace common", "HELM")
}

#[test]
fn histories_of_both_majors_are_read() {
    for text in [HISTORY_3, HISTORY_4] {
        let history: Vec<Revision> = serde_json::from_str(text).unwrap();
        assert_eq!((history.len(), history[1].status.as_str()), (2, "pending-upgrade"));
        assert!(history[1].updated.parse::<jiff::Timestamp>().is_ok());
    }
}

#[test]
fn a_manifest_is_compared_by_meaning_and_shown_without_secrets() {
    let (mut deployed, mut rendered) = (parse(MANIFEST, "common").unwrap(), parse(MANIFEST, "common").unwrap());
    assert_eq!(
        deployed.iter().map(|object| object.id.as_str()).collect::<Vec<_>>(),
        ["v1 Service common/x", "v1 Secret common/s", "apps/v1 StatefulSet common/x"]
    );
    let other = MANIFEST.replace("[{port: 1}]", "\n  - port: 1").replace("# Source: x/a.yaml\n", "");
    assert_eq!(preview(&deployed, &parse(&other, "common").unwrap()), None);
    let other = MANIFEST.replace("replicas: 3", "replicas: 1").replace("aHVudGVyMg==", "aHVudGVyMw==");
    rendered = parse(&other, "common").unwrap_or(rendered);
    mask(&mut deployed, &mut rendered);
    let text = preview(&deployed, &rendered).unwrap();
    assert!(!text.contains("aHVudGVy"), "{text}");
    assert!(text.contains("-  password: (secret)\n+  password: (another secret)\n"), "{text}");
    assert!(text.contains("-  replicas: 3\n+  replicas: 1\n"), "{text}");
    let fewer = &rendered[..2];
    assert!(preview(&deployed, fewer).unwrap().contains("- apps/v1 StatefulSet common/x is removed\n"));
    assert!(preview(fewer, &rendered).unwrap().contains("+ apps/v1 StatefulSet common/x is added\n"));
}

#[test]
fn what_is_random_in_a_chart_is_not_drift() {
    let render = |password: &str| parse(&MANIFEST.replace("aHVudGVyMg==", password), "common").unwrap();
    let (mut deployed, first, second) = (render("one"), render("two"), render("three"));
    let mut rendered = first.clone();
    assert!(preview(&deployed, &rendered).is_some());
    level(&first, &second, [&mut deployed, &mut rendered]);
    assert_eq!(preview(&deployed, &rendered), None);
    // A change beside it is still seen.
    let mut drifted = parse(&MANIFEST.replace("port: 1", "port: 2"), "common").unwrap();
    let mut rendered = first.clone();
    level(&first, &second, [&mut drifted, &mut rendered]);
    assert!(preview(&drifted, &rendered).unwrap().contains("-  - port: 2\n+  - port: 1\n"));
}

#[test]
fn verdicts_on_a_release_that_is_to_be_present() {
    assert_eq!(shown(json!({}), &state(&["superseded", "deployed"])), "in sync\n");
    assert_eq!(shown(json!({"values": {"a": 1}}), &state(&["deployed"])), "in sync\n");
    let mut text = String::new();
    let mut say = |title: &str, more: Value, state: &State| text += &format!("# {title}\n{}\n", shown(more, state));
    say("not installed", json!({"values": {"password": "s3cret"}}), &state(&[]));
    say("uninstalled, history kept", json!({"create_namespace": true}), &state(&["uninstalled"]));
    say("no namespace", json!({}), &State { no_namespace: true, ..state(&[]) });
    say("other values", json!({"values": {"b": 2}, "save": "/var/lib/cutover/"}), &state(&["superseded", "deployed"]));
    let mut drifted = state(&["deployed"]);
    drifted.rendered[2].body["spec"]["replicas"] = json!(5);
    let scaled = |owner: Option<&str>| Scaled {
        id: "apps/v1 StatefulSet common/x".to_owned(),
        is: 0,
        will: 5,
        owner: owner.map(str::to_owned),
    };
    drifted.scaled = vec![scaled(None)];
    drifted.chart = Some("x-1.1.0".to_owned());
    say("drift", json!({"chdir": "/play"}), &drifted);
    let drops_claims = vec![cutover_engine::text::Text::verbatim("a StatefulSet deletes its claims")];
    say("drift, and claims would go", json!({}), &State { drops_claims, ..drifted.clone() });
    let conflicting = State { scaled: vec![scaled(Some("cutover"))], ..drifted };
    say("drift of what another owns", json!({}), &conflicting);
    let mut deleting = state(&[]);
    deleting.rendered[2].body["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Delete"});
    say("not installed, and claims would go with it", json!({}), &deleting);
    say("wrong version", json!({"version": "1.2.0"}), &state(&["deployed"]));
    say("failed upgrade", json!({}), &state(&["deployed", "failed"]));
    say("failed install", json!({}), &state(&["failed"]));
    say("pending upgrade", json!({}), &state(&["superseded", "deployed", "pending-upgrade"]));
    say(
        "pending upgrade, recovered",
        json!({"recover_pending": true}),
        &state(&["superseded", "deployed", "pending-upgrade"]),
    );
    say("pending install", json!({}), &State { age_seconds: Some(200_000), ..state(&["pending-install"]) });
    say("pending install, recovered", json!({"recover_pending": true}), &state(&["pending-install"]));
    say("uninstalling", json!({}), &state(&["uninstalling"]));
    assert!(!text.contains("s3cret") && !text.contains("aHVudGVy"));
    insta::assert_snapshot!(text);
}

#[test]
fn what_was_upgraded_once_with_the_same_input_is_not_upgraded_again() {
    let mut drifted = state(&["deployed"]);
    drifted.rendered[0].body["spec"]["ports"][0]["port"] = json!(2);
    let Diff::Change(changes) = Helm.diff(pair_context().facts(), &params(json!({})), &drifted) else {
        panic!("no drift")
    };
    let cutover_engine::action::Action::Exec { command, .. } = &changes[0].actions[0] else { panic!("no command") };
    let at = command.argv.iter().position(|word| word == "--description").unwrap();
    drifted.history[0].description = command.argv[at + 1].clone();
    assert_eq!(shown(json!({}), &drifted), "in sync\n");
    assert!(shown(json!({"values": {"a": 2}}), &drifted).starts_with("change"));
}

#[test]
fn verdicts_on_a_release_that_is_to_be_absent() {
    let absent = |more: Value, state: &State| {
        let mut all = json!({"state": "absent"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        shown(all, state)
    };
    let left = |deleting: Option<&str>| super::pods::Left { name: "x-0".into(), deleting: deleting.map(str::to_owned) };
    assert_eq!(absent(json!({}), &state(&[])), "in sync\n");
    assert_eq!(absent(json!({}), &state(&["uninstalled"])), "in sync\n");
    let mut text = String::new();
    let mut say = |title: &str, more: Value, state: &State| text += &format!("# {title}\n{}\n", absent(more, state));
    let pods = vec![left(Some("2026-01-17T22:00:00Z")), left(None)];
    say("pods are left", json!({}), &State { pods, ..state(&[]) });
    say("installed", json!({}), &state(&["superseded", "deployed"]));
    say("installed, all is kept", json!({"keep_history": true, "save": "kept"}), &state(&["deployed"]));
    say("a selector that misses pods", json!({"selector": "app=x"}), &state(&["deployed"]));
    let drops_claims = vec![cutover_engine::text::Text::verbatim("a StatefulSet deletes its claims")];
    say("claims would go", json!({}), &State { drops_claims, ..state(&["deployed"]) });
    say("pending", json!({}), &state(&["deployed", "pending-rollback"]));
    say("pending, recovered", json!({"recover_pending": true}), &state(&["pending-install"]));
    insta::assert_snapshot!(text);
}

#[test]
fn only_the_last_revision_says_whether_a_release_is_settled() {
    let settled = |statuses: &[&str]| shown(json!({"state": "settled"}), &state(statuses));
    for good in [&[][..], &["deployed"], &["superseded", "pending-upgrade", "deployed"], &["failed"], &["uninstalled"]]
    {
        assert_eq!(settled(good), "in sync\n", "{good:?}");
    }
    let pending = settled(&["superseded", "deployed", "pending-upgrade"]);
    assert!(pending.starts_with("blocked: release x is pending-upgrade, revision 3, since"), "{pending}");
    assert!(pending.contains("any more: HELM rollback x 2"), "{pending}");
    assert!(settled(&["pending-install"]).contains("any more: HELM uninstall x"));
    assert!(settled(&["uninstalling"]).contains("any more: HELM uninstall x"));
    let failed = settled(&["superseded", "deployed", "failed"]);
    assert!(
        failed.contains("revision 3 failed (Install complete), so what runs is revision 2, all or part of it"),
        "{failed}"
    );
    assert!(failed.contains("put it right first: HELM rollback x 2, or an upgrade that succeeds"), "{failed}");
    let drifted = State { drifted: vec![cutover_engine::text::Text::verbatim("it differs")], ..state(&["deployed"]) };
    assert_eq!(shown(json!({"state": "settled"}), &drifted), "blocked: it differs\n");
}

#[test]
fn what_no_upgrade_can_change_is_compared_with_what_runs() {
    let set = |policy: Value| json!({"spec": {"podManagementPolicy": policy, "serviceName": "x"}});
    let of = |manifest: Value, live: Value| super::look::unlike("apps/v1 StatefulSet common/x", &manifest, &live);
    assert_eq!(of(set(json!("Parallel")), set(json!("Parallel"))).len(), 0);
    // The API server fills the default in.
    assert_eq!(of(set(Value::Null), set(json!("OrderedReady"))).len(), 0);
    let [one] = of(set(json!("OrderedReady")), set(json!("Parallel"))).try_into().unwrap();
    assert!(one.contains("podManagementPolicy is Parallel, and the last revision has OrderedReady"), "{one}");
}

#[test]
fn the_way_back_of_an_uninstall_leads_to_a_good_revision() {
    let absent = |statuses: &[&str]| shown(json!({"state": "absent", "keep_history": true}), &state(statuses));
    assert!(absent(&["superseded", "deployed"]).contains("undo controller$ HELM rollback x 2"));
    assert!(absent(&["superseded", "deployed", "failed"]).contains("undo controller$ HELM rollback x 2"));
    assert!(!absent(&["failed"]).contains("undo"));
}

#[test]
fn the_result_of_an_uninstall_is_what_was_there_before() {
    let output = |stdout: &str| {
        cutover_engine::action::Done::Output(Output {
            exit: Exit::Code(0),
            stdout: stdout.into(),
            stderr: String::new(),
        })
    };
    let done = [output(HISTORY_3), output("{\"replicas\":3}\n"), output("release \"x\" uninstalled\n")];
    let result =
        Helm.result(pair_context().facts(), &params(json!({"state": "absent", "save": "/kept"})), &state(&[]), &done);
    assert_eq!(result["installed"], json!(false));
    assert_eq!(
        result["before"],
        json!({
            "revision": 2, "chart": "etcd-1.1.0", "app_version": "3.5.6", "values": {"replicas": 3},
            "saved": {
                "values": "/kept/common-x-revision-2-values.yaml", "manifest": "/kept/common-x-revision-2-manifest.yaml",
                "notes": "/kept/common-x-revision-2-notes.txt",
            },
        })
    );
    let done = [output(HISTORY_3), output("null\n")];
    let result = Helm.result(pair_context().facts(), &params(json!({"state": "absent"})), &state(&[]), &done);
    assert_eq!(result["before"]["values"], json!({}));
}

#[test]
fn names_and_contexts_that_cannot_be_are_refused() {
    for (more, pointer) in [
        (json!({"release": "-x"}), "/release"),
        (json!({"namespace": "a b"}), "/namespace"),
        (json!({"chart": "--post-renderer"}), "/chart"),
    ] {
        assert_eq!(Helm::judge(&params(more)).unwrap_err().pointer.as_deref(), Some(pointer));
    }
    let mut none = params(json!({}));
    none.chart = None;
    assert!(Helm::judge(&none).unwrap_err().message.contains("`chart` is missing"));
    let failure = super::command::Cluster::of(pair_context().inventory(), "primary").unwrap_err();
    assert!(failure.message.contains("site `primary` has no `kubernetes.kubeconfig`"), "{failure}");
}

#[test]
fn a_number_of_replicas_has_an_owner_where_helm_applies_on_the_server() {
    // As a real 1.36 has answered, after an apply by helm 4 and a patch of the subresource.
    let replicas = json!({"f:spec": {"f:replicas": {}}});
    let helm = json!({"manager": "helm", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": replicas});
    let ours = json!({"manager": "cutover", "operation": "Update", "fieldsV1": replicas, "subresource": "scale"});
    let controller = json!({"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:status": {}}, "subresource": "status"});
    let owner = |fields: Value| super::look::owner_of_replicas(&json!({"metadata": {"managedFields": fields}}));
    assert_eq!(owner(json!([helm, ours, controller])).as_deref(), Some("cutover"));
    assert_eq!(owner(json!([helm, controller])), None);
    // helm 3 patches, and asks nobody.
    let patched = json!({"manager": "helm", "operation": "Update", "fieldsV1": replicas});
    assert_eq!(owner(json!([patched, ours])), None);
    assert_eq!(owner(Value::Null), None);
}
