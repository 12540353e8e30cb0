//! What a strike does: to the call that it hits, and to the world.

use std::time::Duration;

use cutover_engine::inventory::Inventory;
use cutover_engine::world::{Command, Place, Request};
use serde_json::{Value, json};

use super::carry_out;
use crate::cluster::{Clusters, key};
use crate::kernel::calls::{Comeback, Ended, Sent, Ticket};
use crate::kernel::strike::{Deed, StrikeKind};
use crate::kernel::{Kernel, Workload};
use crate::machine::{BLOCK, Content, InodeKind, Machine, MachineId, Machines, Meta};

/// The file that takes the room of a full disk. Comparisons of trees leave `lost+found` out.
const FILLER: &str = "lost+found/filler";

/// What a strike makes of a call before the world sees it.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It goes on.
    Go,
    /// It is answered so: exit code or status, and the seconds of `Retry-After`.
    Refused(i32, Option<u64>),
    /// The connection is lost.
    Lost,
}

/// Does in a world what strikes at its calls do.
#[derive(Clone, Copy)]
pub(super) struct Strikes<'a>(pub(super) &'a Clusters);

impl Strikes<'_> {
    fn kernel(&self) -> &Kernel {
        &self.0.hosts.kernel
    }

    fn machines(&self) -> std::sync::MutexGuard<'_, Machines> {
        self.0.hosts.machines()
    }

    /// Does what a strike does before its call has any effect. Does not come back where no answer comes.
    pub(super) async fn before(&self, ticket: &Ticket, sent: Sent<'_>) -> Verdict {
        match &ticket.strike {
            None | Some(StrikeKind::LostAfter | StrikeKind::KilledAfter) => Verdict::Go,
            Some(StrikeKind::Fails(code)) => Verdict::Refused(*code, None),
            Some(StrikeKind::Answers { status, retry_after }) => match sent {
                Sent::Request(_) => Verdict::Refused(i32::from(*status), *retry_after),
                Sent::Command(..) => Verdict::Refused(1, None),
            },
            Some(StrikeKind::Hangs) => std::future::pending().await,
            Some(StrikeKind::LostBefore) => Verdict::Lost,
            Some(StrikeKind::KilledBefore) => self.kill().await,
            Some(StrikeKind::NodeLost { node, back_after }) => {
                let Some(id) = self.node_of(ticket, sent, node.as_deref()) else { return Verdict::Go };
                self.0.disturb(|machines| machines.power_off(id));
                if let Some(machine) = self.machines().get(id) {
                    let power = Comeback::Power(machine.site.clone(), machine.node.clone());
                    self.later(back_after.map(|after| after.0), power);
                }
                let own = match sent {
                    Sent::Command(Place::Node { site, node }, _) => self.machines().find(site, node) == Some(id),
                    _ => false,
                };
                if own { Verdict::Lost } else { Verdict::Go }
            }
            Some(StrikeKind::LinkLost { between, back_after }) => {
                let roles = &self.kernel().inventory.roles;
                let ends = between.clone().unwrap_or_else(|| [roles.active.clone(), roles.passive.clone()]);
                let [one, other] = ends.map(|end| addresses(&self.kernel().inventory, &end));
                let links: Vec<(String, String)> =
                    one.iter().flat_map(|a| other.iter().map(|b| (a.clone(), b.clone()))).collect();
                self.0.disturb(|machines| links.iter().for_each(|(a, b)| machines.links_mut().set(a, b, false)));
                self.later(back_after.map(|after| after.0), Comeback::Links(links));
                Verdict::Go
            }
            Some(StrikeKind::DiskFull { node, path }) => {
                let now = self.kernel().now_ns();
                let id = self.node_of(ticket, sent, node.as_deref());
                self.0.disturb(|machines| {
                    let machine = id.and_then(|id| machines.get_mut(id));
                    machine.into_iter().for_each(|machine| fill(machine, path.as_deref(), now));
                });
                Verdict::Go
            }
            Some(StrikeKind::Intervention(intervention)) => {
                if !intervention.after {
                    self.intervene(ticket, &intervention.does).await;
                }
                Verdict::Go
            }
        }
    }

    /// Does what a strike does after its call has had its effect, and notes how it ended. Whether the answer is lost.
    pub(super) async fn after(&self, ticket: &Ticket, code: i32) -> bool {
        let lost = matches!(ticket.strike, Some(StrikeKind::LostAfter | StrikeKind::KilledAfter));
        self.kernel().ended(ticket, if lost { Ended::LostAfter(code) } else { Ended::Answered(code) });
        match &ticket.strike {
            Some(StrikeKind::KilledAfter) => self.kill().await,
            Some(StrikeKind::Intervention(intervention)) if intervention.after => {
                self.intervene(ticket, &intervention.does).await;
            }
            _ => {}
        }
        lost
    }

    /// Lets something come back after a while, if there is one.
    fn later(&self, after: Option<Duration>, what: Comeback) {
        if let Some(after) = after {
            let at = self.kernel().clock.elapsed() + after;
            self.kernel().calls().due.plan(at, what);
        }
    }

    /// The controller dies: whoever waits for an answer waits for ever.
    async fn kill<T>(&self) -> T {
        self.kernel().calls().kill();
        std::future::pending().await
    }

    /// The machine that a strike at a call hits: the one that is named, the one that the call goes to, that of its task's
    /// target, or the first one of its site.
    fn node_of(&self, ticket: &Ticket, sent: Sent<'_>, named: Option<&str>) -> Option<MachineId> {
        if let Some((site, node)) = named.and_then(|named| named.split_once('/')) {
            return self.machines().find(site, node);
        }
        let target = ticket.caller.as_ref().map(|known| &known.caller.task.target);
        let site = match sent {
            Sent::Command(Place::Node { site, node }, _) => return self.machines().find(site, node),
            Sent::Command(Place::Pod { site, namespace, pod, .. }, _) => {
                let clusters = self.0.by_site();
                let pod = clusters.get(site)?.get(&key("pods", namespace, pod))?;
                return self.machines().find(site, pod["spec"]["nodeName"].as_str()?);
            }
            Sent::Command(Place::Controller, _) => target.and_then(|target| target.site()),
            Sent::Request(request) => Some(request.site.as_str()),
        };
        let site = site.unwrap_or(&self.kernel().inventory.roles.active);
        let first = || self.kernel().inventory.sites.get(site)?.nodes.keys().next().cloned();
        let node = target.filter(|target| target.site() == Some(site)).and_then(|target| target.node());
        self.machines().find(site, &node.map(str::to_owned).or_else(first)?)
    }

    /// Somebody else does something, on a way of their own: it is not a call of the run.
    async fn intervene(&self, ticket: &Ticket, deed: &Deed) {
        let asked = |request: &Request| carry_out::request(self.0, request).map(|answer| i32::from(answer.status));
        let (what, outcome) = match deed {
            Deed::Command { on, argv } => {
                let (site, node) = on.split_once('/').unwrap_or((on, ""));
                let (place, command) = (Place::node(site, node), Command::new(argv.iter().cloned()));
                let code = carry_out::command(self.0, &place, &command, Vec::new()).await.map(|reply| reply.code);
                (format!("{place}$ {command}"), code)
            }
            Deed::Request(request) => (request.to_string(), asked(request)),
            Deed::ScalesUp { site } => {
                let request = self.scaling_up(site.as_ref().unwrap_or(&self.kernel().inventory.roles.active));
                (request.to_string(), asked(&request))
            }
            Deed::Compacts { site } => {
                let site = site.as_ref().unwrap_or(&self.kernel().inventory.roles.active);
                let (place, command) = self.compacting(site).await;
                let code = carry_out::command(self.0, &place, &command, Vec::new()).await.map(|reply| reply.code);
                (format!("{place}$ {command}"), code)
            }
        };
        if let Err(gap) = &outcome {
            self.kernel().unsimulated(&gap.name, &gap.what);
        }
        let outcome =
            outcome.map_or_else(|gap| format!("the sandbox does not simulate {}", gap.what), |code| code.to_string());
        self.kernel().calls().tell(ticket.ordinal, format!("{what} [{outcome}]"));
    }

    /// The command that compacts the history of the workload of the world file as far as can be, and where it is typed.
    async fn compacting(&self, site: &str) -> (Place, Command) {
        let Workload { namespace, statefulset, .. } = &self.kernel().spec.workload;
        let place = Place::Pod {
            site: site.to_owned(),
            namespace: namespace.clone(),
            pod: format!("{statefulset}-0"),
            container: None,
        };
        let status = Command::new(["etcdctl", "endpoint", "status", "-w", "json"]);
        let reply = carry_out::command(self.0, &place, &status, Vec::new()).await.ok();
        let answer: Value = reply.and_then(|reply| serde_json::from_slice(&reply.stdout).ok()).unwrap_or_default();
        let revision = answer[0]["Status"]["header"]["revision"].as_u64().unwrap_or(0);
        (place, Command::new(["etcdctl", "compact", &revision.to_string()]))
    }

    /// The request that scales the workload of the world file to all its replicas.
    fn scaling_up(&self, site: &str) -> Request {
        let workload = &self.kernel().spec.workload;
        let (namespace, name) = (&workload.namespace, &workload.statefulset);
        Request {
            method: "PATCH".to_owned(),
            content_type: Some("application/merge-patch+json".to_owned()),
            body: Some(json!({"spec": {"replicas": workload.replicas}})),
            ..Request::get(site, format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}/scale"))
        }
    }
}

