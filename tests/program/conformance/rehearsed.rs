//! Everything that the shipped playbooks and the example of each module send in the sandbox: done, done again, undone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cutover_engine::clock::Clock as _;
use cutover_engine::event::{Event, Verb};
use cutover_engine::execute::{Ending, Past, Ports, Settings, Stop, Tags, execute, undo};
use cutover_engine::inventory::{self, Inventory};
use cutover_engine::playbook;
use cutover_engine::record::Recorder;
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_modules::REGISTRY;
use cutover_sandbox::{Part, Sandbox, WorldSpec};
use serde_json::Map;

use super::listener::{Listener, Sent};
use super::returned;
use crate::support::roles;
use cutover_testkit::unattended::{Memory, NoSecrets, Yes};

/// The step at which the cutover is made to fail, to be undone: the last one before clients may write again.
const LAST: &str = "no-marker-on-the-standby";

/// What the examples of the modules expect earlier steps to have registered.
const VARS: &str = r#"{
  volumes_dir: /data/vmdata/hpvolumes, statefulset: common-etcd-etcd, attestation: the operator has seen it,
  volume: {node: worker05, path: /data/vmdata/hpvolumes}, before: {json: 1, stdout: "1"}, after: {json: 1, stdout: "1"},
  volumes: [{node: worker04}, {node: worker05}, {node: worker06}],
  old: {volumes: [{claim: data-common-etcd-etcd-0, pv: none}]},
  }"#;

/// A world to execute playbooks in.
struct Theatre {
    inventory: Arc<Inventory>,
    sandbox: Sandbox,
    sent: Arc<Mutex<Sent>>,
}

/// How an execution ended, and what was recorded until then.
struct Executed {
    ending: Ending,
    events: Vec<Event>,
}

impl Theatre {
    fn new(sent: &Arc<Mutex<Sent>>, spec: WorldSpec) -> Self {
        let mut inventory = (*load(&root().join("inventories/example.yml"))).clone();
        inventory.roles_file = "/root/example.roles.yml".into();
        let inventory = Arc::new(inventory);
        let sandbox = Sandbox::new(Arc::clone(&inventory), spec, 1).unwrap();
        Self { inventory, sandbox, sent: Arc::clone(sent) }
    }

    /// Executes a playbook, or undoes the run of these events.
    async fn execute(&self, file: &Path, text: Option<&str>, fail: Option<&str>, past: Option<&[Event]>) -> Executed {
        let read = |path: &Path| match text {
            Some(text) if path == file => Ok(text.to_owned()),
            _ => std::fs::read_to_string(path),
        };
        let mut playbook = playbook::load(file, &REGISTRY, &read).unwrap_or_else(|faults| panic!("{faults}"));
        returned::register_everything(&mut playbook);
        let begun = past.and_then(|events| events.first()).map_or_else(|| self.sandbox.now(), |event| event.at);
        let run = Run::bind("r1", Arc::new(playbook), Arc::clone(&self.inventory), &REGISTRY, &Map::new(), begun);
        let run = run.unwrap_or_else(|faults| panic!("{faults}"));
        let world = Arc::new(Listener::new(Arc::new(self.sandbox.clone()), Arc::clone(&self.inventory), &self.sent));
        let journal = Memory::default();
        let redactor = Redactor::new(run.secrets.clone());
        let recorder = Recorder::new("r1", world.clone(), redactor, Box::new(journal.clone()), Vec::new())
            .after(past.and_then(|events| events.last()).map_or(0, |event| event.seq));
        let ports = Ports { registry: REGISTRY, world, approver: Arc::new(Yes), recorder, stop: Stop::default() };
        let id = |end: &str| run.playbook.steps().iter().map(|step| &step.id).find(|id| id.ends_with(end)).cloned();
        let settings = Settings {
            verb: if past.is_some() { Verb::Undo } else { Verb::Run },
            version: "0".to_owned(),
            operator: None,
            seed: 1,
            tags: Tags::default(),
            fail: fail
                .map(|end| id(end).unwrap_or_else(|| panic!("no step {end}")).parse().unwrap())
                .into_iter()
                .collect(),
            past: Past::of(past.unwrap_or_default()),
            repeat: Vec::new(),
            declared_done: Vec::new(),
            record_reads: false,
            window_from: None,
            accepted_gaps: Vec::new(),
        };
        let ending = match past {
            Some(events) => undo(&run, &ports, &settings, events).await,
            None => execute(&run, &ports, &settings).await,
        };
        let events = std::mem::take(&mut *journal.0.lock().unwrap());
        returned::add(&mut self.sent.lock().unwrap().returned, &events);
        Executed { ending, events }
    }

