//! Contexts and plain texts for the tests of pure comparisons. Nothing here reaches a world.

use std::sync::Arc;

use cutover_engine::clock::Clock;
use cutover_engine::inventory::{Inventory, Pair, PairMember, Roles};
use cutover_engine::module::{Context, Diff, TargetKind};
use cutover_engine::source::SourceFile;
use cutover_engine::target::Target;
use cutover_engine::world::{Answer, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;

/// A world that nothing can be asked.
struct Nowhere;

impl Clock for Nowhere {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

impl World for Nowhere {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let fault = TransportFault::Unreachable(format!("{place}: a comparison must not touch the world"));
        Box::pin(async move { Err(fault) })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        let fault = TransportFault::Unreachable(format!("{request}: a comparison must not touch the world"));
        Box::pin(async move { Err(fault) })
    }
}

/// A world that nothing can be asked.
pub(crate) fn nowhere() -> Arc<dyn World> {
    Arc::new(Nowhere)
}

/// A task on the first pair's member of site `primary`: worker01, resource etcd0, /dev/drbd0 on /dev/sdc.
pub(crate) fn pair_context() -> Context {
    context(inventory())
}

/// Two sites with a pair between them.
fn inventory() -> Inventory {
    let member = |site: &str, net: u8| PairMember {
        site: site.to_owned(),
        node: "worker01".to_owned(),
        hostname: "worker01".to_owned(),
        address: format!("172.16.{net}.1"),
        port: 7790,
        device: "/dev/drbd0".to_owned(),
        disk: "/dev/sdc".to_owned(),
        node_id: net,
    };
    let members = [("primary", 1), ("standby", 2)].map(|(site, net)| (site.to_owned(), member(site, net)));
    Inventory {
        source: SourceFile::new("inventory.yml", ""),
        sites: Default::default(),
        roles: Roles { active: "primary".to_owned(), passive: "standby".to_owned() },
        pairs: vec![Pair { ordinal: 0, resource: "etcd0".to_owned(), members: members.into_iter().collect() }].into(),
        vars: Default::default(),
        secrets: Default::default(),
        secret_variables: Vec::new(),
        roles_file: Default::default(),
        digest: String::new(),
    }
}

/// A target of a kind, at site `primary`.
pub(crate) fn target(kind: TargetKind) -> Target {
    let (site, node) = ("primary".to_owned(), "worker01".to_owned());
    match kind {
        TargetKind::Controller => Target::Controller,
        TargetKind::Site => Target::Site { site },
        TargetKind::Node => Target::Node { site, node },
        TargetKind::Pair => Target::Pair { site, node, ordinal: 0 },
    }
}

/// A task on a target of a kind, at site `primary`.
pub(crate) fn on(kind: TargetKind) -> Context {
    Context::new(target(kind), None, Arc::new(inventory()), Arc::new(Nowhere))
}

/// A task on the first pair's member of site `primary`, with another inventory.
pub(crate) fn context(inventory: Inventory) -> Context {
    let target = Target::Pair { site: "primary".to_owned(), node: "worker01".to_owned(), ordinal: 0 };
    Context::new(target, None, Arc::new(inventory), Arc::new(Nowhere))
}

/// A comparison as lines: the verdict, then what would run and what would undo it.
pub(crate) fn show(diff: &Diff) -> String {
    crate::contract::check_keys(diff);
    let (verdict, changes) = match diff {
        Diff::InSync => return "in sync\n".to_owned(),
        Diff::Waiting(waiting) => return format!("waiting: {}\n", waiting.why),
        Diff::Blocked(reasons) => return reasons.iter().map(|reason| format!("blocked: {reason}\n")).collect(),
        Diff::Change(changes) => ("change", changes),
        Diff::Run(changes) => ("run", changes),
    };
    let mut text = String::new();
    for change in changes {
        text += &format!("{verdict} ({:?}): {}\n", change.class, change.summary);
        change.actions.iter().for_each(|action| text += &format!("  {action}\n"));
        change.undo.iter().flatten().for_each(|action| text += &format!("  undo {action}\n"));
        change.preview.iter().for_each(|preview| text += preview);
    }
    text
}
