//! The modules helm, k8s_exec and etcd_check, driven against the sandbox's helm, etcdctl and API server.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::action::{Action, Done};
use cutover_engine::inventory::{Inventory, Kubernetes};
use cutover_engine::module::{Change, Context, Diff};
use cutover_engine::request::Request;
use cutover_engine::source::SourceFile;
use cutover_engine::target::Target;
use cutover_engine::world::{Command, Output, Place, World, collect, pipe};
use cutover_modules::REGISTRY;
use cutover_sandbox::{At, Sandbox, Strike, StrikeKind, WorldSpec};
use cutover_testkit::inventory::two_sites;
use serde_json::{Value, json};

/// A world with the workload of three members on site `primary`.
struct Lab {
    sandbox: Sandbox,
    inventory: Arc<Inventory>,
}

/// How driving a module ended.
#[derive(Debug)]
enum End {
    /// In sync: the changes that were made, what was waited for, the result.
    Done(Vec<Change>, Vec<String>, Value),
    /// Refused.
    Blocked(String),
    /// Waited for this for ever, or a command failed.
    Failed(String),
}

impl End {
    fn done(self) -> (Vec<Change>, Vec<String>, Value) {
        match self {
            Self::Done(changes, waits, result) => (changes, waits, result),
            other => panic!("not done: {other:?}"),
        }
    }

    fn blocked(self) -> String {
        match self {
            Self::Blocked(reasons) => reasons,
            other => panic!("not refused: {other:?}"),
        }
    }
}

impl Lab {
    fn new() -> Self {
        let inventory = Arc::new(inventory());
        let sandbox = Sandbox::new(Arc::clone(&inventory), WorldSpec::default(), 7).expect("the world can be built");
        Self { sandbox, inventory }
    }

    fn context(&self, site: &str) -> Context {
        let world = Arc::new(self.sandbox.clone());
        Context::new(Target::Site { site: site.into() }, None, Arc::clone(&self.inventory), world)
    }

    async fn look(&self, site: &str, module: &str, params: &Value) -> Diff {
        let bound = REGISTRY.get(module).unwrap().bind(params.clone()).unwrap();
        bound.look(&self.context(site)).await.unwrap().diff
    }

