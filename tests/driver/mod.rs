//! Drives one module to its end in the sandbox, as the engine does: probe, compare, act, again. For tests of modules
//! against the sandbox's programs; the engine's own tests are elsewhere.

use std::sync::Arc;

use cutover_engine::action::{Action, Done};
use cutover_engine::inventory::{Connection, Inventory, Kubernetes, Machine, Pair, PairMember, Roles, Site, Ssh};
use cutover_engine::module::{Context, Diff};
use cutover_engine::source::SourceFile;
use cutover_engine::target::Target;
use cutover_engine::world::{Command, Output, Place, World, collect, pipe};
use cutover_modules::REGISTRY;
use cutover_sandbox::{Sandbox, WorldSpec};
use indexmap::IndexMap;
use serde_json::{Value, json};

/// A world and its inventory: two sites of two workers, one pair on worker01 of each.
pub(crate) struct Lab {
    pub(crate) sandbox: Sandbox,
    inventory: Arc<Inventory>,
}

/// How driving a module ended.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    /// In sync after these commands; the result.
    Done(Vec<String>, Value),
    /// Refused.
    Blocked(Vec<String>),
    /// A command failed.
    Failed(String),
}

impl Lab {
    pub(crate) fn new(mut spec: WorldSpec) -> Self {
        // One member, which sits on worker02: worker01 carries nothing.
        spec.workload.replicas = 1;
        let inventory = Arc::new(inventory("/dev/sdc"));
        let sandbox = Sandbox::new(Arc::clone(&inventory), spec, 7).expect("the world can be built");
        Self { sandbox, inventory }
    }

    /// Runs a shell-like line (split at spaces) on a node of site `primary` and gives its output.
    pub(crate) async fn run(&self, node: &str, line: &str) -> Output {
        let transport = self.sandbox.transport(&Place::node("primary", node)).await.expect("the node is up");
        collect(transport.as_ref(), &Command::new(line.split(' '))).await.expect("the command ends")
    }

    /// Drives a module on the pair's member of site `primary`.
    pub(crate) async fn drive(&self, module: &str, params: Value) -> End {
        self.drive_on("primary", module, params).await
    }

    /// Drives a module on the pair's member of a site.
    pub(crate) async fn drive_on(&self, site: &str, module: &str, params: Value) -> End {
        let target = Target::Pair { site: site.into(), node: "worker01".into(), ordinal: 0 };
        let world = Arc::new(self.sandbox.clone());
        let cx = Context::new(target, None, Arc::clone(&self.inventory), world);
        let bound = REGISTRY.get(module).expect("the module exists").bind(params).expect("the parameters are right");
        let (mut log, mut done) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let probed = match bound.look(&cx).await {
                Ok(probed) => probed,
                Err(failure) => return End::Failed(failure.to_string()),
            };
            let (changes, once) = match &probed.diff {
                Diff::InSync => return End::Done(log, probed.result(&done)),
                Diff::Blocked(reasons) => return End::Blocked(reasons.clone()),
                Diff::Waiting(waiting) => return End::Failed(waiting.why.clone()),
                Diff::Change(changes) => (changes.clone(), false),
                Diff::Run(changes) => (changes.clone(), true),
            };
            for action in changes.iter().flat_map(|change| &change.actions) {
                log.push(action.to_string());
                match self.act(action).await {
                    Ok(output) => done.push(Done::Output(output)),
                    Err(words) => return End::Failed(words),
                }
            }
            if once {
                return End::Done(log, probed.result(&done));
            }
        }
        End::Failed("never in sync".to_owned())
    }

    async fn act(&self, action: &Action) -> Result<Output, String> {
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
            Action::Request(request) => return Err(format!("no API server here for {}", request.path)),
        };
        if output.success() { Ok(output) } else { Err(format!("{action}: {}", output.stderr)) }
    }
}

fn inventory(disk: &str) -> Inventory {
    let site = |name: &str, net: u8| {
        let node = |number: u8| {
            let name = format!("worker{number:02}");
            let address = format!("172.16.{net}.{number}");
            (name.clone(), Machine { name: name.clone(), address, hostname: name, vars: Default::default() })
        };
        let site = Site {
            name: name.to_owned(),
            kubernetes: Kubernetes::default(),
            connection: Connection::Ssh,
            ssh: Ssh::default(),
            nodes: IndexMap::from([node(1), node(2)]),
            vars: Default::default(),
        };
        (name.to_owned(), site)
    };
    let member = |site: &str, net: u8| {
        let member = PairMember {
            site: site.to_owned(),
            node: "worker01".to_owned(),
            hostname: "worker01".to_owned(),
            address: format!("172.16.{net}.1"),
            port: 7790,
            device: "/dev/drbd0".to_owned(),
            disk: disk.to_owned(),
            node_id: net,
        };
        (site.to_owned(), member)
    };
    Inventory {
        source: SourceFile::new("inventory.yml", ""),
        sites: IndexMap::from([site("primary", 1), site("standby", 2)]),
        roles: Roles { active: "primary".to_owned(), passive: "standby".to_owned() },
        pairs: vec![Pair {
            ordinal: 0,
            resource: "etcd0".to_owned(),
            members: IndexMap::from([member("primary", 1), member("standby", 2)]),
        }],
        vars: json!({}).as_object().cloned().unwrap_or_default(),
        secrets: Vec::new(),
        digest: String::new(),
    }
}