    /// The service goes to the other side and home again, by every way there is.
    async fn sides(&mut self) {
        let lost = Part::Site("primary".to_owned());
        for name in ["etcd-drill.yml", "etcd-failover.yml", "etcd-reprotect.yml", "etcd-switchover.yml"] {
            match name {
                "etcd-failover.yml" => self.sandbox.lose(&lost),
                "etcd-reprotect.yml" => self.sandbox.bring_back(&lost),
                _ => {}
            }
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            let executed = self.shipped(name).await;
            assert_eq!(executed.ending.exit_code, 0, "{name}: {:?}", executed.ending.failure);
            let read = |path: &Path| {
                let text = self.sandbox.controllers_file(&path.display().to_string());
                text.ok_or(std::io::ErrorKind::NotFound.into())
            };
            let inventory = (*self.inventory).clone().with_roles(&read);
            self.inventory = Arc::new(inventory.unwrap_or_else(|faults| panic!("{faults}")));
        }
    }

    async fn shipped(&self, name: &str) -> Executed {
        self.execute(&root().join("playbooks").join(name), None, None, None).await
    }
}

/// Loads an inventory.
pub(crate) fn load(path: &Path) -> Arc<Inventory> {
    let read = |path: &Path| std::fs::read_to_string(path);
    Arc::new(inventory::load(path, &read, &NoSecrets).unwrap_or_else(|faults| panic!("{faults}")))
}

/// The inventory of the lab that `CUTOVER_LAB` names, as a path from the top of the repository; `None` without one.
pub(crate) fn lab() -> Option<Arc<Inventory>> {
    std::env::var_os("CUTOVER_LAB").map(|path| load(&root().join(path)))
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Executes the shipped playbooks and the modules' examples and returns everything that was sent.
pub(crate) fn everything() -> Sent {
    let sent = Arc::new(Mutex::new(Sent::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        playbooks(&sent).await;
        examples(&sent).await;
        more(&sent).await;
    });
    drop(runtime);
    let mut sent = sent.lock().unwrap();
    std::mem::take(&mut *sent)
}

async fn playbooks(sent: &Arc<Mutex<Sent>>) {
    // Under a user that has the shipped roles and nothing else.
    let spec = || WorldSpec { rights: Some(roles::shipped()), ..WorldSpec::default() };
    let mut theatre = Theatre::new(sent, spec());
    let cutover = root().join("playbooks/etcd-cutover.yml");
    for name in ["etcd-prepare.yml", "etcd-prepare.yml", "etcd-cutover.yml"] {
        let executed = theatre.shipped(name).await;
        assert_eq!(executed.ending.exit_code, 0, "{name}: {:?}", executed.ending.failure);
    }
    theatre.sides().await;
    for name in ["etcd-rollback.yml", "etcd-purge.yml"] {
        let theatre = Theatre::new(sent, spec());
        for before in ["etcd-prepare.yml", "etcd-cutover.yml"] {
            theatre.shipped(before).await;
        }
        let executed = theatre.shipped(name).await;
        assert_eq!(executed.ending.exit_code, 0, "{name}: {:?}", executed.ending.failure);
    }
    let theatre = Theatre::new(sent, spec());
    theatre.shipped("etcd-prepare.yml").await;
    let failed = theatre.execute(&cutover, None, Some(LAST), None).await;
    let undone = theatre.execute(&cutover, None, None, Some(&failed.events)).await;
    assert_eq!(undone.ending.exit_code, 7, "{:?}", undone.ending.failure);
}

/// Playbooks of the test's own, for what modules send only in states that the others do not lead to; done and undone.
async fn more(sent: &Arc<Mutex<Sent>>) {
    let files = std::fs::read_dir(root().join("tests/program/conformance/playbooks")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut wrong = Vec::new();
    for file in files {
        let theatre = Theatre::new(sent, WorldSpec::default());
        if !file.ends_with("mounts-over-what-is-there.yml") {
            theatre.shipped("etcd-prepare.yml").await;
        }
        let executed = theatre.execute(&file, None, None, None).await;
        if executed.ending.exit_code != 0 {
            wrong.push(format!("{}: {:?}", file.display(), executed.ending.failure.map(|f| f.to_string())));
        }
        theatre.execute(&file, None, None, Some(&executed.events)).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The examples of the modules' reference, each in a prepared world. Not all can succeed there; what they send counts.
async fn examples(sent: &Arc<Mutex<Sent>>) {
    for module in REGISTRY.0 {
        let theatre = Theatre::new(sent, WorldSpec::default());
        theatre.shipped("etcd-prepare.yml").await;
        let step = module.example().trim().replace('\n', "\n        ");
        let text = format!("name: x\nvars: {VARS}\nphases:\n  - name: x\n    steps:\n      - {step}\n");
        let file = root().join("playbooks/example.yml");
        let executed = theatre.execute(&file, Some(&text), None, None).await;
        println!(
            "{}: {} {:?}",
            module.name(),
            executed.ending.exit_code,
            executed.ending.failure.map(|f| f.to_string())
        );
    }
}
