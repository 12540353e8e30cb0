//! Drives one module to its end in the sandbox, as the engine does: probe, compare, act, again. For tests of modules
//! against the sandbox's programs; the engine's own tests are elsewhere.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::action::{Action, Done};
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Change, Context, Diff};
use cutover_engine::request::Request;
use cutover_engine::target::Target;
use cutover_engine::world::{Command, Output, Place, World, collect, pipe};
use cutover_modules::REGISTRY;
use cutover_sandbox::{Sandbox, WorldSpec};
use serde_json::{Value, json};

use crate::inventory::two_sites;

/// A world and its inventory: two sites of two workers, one pair on worker01 of each.
pub struct Lab {
    /// The world.
    pub sandbox: Sandbox,
    /// The inventory it was made of.
    pub inventory: Arc<Inventory>,
}

/// How driving a module ended.
#[derive(Debug, PartialEq)]
pub enum End {
    /// In sync after these commands; the result.
    Done(Vec<String>, Value),
    /// Refused.
    Blocked(Vec<String>),
    /// A command or request failed, or waiting was in vain.
    Failed(String),
}

/// The commands and the result of what must succeed.
///
/// # Panics
/// It did not.
pub fn done(end: End) -> (Vec<String>, Value) {
    match end {
        End::Done(log, result) => (log, result),
        other => panic!("not done: {other:?}"),
    }
}

/// The reasons of what must be refused.
///
/// # Panics
/// It was not.
pub fn blocked(end: End) -> String {
    match end {
        End::Blocked(reasons) => reasons.join("\n"),
        other => panic!("not refused: {other:?}"),
    }
}

impl Lab {
    /// A world from a world file, with one member of the service.
    pub fn new(mut spec: WorldSpec) -> Self {
        // One member, which sits on worker02: worker01 carries nothing.
        spec.workload.replicas = 1;
        let inventory = Arc::new(two_sites("/dev/sdc", 2, 1));
        let sandbox = Sandbox::new(Arc::clone(&inventory), spec, 7).expect("the world can be built");
        Self { sandbox, inventory }
    }

    /// Runs a shell-like line (split at spaces) on a node of site `primary` and returns its output.
    pub async fn run(&self, node: &str, line: &str) -> Output {
        let transport = self.sandbox.transport(&Place::node("primary", node)).await.expect("the node is up");
        collect(transport.as_ref(), &Command::new(line.split(' '))).await.expect("the command ends")
    }

    /// Drives a module on the pair's member of site `primary`.
    pub async fn drive(&self, module: &str, params: Value) -> End {
        self.drive_on("primary", module, params).await
    }

    /// Drives a module on the pair's member of a site.
    pub async fn drive_on(&self, site: &str, module: &str, params: Value) -> End {
        let target = Target::Pair { site: site.into(), node: "worker01".into(), ordinal: 0 };
        self.drive_at(target, module, params).await.0
    }

    /// Probes once on the pair's member of a site.
    pub async fn look_on(&self, site: &str, module: &str, params: Value) -> Diff {
        self.look_at(Target::Pair { site: site.into(), node: "worker01".into(), ordinal: 0 }, module, params).await
    }

    /// Probes once on a target.
    pub async fn look_at(&self, target: Target, module: &str, params: Value) -> Diff {
        let cx = Context::new(target, None, Arc::clone(&self.inventory), Arc::new(self.sandbox.clone()));
        let bound = REGISTRY.get(module).expect("the module exists").bind(params).expect("the parameters are right");
        bound.look(&cx).await.expect("it can be looked at").diff
    }

    /// Drives a module on a target; also returns the changes that were carried out.
    pub async fn drive_at(&self, target: Target, module: &str, params: Value) -> (End, Vec<Change>) {
        let world = Arc::new(self.sandbox.clone());
        let cx = Context::new(target, None, Arc::clone(&self.inventory), world);
        let bound = match REGISTRY.get(module).expect("the module exists").bind(params) {
            Ok(bound) => bound,
            Err(failure) => return (End::Failed(failure.to_string()), Vec::new()),
        };
        let (mut log, mut done, mut made) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = "never in sync".to_owned();
        for _ in 0..200 {
            let probed = match bound.look(&cx).await {
                Ok(probed) => probed,
                Err(failure) => return (End::Failed(failure.to_string()), made),
            };
            let (changes, once) = match &probed.diff {
                Diff::InSync => return (End::Done(log, probed.result(&done)), made),
                Diff::Blocked(reasons) => {
                    return (End::Blocked(reasons.iter().map(ToString::to_string).collect()), made);
                }
                Diff::Waiting(waiting) => {
                    last = waiting.why.to_string();
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Diff::Change(changes) => (changes.clone(), false),
                Diff::Run(changes) => (changes.clone(), true),
            };
            for change in changes {
                made.push(change.clone());
                for action in &change.actions {
                    log.push(action.to_string());
                    match self.act(action).await {
                        Ok(answer) => done.push(answer),
                        Err(words) => return (End::Failed(words), made),
                    }
                }
                if change.look_after {
                    break;
                }
            }
            if once {
                return match probed.judge(&done) {
                    Ok(()) => (End::Done(log, probed.result(&done)), made),
                    Err(failure) => (End::Failed(failure.to_string()), made),
                };
            }
        }
        (End::Failed(last), made)
    }

    /// Carries out one action.
    pub async fn act(&self, action: &Action) -> Result<Done, String> {
        let output = match action {
            Action::Exec { place, command } => {
                let transport = self.sandbox.transport(place).await.map_err(|fault| fault.to_string())?;
                collect(transport.as_ref(), command).await.map_err(|fault| fault.to_string())?
            }
            Action::Pipe { source, read, destination, write } => {
                let from = self.sandbox.transport(source).await.map_err(|fault| fault.to_string())?;
                let to = self.sandbox.transport(destination).await.map_err(|fault| fault.to_string())?;
                let (sent, received) =
                    pipe((from.as_ref(), read), (to.as_ref(), write)).await.map_err(|fault| fault.to_string())?;
                if !sent.success() {
                    return Err(sent.stderr);
                }
                received
            }
            Action::Request(request) => return self.send(request).await.map(Done::Response),
        };
        if output.success() { Ok(Done::Output(output)) } else { Err(format!("{action}: {}", output.stderr)) }
    }

    /// Sends a request to an API server, as the engine does.
    async fn send(&self, request: &Request) -> Result<Value, String> {
        let answer = self.sandbox.request(request).await.map_err(|fault| fault.to_string())?;
        match answer.status {
            _ if answer.is_success() => Ok(answer.body),
            status if request.accept.contains(&status) => Ok(json!({"kind": "Status"})),
            _ => Err(format!("{} {}: {}", request.method, request.path, answer.body["message"])),
        }
    }
}