/// The addresses of a site or of one of its nodes, those that DRBD replicates over among them.
pub(super) fn addresses(inventory: &Inventory, end: &str) -> Vec<String> {
    let (site, node) = end.split_once('/').map_or((end, None), |(site, node)| (site, Some(node)));
    let of_node = |name: &str| node.is_none_or(|node| node == name);
    let nodes = inventory.sites.get(site).into_iter().flat_map(|site| site.nodes.values());
    let own = nodes.filter(|machine| of_node(&machine.name)).map(|machine| machine.address.clone());
    let members = inventory.pairs.iter().flat_map(|pair| pair.members.values());
    let replicated = members.filter(|member| member.site == site && of_node(&member.node));
    let mut all: Vec<String> = own.chain(replicated.map(|member| member.address.clone())).collect();
    all.sort();
    all.dedup();
    all
}

/// Fills the file systems that are mounted on a machine, or one of them.
fn fill(machine: &mut Machine, only: Option<&str>, now: i128) {
    let wanted = |target: &&String| only.is_none_or(|only| *target == only);
    let targets: Vec<(usize, String)> = (0..).zip(machine.mounts.iter().map(|mount| mount.target.clone())).collect();
    for (mount, target) in targets.iter().filter(|(_, target)| wanted(&target)) {
        let Ok(filesystem) = machine.filesystem(*mount) else { continue };
        let room = filesystem.bytes.saturating_sub(filesystem.used()) / BLOCK * BLOCK;
        let file = InodeKind::File(Content::large("filler", room));
        // One that is read-only or full already stays as it is.
        let _ = machine.make(&filler(target), file, Meta::root(now));
    }
}

/// Removes what has filled file systems.
pub(super) fn make_room(machines: &mut Machines, now: i128) {
    let full = |machine: &Machine| machine.mounts.iter().any(|mount| machine.lstat(&filler(&mount.target)).is_ok());
    let full: Vec<MachineId> = machines.iter().filter(|(_, machine)| full(machine)).map(|(id, _)| id).collect();
    for id in full {
        let Some(machine) = machines.get_mut(id) else { continue };
        let targets: Vec<String> = machine.mounts.iter().map(|mount| mount.target.clone()).collect();
        for target in &targets {
            // One that has become read-only stays as it is.
            let _ = machine.remove_file(&filler(target), now);
        }
    }
}

/// The path of the file that takes all room below a mount point.
fn filler(target: &str) -> String {
    format!("{}/{FILLER}", target.trim_end_matches('/'))
}
