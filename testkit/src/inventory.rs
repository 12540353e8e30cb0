//! Inventories for tests.

use std::sync::Arc;

use cutover_engine::inventory::{Connection, Inventory, Kubernetes, Machine, Pair, PairMember, Roles, Site, Ssh};
use cutover_engine::source::SourceFile;
use indexmap::IndexMap;
use serde_json::Map;

/// Two sites of three workers, with a pair on worker01 of each, which has a spare disk for it.
pub fn three_workers() -> Arc<Inventory> {
    Arc::new(two_sites("/dev/sdc", 3, 1))
}

/// Two sites of some workers, with pairs on the first of them.
pub fn two_sites(disk: &str, workers: u8, pairs: u8) -> Inventory {
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
            nodes: (1..=workers).map(node).collect(),
            vars: Default::default(),
        };
        (name.to_owned(), site)
    };
    let member = |site: &str, net: u8, number: u8| {
        let node = format!("worker{number:02}");
        let member = PairMember {
            site: site.to_owned(),
            hostname: node.clone(),
            node,
            address: format!("172.16.{net}.{number}"),
            port: 7790,
            device: "/dev/drbd0".to_owned(),
            disk: disk.to_owned(),
            node_id: net,
        };
        (site.to_owned(), member)
    };
    let pair = |number: u8| Pair {
        ordinal: usize::from(number - 1),
        resource: format!("etcd{}", number - 1),
        members: IndexMap::from([member("primary", 1, number), member("standby", 2, number)]),
    };
    Inventory {
        source: SourceFile::new("inventory.yml", ""),
        sites: IndexMap::from([site("primary", 1), site("standby", 2)]),
        roles: Roles { active: "primary".to_owned(), passive: "standby".to_owned() },
        pairs: Arc::new((1..=pairs).map(pair).collect()),
        vars: Map::new(),
        secrets: Default::default(),
        secret_variables: Vec::new(),
        roles_file: Default::default(),
        digest: String::new(),
    }
}
