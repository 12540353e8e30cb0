//! The manual's environment for tests: two sites of three paired workers and one more, and a way to run commands there.

use std::sync::Arc;

use cutover_engine::inventory::{Connection, Inventory, Kubernetes, Machine, Pair, PairMember, Roles, Site, Ssh};
use cutover_engine::source::SourceFile;
use cutover_engine::world::{Command, Output, Place, World, collect};
use indexmap::IndexMap;

use crate::Sandbox;
use crate::kernel::WorldSpec;

/// Sites `primary` (172.16.1.x) and `standby` (172.16.2.x), nodes worker01 to worker06, pairs on the first three.
pub(crate) fn inventory() -> Arc<Inventory> {
    let site = |name: &str, net: u8| {
        let nodes = (1..=6).map(|number| {
            let name = format!("worker{number:02}");
            let address = format!("172.16.{net}.{number}");
            (name.clone(), Machine { name: name.clone(), address, hostname: name, vars: Default::default() })
        });
        let kubernetes = Kubernetes { kubeconfig: format!("{name}.conf"), context: name.to_owned(), uid: None };
        let nodes = nodes.collect();
        let site = Site {
            name: name.to_owned(),
            kubernetes,
            connection: Connection::Ssh,
            ssh: Ssh::default(),
            nodes,
            vars: Default::default(),
        };
        (name.to_owned(), site)
    };
    let member = |site: &str, net: u8, ordinal: usize| {
        let node = format!("worker{:02}", ordinal + 1);
        let member = PairMember {
            site: site.to_owned(),
            hostname: node.clone(),
            node,
            address: format!("172.16.{net}.{}", ordinal + 1),
            port: 7790,
            device: "/dev/drbd0".to_owned(),
            disk: "/dev/sdc".to_owned(),
            node_id: net,
        };
        (site.to_owned(), member)
    };
    let pair = |ordinal| Pair {
        ordinal,
        resource: format!("etcd{ordinal}"),
        members: IndexMap::from([member("primary", 1, ordinal), member("standby", 2, ordinal)]),
    };
    Arc::new(Inventory {
        source: SourceFile::new("inventory.yml", ""),
        sites: IndexMap::from([site("primary", 1), site("standby", 2)]),
        roles: Roles { active: "primary".to_owned(), passive: "standby".to_owned() },
        pairs: Arc::new((0..3).map(pair).collect()),
        vars: Default::default(),
        secrets: Default::default(),
        secret_variables: Vec::new(),
        roles_file: Default::default(),
        digest: String::new(),
    })
}

/// A world with all defaults.
pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(inventory(), WorldSpec::default(), 1).expect("the default world can be built")
}

/// Runs a command on a node of site `primary`.
pub(crate) async fn run(sandbox: &Sandbox, node: &str, argv: &[&str]) -> Output {
    run_at(sandbox, &Place::node("primary", node), &Command::new(argv.iter().copied())).await
}

/// Runs a command at a place.
pub(crate) async fn run_at(sandbox: &Sandbox, place: &Place, command: &Command) -> Output {
    let transport = sandbox.transport(place).await.expect("the place is reachable");
    collect(transport.as_ref(), command).await.expect("the command comes to its end")
}

/// What a terminal would show of some commands: each with its output and exit code. For whole-output snapshots.
pub(crate) async fn transcript(sandbox: &Sandbox, node: &str, commands: &[&str]) -> String {
    let mut text = String::new();
    for line in commands {
        let argv: Vec<&str> = line.split(' ').collect();
        let Output { exit, stdout, stderr } = run(sandbox, node, &argv).await;
        text += &format!("$ {line}\n{stdout}{stderr}[{exit}]\n");
    }
    text
}
