//! Things that no ordinary machine has: a release that Helm installed, etcd in pods. With `CUTOVER_LAB=INVENTORY` the commands
//! that read them are sent to the lab and to the sandbox of the same inventory. Values differ, so the exits and the structure of
//! the answers are compared: every field that the sandbox returns, the real program must return as the same type.

use std::sync::Arc;

use cutover_connections::RealWorld;
use cutover_engine::action::Action;
use cutover_engine::inventory::Inventory;
use cutover_engine::world::{Command, Output, Place};
use cutover_sandbox::{Sandbox, WorldSpec};
use serde_json::Value;

use super::list::List;
use super::rehearsed::{lab, load, root};
use super::shape::of_command;
use cutover_testkit::stage::Stage;

/// On the controller; `helm` stands for helm with the active site's cluster and the workload's namespace.
const HELM: &[&str] = &[
    "history common-etcd --output json",
    "history no-such-release --output json",
    "get values common-etcd --revision 1 --output json",
    "get manifest common-etcd --revision 1",
    "get manifest common-etcd --revision 999",
    "show chart CHART",
    "template common-etcd CHART --no-hooks --kube-version v1.20.2 --values -",
    "template common-etcd CHART --no-hooks --kube-version v1.20.2 --is-upgrade --values -",
];

/// In the first pod. `''` stands for an empty word.
const ETCDCTL: &[&str] = &[
    "etcdctl put cutover-conformance 1",
    "etcdctl get cutover-conformance --print-value-only",
    "etcdctl member list -w json",
    "etcdctl endpoint status --cluster -w json",
    "etcdctl endpoint hashkv --cluster -w json",
    "etcdctl endpoint hashkv --cluster --rev 0 -w json",
    "etcdctl alarm list -w json",
    "etcdctl get '' --prefix --keys-only --limit 1 --rev 0 -w json",
];

/// All of them.
fn commands(inventory: &Inventory) -> Vec<(Place, Command)> {
    let site = &inventory.roles.active;
    let kubernetes = &inventory.sites[site].kubernetes;
    let (config, context) = (kubernetes.kubeconfig.as_str(), kubernetes.context.as_str());
    let playbooks = root().join("playbooks").to_string_lossy().into_owned();
    let helm = |line: &&str| {
        let head =
            ["helm", "--kubeconfig", config, "--kube-context", context, "--namespace", "common"].map(str::to_owned);
        let words = line.split(' ').map(|word| if word == "CHART" { "charts/etcd" } else { word }.to_owned());
        let command = Command { cwd: Some(playbooks.clone()), ..Command::new(head.into_iter().chain(words)) };
        (Place::Controller, if line.ends_with("--values -") { command.stdin("{}") } else { command })
    };
    let etcdctl = |line: &&str| {
        let words = line.split(' ').map(|word| if word == "''" { "" } else { word });
        let pod = "common-etcd-etcd-0".to_owned();
        let place = Place::Pod { site: site.clone(), namespace: "common".to_owned(), pod, container: None };
        (place, Command::new(words))
    };
    HELM.iter().map(helm).chain(ETCDCTL.iter().map(etcdctl)).collect()
}

/// The differences in structure between an answer and the simulated one; `at` is the place in it.
fn unlike(real: &Value, simulated: &Value, at: &str) -> Vec<String> {
    match (real, simulated) {
        (Value::Object(real), Value::Object(simulated)) => {
            let one = |(key, value)| unlike(real.get(key).unwrap_or(&Value::Null), value, &format!("{at}/{key}"));
            simulated.iter().flat_map(one).collect()
        }
        (Value::Array(real), Value::Array(simulated)) => match (real.first(), simulated.first()) {
            (Some(real), Some(simulated)) => unlike(real, simulated, &format!("{at}/0")),
            (None, Some(_)) => vec![format!("{at}: the real one is empty")],
            _ => Vec::new(),
        },
        _ if std::mem::discriminant(real) == std::mem::discriminant(simulated) => Vec::new(),
        _ => vec![format!("{at}: {real}, and in the sandbox {simulated}")],
    }
}