    /// Drives a module as the engine does: at most two minutes of waiting.
    async fn drive(&self, site: &str, module: &str, params: Value) -> End {
        let cx = self.context(site);
        let bound = REGISTRY.get(module).expect("the module exists").bind(params).expect("the parameters are right");
        let (mut made, mut waits, mut done) = (Vec::new(), Vec::new(), Vec::new());
        let began = tokio::time::Instant::now();
        loop {
            let probed = match bound.look(&cx).await {
                Ok(probed) => probed,
                Err(failure) => return End::Failed(failure.to_string()),
            };
            let (changes, once) = match &probed.diff {
                Diff::InSync => return End::Done(made, waits, probed.result(&done)),
                Diff::Blocked(reasons) => {
                    return End::Blocked(reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
                }
                Diff::Waiting(waiting) if began.elapsed() > Duration::from_secs(120) => {
                    return End::Failed(waiting.why.to_string());
                }
                Diff::Waiting(waiting) => {
                    if waits.last() != Some(&waiting.why.to_string()) {
                        waits.push(waiting.why.to_string());
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Diff::Change(changes) => (changes.clone(), false),
                Diff::Run(changes) => (changes.clone(), true),
            };
            assert!(made.len() < 10, "never in sync: {made:?}");
            for change in changes {
                for action in &change.actions {
                    if let Action::Request(request) = action {
                        let answer = self.sandbox.request(request).await.unwrap();
                        assert!(answer.is_success(), "{request:?}: {answer:?}");
                        done.push(Done::Response(answer.body));
                        continue;
                    }
                    match self.act(action).await {
                        Ok(output) => done.push(Done::Output(output)),
                        Err(words) => return End::Failed(words),
                    }
                }
                let look = change.look_after;
                made.push(change);
                if look {
                    break;
                }
            }
            if once {
                return End::Done(made, waits, probed.result(&done));
            }
        }
    }

    async fn act(&self, action: &Action) -> Result<Output, String> {
        let (output, command) = match action {
            Action::Exec { place, command } => (self.exec(place, command).await, command),
            Action::Pipe { source, read, destination, write } => {
                let from = self.sandbox.transport(source).await.unwrap();
                let to = self.sandbox.transport(destination).await.unwrap();
                let (sent, received) = pipe((from.as_ref(), read), (to.as_ref(), write)).await.unwrap();
                assert!(sent.success(), "{sent:?}");
                (received, write)
            }
            Action::Request(request) => panic!("these modules send no requests: {request:?}"),
        };
        if output.accepted_by(command) { Ok(output) } else { Err(format!("{action}: {}", output.stderr)) }
    }

    async fn exec(&self, place: &Place, command: &Command) -> Output {
        collect(self.sandbox.transport(place).await.unwrap().as_ref(), command).await.unwrap()
    }

    async fn node(&self, node: &str, line: &str) -> String {
        let output = self.exec(&Place::node("primary", node), &Command::new(line.split(' '))).await;
        assert!(output.success(), "{line}: {output:?}");
        output.stdout
    }

    async fn request(&self, site: &str, method: &str, path: &str, body: Value) -> Value {
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = (!body.is_null()).then_some(body);
        let request = Request {
            method: method.to_owned(),
            content_type: Some(media.to_owned()),
            body,
            ..Request::get(site, path)
        };
        let answer = self.sandbox.request(&request).await.unwrap();
        assert!(answer.is_success(), "{method} {path}: {answer:?}");
        answer.body
    }

    /// Scales the workload and waits until it has settled.
    async fn scale(&self, replicas: usize) {
        let path = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
        self.request("primary", "PATCH", path, json!({"spec": {"replicas": replicas}})).await;
        tokio::time::sleep(Duration::from_secs(40)).await;
    }

    /// The node and directory of each member's data.
    async fn volumes(&self) -> Vec<(String, String)> {
        let mut volumes = Vec::new();
        for ordinal in 0..3 {
            let path = format!("/api/v1/namespaces/common/persistentvolumeclaims/data-common-etcd-etcd-{ordinal}");
            let claim = self.request("primary", "GET", &path, Value::Null).await;
            let path = format!("/api/v1/persistentvolumes/{}", claim["spec"]["volumeName"].as_str().unwrap());
            let volume = self.request("primary", "GET", &path, Value::Null).await;
            let terms = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0];
            let path = volume["spec"]["hostPath"]["path"].as_str().or(volume["spec"]["local"]["path"].as_str());
            volumes.push((terms["values"][0].as_str().unwrap().to_owned(), path.unwrap().to_owned()));
        }
        volumes
    }

    /// Sets the status of a release's revision, as a helm that was killed leaves it.
    async fn interrupt(&self, revision: u64, status: &str) {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let path = format!("/api/v1/namespaces/common/secrets/sh.helm.release.v1.common-etcd.v{revision}");
        let mut secret = self.request("primary", "GET", &path, Value::Null).await;
        let bytes = STANDARD.decode(secret["data"]["release"].as_str().unwrap()).unwrap();
        let mut record: Value = serde_json::from_slice(&bytes).unwrap();
        record["info"]["status"] = json!(status);
        secret["data"]["release"] = json!(STANDARD.encode(record.to_string()));
        secret["metadata"]["labels"]["status"] = json!(status);
        self.request("primary", "PUT", &path, secret).await;
    }
}

fn release(more: Value) -> Value {
    let mut params =
        json!({"release": "common-etcd", "namespace": "common", "chart": "charts/etcd", "chdir": "/playbooks"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

fn absent(more: Value) -> Value {
    let mut params = json!({"release": "common-etcd", "namespace": "common", "state": "absent"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

fn etcd(more: Value) -> Value {
    let mut params = json!({"namespace": "common", "statefulset": "common-etcd-etcd"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

fn put(key: &str, value: &str) -> Value {
    json!({"namespace": "common", "pod": "common-etcd-etcd-0", "argv": ["etcdctl", "put", key, value]})
}

fn summaries(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.summary.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_release_is_installed_once() {
    let lab = Lab::new();
    let params = release(json!({"values": {"replicas": 1}}));
    let (changes, _, result) = lab.drive("standby", "helm", params.clone()).await.done();
    assert_eq!(summaries(&changes), ["install etcd-1.1.0 as release common/common-etcd"]);
    let Action::Exec { place, command } = &changes[0].actions[0] else { panic!("no command") };
    assert_eq!((place, command.cwd.as_deref()), (&Place::Controller, Some("/playbooks")));
    assert_eq!(command.argv[..5], ["helm", "--kubeconfig", "/inventory/standby.conf", "--kube-context", "standby"]);
    assert_eq!(command.stdin.as_deref(), Some("{\"replicas\":1}"));
    assert_eq!(
        (&result["installed"], &result["revision"], &result["chart"]),
        (&json!(true), &json!(1), &json!("etcd-1.1.0"))
    );
    let (changes, _, result) = lab.drive("standby", "helm", params).await.done();
    assert_eq!((summaries(&changes), &result["values"]), (vec![], &json!({"replicas": 1})));
    // Left out, the values stay as they are.
    assert_eq!(summaries(&lab.drive("standby", "helm", release(json!({}))).await.done().0), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_shows_what_it_changes_and_can_be_undone() {
    let lab = Lab::new();
    let pinned = release(json!({"version": "1.0.0"}));
    let reason = lab.drive("primary", "helm", pinned).await.blocked();
    assert_eq!(reason, "the chart charts/etcd is etcd-1.1.0, not version 1.0.0");
    lab.scale(0).await;
    let params = release(json!({"values": {"replicas": 3, "readinessProbe": {"periodSeconds": 9}}, "save": "/kept"}));
    let (changes, _, result) = lab.drive("primary", "helm", params.clone()).await.done();
    assert_eq!(summaries(&changes), ["upgrade release common/common-etcd from etcd-1.0.0 to etcd-1.1.0"]);
    insta::assert_snapshot!(changes[0].preview.as_deref().unwrap());
    assert_eq!((&result["revision"], &result["status"]), (&json!(2), &json!("deployed")));
    assert_eq!(summaries(&lab.drive("primary", "helm", params.clone()).await.done().0), [""; 0]);
    let values =
        lab.exec(&Place::Controller, &Command::new(["cat", "/kept/common-common-etcd-revision-1-values.yaml"])).await;
    assert!(values.stdout.contains("runAsUser: 1001"), "{values:?}");
    lab.act(&changes[0].undo.as_ref().unwrap()[0]).await.unwrap();
    let Diff::Change(again) = lab.look("primary", "helm", &params).await else { panic!("not undone") };
    assert_eq!(summaries(&again), ["upgrade release common/common-etcd from etcd-1.0.0 to etcd-1.1.0"]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_helm_left_pending_is_refused_and_recovered() {
    let lab = Lab::new();
    lab.drive("primary", "helm", release(json!({"values": {"replicas": 3}}))).await.done();
    lab.interrupt(2, "pending-upgrade").await;
    lab.interrupt(1, "deployed").await;
    let reason = lab.drive("primary", "helm", release(json!({}))).await.blocked();
    assert!(reason.contains("release common-etcd is pending-upgrade, revision 2, since 2026-01-17T22:00:"), "{reason}");
    assert!(
        reason.contains(" s ago)")
            && reason.contains("recover_pending: true")
            && reason.contains("rollback common-etcd 1")
    );
    assert!(lab.drive("primary", "helm", absent(json!({}))).await.blocked().contains("pending-upgrade"));
    let params = release(json!({"values": {"replicas": 3}, "recover_pending": true}));
    let (changes, _, result) = lab.drive("primary", "helm", params).await.done();
    assert_eq!(changes.len(), 2);
    assert!(
        changes[0].summary.to_string().starts_with("roll back to revision 1: release common/common-etcd"),
        "{changes:?}"
    );
    assert!(changes[1].summary.to_string().starts_with("upgrade release"), "{changes:?}");
    assert_eq!((&result["status"], &result["revision"]), (&json!("deployed"), &json!(4)));
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_keeps_what_was_there_and_waits_for_the_pods() {
    let lab = Lab::new();
    let reason = lab.drive("primary", "helm", absent(json!({"selector": "app=etcd"}))).await.blocked();
    assert!(reason.contains("`app=etcd` does not find the pods of apps/v1 StatefulSet common/common-etcd-etcd"));
    let (changes, waits, result) = lab.drive("primary", "helm", absent(json!({"save": "/kept"}))).await.done();
    assert_eq!(summaries(&changes), ["uninstall release common/common-etcd, revision 1 of etcd-1.0.0"]);
    assert!(
        waits[0].contains("pods with app.kubernetes.io/instance=common-etcd are left: common-etcd-etcd-0"),
        "{waits:?}"
    );
    let before = &result["before"];
    assert_eq!((&before["revision"], &before["chart"]), (&json!(1), &json!("etcd-1.0.0")));
    assert_eq!(result["values"], json!({"replicas": 3, "securityContext": {"runAsGroup": 1002, "runAsUser": 1001}}));
    let manifest = before["saved"]["manifest"].as_str().unwrap();
    let values = lab.exec(&Place::Controller, &Command::new(["cat", manifest])).await;
    assert!(values.stdout.contains("kind: StatefulSet"), "{values:?}");
    let (changes, waits, again) = lab.drive("primary", "helm", absent(json!({}))).await.done();
    assert_eq!((summaries(&changes), waits.len(), &again["before"]), (vec![], 0, &Value::Null));
    let back = release(json!({"values": result["values"]}));
    lab.drive("primary", "helm", back).await.done();
}

#[tokio::test(start_paused = true)]
async fn a_set_that_deletes_claims_keeps_them_when_it_is_uninstalled_and_is_not_upgraded_to_fewer_replicas() {
    let lab = Lab::new();
    let policy = json!({"whenScaled": "Delete", "whenDeleted": "Delete"});
    let policy = json!({"spec": {"persistentVolumeClaimRetentionPolicy": policy}});
    let path = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
    lab.request("primary", "PATCH", path, policy).await;
    let Diff::Change(planned) = lab.look("primary", "helm", &absent(json!({}))).await else { panic!("nothing to do") };
    let keys: Vec<&str> = planned.iter().map(|change| change.key.split(' ').next().unwrap()).collect();
    assert_eq!(keys, ["keep-claims", "let-go", "let-go", "let-go", "uninstall"], "a plan names all of it");
    let reason = lab.drive("primary", "helm", release(json!({"values": {"replicas": 1}}))).await.blocked();
    assert!(reason.contains("whenScaled: Delete): data-common-etcd-etcd-1"), "{reason}");
    lab.drive("primary", "helm", release(json!({"values": {"replicas": 3}}))).await.done();
    let (changes, ..) = lab.drive("primary", "helm", absent(json!({}))).await.done();
    let keys: Vec<&str> = changes.iter().map(|change| change.key.split(' ').next().unwrap()).collect();
    assert_eq!(keys, ["keep-claims", "uninstall"], "the controller has let go of the claims by itself");
    tokio::time::sleep(Duration::from_secs(60)).await;
    for ordinal in 0..3 {
        let claim = format!("/api/v1/namespaces/common/persistentvolumeclaims/data-common-etcd-etcd-{ordinal}");
        let answer = lab.sandbox.request(&cutover_engine::request::Request::get("primary", claim)).await.unwrap();
        assert_eq!((answer.status, &answer.body["status"]["phase"]), (200, &json!("Bound")), "{ordinal}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_that_kept_its_history_can_be_undone() {
    let lab = Lab::new();
    let before = lab.drive("primary", "etcd_check", etcd(json!({}))).await.done().2;
    let (changes, ..) = lab.drive("primary", "helm", absent(json!({"keep_history": true}))).await.done();
    lab.act(&changes[0].undo.as_ref().unwrap()[0]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(40)).await;
    lab.drive("primary", "etcd_check", etcd(json!({"same_as": before}))).await.done();
    // And without undoing it: installed anew, with the values it had.
    lab.drive("primary", "helm", absent(json!({"keep_history": true}))).await.done();
    let (changes, _, result) = lab.drive("primary", "helm", release(json!({}))).await.done();
    assert_eq!(summaries(&changes), ["install etcd-1.1.0 as release common/common-etcd"]);
    assert_eq!((&result["values"]["replicas"], &result["revision"]), (&json!(3), &json!(3)));
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_whose_answer_was_lost_is_not_repeated() {
    let lab = Lab::new();
    let when = vec!["helm".to_owned(), "uninstall".to_owned()];
    lab.sandbox.inject(Strike { at: At::Text(when), skip: 0, times: 1, kind: StrikeKind::LostAfter });
    let Diff::Change(changes) = lab.look("primary", "helm", &absent(json!({}))).await else { panic!("nothing to do") };
    let Some(Action::Exec { place, command }) = changes[0].actions.last() else { panic!("no command") };
    let transport = lab.sandbox.transport(place).await.unwrap();
    assert!(collect(transport.as_ref(), command).await.is_err());
    let (changes, waits, _) = lab.drive("primary", "helm", absent(json!({}))).await.done();
    assert_eq!((summaries(&changes), waits.is_empty()), (vec![], false));
}

#[tokio::test(start_paused = true)]
async fn commands_in_pods_run_once_and_say_why_they_cannot() {
    let lab = Lab::new();
    let (changes, _, result) = lab.drive("primary", "k8s_exec", put("test-ts", "1")).await.done();
    assert_eq!(summaries(&changes), ["run etcdctl put test-ts 1 in pod common/common-etcd-etcd-0"]);
    assert_eq!((&result["rc"], &result["stdout"]), (&json!(0), &json!("OK")));
    let mut get = put("", "");
    get["argv"] = json!(["etcdctl", "get", "test-ts", "-w", "json"]);
    get["read_only"] = json!(true);
    let (changes, _, result) = lab.drive("primary", "k8s_exec", get).await.done();
    assert_eq!((changes.len(), &result["json"]["count"]), (0, &json!(1)));
    let mut shell = put("", "");
    shell["argv"] = json!(["bash"]);
    assert!(
        matches!(lab.drive("primary", "k8s_exec", shell).await, End::Failed(words) if words.contains("executable file not found"))
    );
    let reason = lab.drive("standby", "k8s_exec", put("a", "b")).await.blocked();
    assert_eq!(reason, "there is no pod common/common-etcd-etcd-0");
    lab.scale(0).await;
    lab.request(
        "primary",
        "PATCH",
        "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd",
        json!({"spec": {"replicas": 3}}),
    )
    .await;
    let (_, waits, _) = lab.drive("primary", "k8s_exec", put("a", "b")).await.done();
    assert!(waits[0].starts_with("pod common/common-etcd-etcd-0 is Pending"), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn the_store_is_the_same_after_a_stop_and_differs_after_a_loss() {
    let lab = Lab::new();
    let (_, _, before) =
        lab.drive("primary", "etcd_check", etcd(json!({"expect": {"members": 3, "min_keys": 500}}))).await.done();
    assert_eq!(before["members"].as_array().unwrap().len(), 3);
    lab.scale(0).await;
    let stopped = lab.drive("primary", "etcd_check", etcd(json!({}))).await;
    assert!(matches!(stopped, End::Failed(words) if words.contains("scaled to 0")));
    lab.scale(3).await;
    let (_, _, after) = lab.drive("primary", "etcd_check", etcd(json!({"same_as": before}))).await.done();
    assert_eq!((&after["revision"], &after["hash"]), (&before["revision"], &before["hash"]));
    // Later writes do not matter.
    lab.drive("primary", "k8s_exec", put("test-ts", "1")).await.done();
    let (_, _, later) = lab.drive("primary", "etcd_check", etcd(json!({"same_as": before}))).await.done();
    assert_ne!(later["hash"], before["hash"]);
    // One emptied member catches up from the others; all of them emptied are a cluster with the same ids and no data.
    let volumes = lab.volumes().await;
    lab.scale(0).await;
    lab.node(&volumes[0].0, &format!("rm -rf {}/member", volumes[0].1)).await;
    lab.scale(3).await;
    lab.drive("primary", "etcd_check", etcd(json!({"same_as": before}))).await.done();
    lab.scale(0).await;
    for (node, path) in &volumes {
        lab.node(node, &format!("rm -rf {path}/member")).await;
    }
    lab.scale(3).await;
    let reason = lab.drive("primary", "etcd_check", etcd(json!({"same_as": before}))).await.blocked();
    assert_eq!(reason, format!("the store is at revision 1, it was at {}: writes are lost", before["revision"]));
    // Written again up to a higher revision it is still another store.
    for number in 0..before["revision"].as_u64().unwrap() {
        lab.drive("primary", "k8s_exec", put("test-ts", &number.to_string())).await.done();
    }
    let reason = lab.drive("primary", "etcd_check", etcd(json!({"same_as": before}))).await.blocked();
    assert!(reason.contains("at revision 587 there are 1 keys, there were 524"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn swapped_members_are_found_out() {
    let lab = Lab::new();
    let (_, _, before) = lab.drive("primary", "etcd_check", etcd(json!({}))).await.done();
    let volumes = lab.volumes().await;
    lab.scale(0).await;
    let (a, b) = (&volumes[0], &volumes[1]);
    for (from, to) in [(a, b), (b, a)] {
        let [source, destination] =
            [(from, "member"), (to, "other")].map(|((node, path), name)| (node.clone(), format!("{path}/{name}")));
        let params = json!({"source": {"node": source.0, "path": source.1}, "destination": {"path": destination.1}});
        let target = Target::Node { site: "primary".into(), node: destination.0 };
        let world = Arc::new(lab.sandbox.clone());
        let cx = Context::new(target, None, Arc::clone(&lab.inventory), world);
        let bound = REGISTRY.get("copy_preserve").unwrap().bind(params).unwrap();
        let Diff::Change(changes) = bound.look(&cx).await.unwrap().diff else { panic!("nothing to copy") };
        for action in changes.iter().flat_map(|change| &change.actions) {
            lab.act(action).await.unwrap();
        }
    }
    for (node, path) in [a, b] {
        lab.node(node, &format!("rm -rf {path}/member")).await;
        lab.node(node, &format!("mv {path}/other {path}/member")).await;
    }
    lab.scale(3).await;
    let reason = lab.drive("primary", "etcd_check", etcd(json!({"same_as": before}))).await.blocked();
    assert!(
        reason.contains("it has another member's data") && reason.contains("is to be member common-etcd-etcd-0"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_not_there_is_waited_for() {
    let lab = Lab::new();
    lab.scale(1).await;
    let End::Failed(reason) = lab.drive("primary", "etcd_check", etcd(json!({}))).await else { panic!("no verdict") };
    assert!(reason.starts_with("1 of 3 members answer: Failed to get the status of endpoint"), "{reason}");
}

fn inventory() -> Inventory {
    let mut inventory = two_sites("/dev/sdc", 6, 3);
    inventory.source = SourceFile::new("/inventory/inventory.yml", "");
    for (name, site) in &mut inventory.sites {
        site.kubernetes = Kubernetes { kubeconfig: format!("{name}.conf"), context: name.clone(), uid: None };
    }
    inventory
}