/// The differences between two answers. The values of a release are up to its user: they only have to be an object.
fn differences(command: &Command, real: &Output, simulated: &Output) -> Vec<String> {
    if real.exit != simulated.exit {
        return vec![format!("{} ({}), and in the sandbox {}", real.exit, real.stderr.trim(), simulated.exit)];
    }
    let json = |output: &Output| serde_json::from_str::<Value>(&output.stdout);
    match (json(real), json(simulated)) {
        (Ok(Value::Object(_)), Ok(Value::Object(_))) if command.to_string().contains(" get values ") => Vec::new(),
        (Ok(real), Ok(simulated)) => unlike(&real, &simulated, ""),
        (Err(_), Err(_)) if real.stdout.trim().is_empty() == simulated.stdout.trim().is_empty() => Vec::new(),
        _ => vec![format!("printed {:?}, and in the sandbox {:?}", real.stdout, simulated.stdout)],
    }
}

async fn run_all(stage: &Stage, commands: &[(Place, Command)]) -> Vec<Output> {
    let mut outputs = Vec::new();
    for (place, command) in commands {
        outputs.push(stage.act(&Action::Exec { place: place.clone(), command: command.clone() }).await);
    }
    outputs
}

fn runtime(paused: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap()
}

fn in_sandbox(inventory: &Arc<Inventory>, commands: &[(Place, Command)]) -> Vec<Output> {
    runtime(true).block_on(async {
        // The version of the lab.
        let spec = WorldSpec { kubernetes_version: "1.20".to_owned(), ..WorldSpec::default() };
        let sandbox = Sandbox::new(Arc::clone(inventory), spec, 1).unwrap();
        run_all(&Stage::of("sandbox", Arc::new(sandbox), Arc::clone(inventory)), commands).await
    })
}

#[test]
fn the_lab_answers_as_the_sandbox() {
    let Some(inventory) = lab() else {
        println!("SKIPPED: CUTOVER_LAB names no inventory of a lab with Helm and etcd");
        return;
    };
    let commands = commands(&inventory);
    let world = Arc::new(RealWorld::new(Arc::clone(&inventory), "/root".into()));
    let stage = Stage::of("lab", world, Arc::clone(&inventory));
    let real = runtime(false).block_on(async {
        let real = run_all(&stage, &commands).await;
        // Nothing is left behind: the key goes as it came.
        let (place, _) = commands.last().unwrap();
        let command = Command::new(["etcdctl", "del", "cutover-conformance"]);
        let gone = stage.act(&Action::Exec { place: place.clone(), command }).await;
        assert!(gone.success(), "{gone:?}");
        real
    });
    let simulated = in_sandbox(&inventory, &commands);
    let mut wrong = Vec::new();
    for ((place, command), (real, simulated)) in commands.iter().zip(real.iter().zip(&simulated)) {
        wrong
            .extend(differences(command, real, simulated).iter().map(|words| format!("{place}$ {command}\n  {words}")));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_listed_command_is_sent_to_the_lab() {
    let inventory = load(&root().join("inventories/lab.yml"));
    let commands = commands(&inventory);
    let asked: Vec<String> = commands.iter().map(|(place, command)| of_command(place, command, &inventory)).collect();
    let list = List::read("commands.txt");
    let missing: Vec<&str> = list.at("lab").filter(|shape| !asked.iter().any(|one| one == shape)).collect();
    assert!(missing.is_empty(), "`lab`, but the lab is not asked:\n{}", missing.join("\n"));
    // In the sandbox all but the two that ask for what is not there must succeed, or nothing would be compared.
    let outputs = in_sandbox(&inventory, &commands);
    let failed: Vec<String> = commands
        .iter()
        .zip(&outputs)
        .filter(|(_, output)| !output.success())
        .map(|((_, command), output)| format!("{command}: {output:?}"))
        .collect();
    assert_eq!(failed.len(), 2, "{}", failed.join("\n"));
}

#[test]
fn an_answer_made_otherwise_is_seen() {
    let simulated = serde_json::json!([{"id": 1, "more": {"name": "x"}}]);
    assert_eq!(unlike(&serde_json::json!([{"id": 2, "more": {"name": "y"}, "new": 1}]), &simulated, ""), [""; 0]);
    let other = serde_json::json!([{"id": "2", "more": {}}]);
    let expected = ["/0/id: \"2\", and in the sandbox 1", "/0/more/name: null, and in the sandbox \"x\""];
    assert_eq!(unlike(&other, &simulated, ""), expected);
}
