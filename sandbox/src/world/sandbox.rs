//! The sandbox as a [`World`]: transports to simulated places, answers of simulated API servers.

use std::sync::Arc;

use cutover_engine::clock::Clock;
use cutover_engine::inventory::Inventory;
use cutover_engine::world::{Answer, Caller, Command, Exit, Gap, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::strikes::{Strikes, Verdict};
use super::{build, carry_out, requests};
use crate::cluster::{ChartLook, Clusters, Service, Version, exec_forbidden};
use crate::kernel::calls::{Ended, Known, Sent};
use crate::kernel::{Kernel, Rights, WorldSpec};
use crate::machine::{Hosts, InodeKind, Machine, Meta};
use crate::services;

/// A simulated world, derived from an inventory.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) clusters: Arc<Clusters>,
    /// Whose view of the world this is, if it is one task's.
    caller: Option<Arc<Known>>,
}

impl Sandbox {
    /// Builds the world that an inventory describes, as it is before any playbook has run. Call it inside a tokio runtime
    /// whose clock is paused.
    ///
    /// # Errors
    /// Says in words what the world file asks for that cannot be.
    pub fn new(inventory: Arc<Inventory>, spec: WorldSpec, seed: u64) -> Result<Self, String> {
        Self::with_services(inventory, spec, seed, services::ALL)
    }

    /// Builds a world in which some services can run.
    ///
    /// # Errors
    /// Says in words what the world file asks for that cannot be.
    pub(crate) fn with_services(
        inventory: Arc<Inventory>,
        spec: WorldSpec,
        seed: u64,
        services: &[&dyn Service],
    ) -> Result<Self, String> {
        for strike in &spec.strikes {
            strike.check(&inventory).map_err(|why| format!("`strikes`: {why}"))?;
        }
        Version::of(&spec.kubernetes_version)?;
        let hosts = Hosts::new(Kernel::new(inventory, spec, seed)?);
        build::machines(&hosts)?;
        let charts = services.iter().map(|service| service.chart()).collect();
        let clients = services.iter().flat_map(|service| service.clients()).copied().collect();
        let clusters = Clusters::new(hosts, charts, clients);
        build::clusters(&clusters, services)?;
        Ok(Self::of(clusters))
    }

    /// A world as nobody in particular sees it.
    pub(crate) fn of(clusters: Clusters) -> Self {
        Self { clusters: Arc::new(clusters), caller: None }
    }

    /// Says how to find out what is on the controller where a chart is named. Without it every name that ends in the name of a
    /// chart leads to that chart.
    pub fn look_for_charts(&self, look: ChartLook) {
        // Asked for once; a second way would be ignored.
        let _ = self.clusters.chart_look.set(look);
    }

    /// Grants the user of the kubeconfigs other rights on both clusters; all, if none are named.
    pub fn grant(&self, rights: Option<Rights>) {
        let rights = rights.map(Arc::new);
        self.clusters.by_site().values_mut().for_each(|cluster| cluster.rights.clone_from(&rights));
    }

    /// The kernel of the world.
    pub(crate) fn kernel(&self) -> &Kernel {
        &self.clusters.hosts.kernel
    }

    /// Leaves a socket at a path on a machine, as a process does that was killed: no program makes one without listening.
    /// Returns whether there is such a machine and nothing was there yet.
    pub fn leave_socket(&self, site: &str, node: &str, path: &str) -> bool {
        let now = self.kernel().now_ns();
        let socket = |machine: &mut Machine| machine.make(path, InodeKind::Special('s'), Meta::root(now)).is_ok();
        self.clusters.hosts.with_machine(&Place::node(site, node), socket).unwrap_or(false)
    }
}

impl Clock for Sandbox {
    fn now(&self) -> Timestamp {
        self.kernel().clock.now()
    }
}

impl World for Sandbox {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.clone();
        Box::pin(async move {
            silent(&self.clusters, &place)?;
            let (clusters, caller) = (Arc::clone(&self.clusters), self.caller.clone());
            Ok(Arc::new(Shell { clusters, caller, place }) as Arc<dyn Transport>)
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(requests::answer(&self.clusters, self.caller.as_ref(), request))
    }

    fn gaps(&self) -> Vec<Gap> {
        self.kernel().calls().gaps.clone()
    }

    fn called_by(&self, caller: Caller) -> Option<Arc<dyn World>> {
        Some(Arc::new(Self { clusters: Arc::clone(&self.clusters), caller: Some(Arc::new(Known::new(caller))) }))
    }
}

/// The transport to one simulated place.
struct Shell {
    clusters: Arc<Clusters>,
    caller: Option<Arc<Known>>,
    place: Place,
}

impl Transport for Shell {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            silent(&self.clusters, &self.place)?;
            let (kernel, strikes) = (&self.clusters.hosts.kernel, Strikes(&self.clusters));
            tokio::time::sleep(kernel.spec.command_time.0).await;
            let sent = Sent::Command(&self.place, command);
            let ticket = kernel.receive(self.caller.as_ref(), sent).await;
            match strikes.before(&ticket, sent).await {
                Verdict::Go => {}
                Verdict::Refused(code, _) => {
                    kernel.ended(&ticket, Ended::Refused(code));
                    return Ok(Exit::Code(code));
                }
                Verdict::Lost => {
                    kernel.ended(&ticket, Ended::LostBefore);
                    return Err(lost(&self.place));
                }
            }
            if let Some(fault) = exec_forbidden(&self.clusters, &self.place) {
                kernel.ended(&ticket, Ended::Refused(403));
                return Err(fault);
            }
            let mut stdin = command.stdin.clone().unwrap_or_default().into_bytes();
            if let Some(mut stream) = io.stdin.take() {
                stream.read_to_end(&mut stdin).await.map_err(|_| lost(&self.place))?;
            }
            let carried_out = carry_out::command(&self.clusters, &self.place, command, stdin).await;
            let reply = carried_out.map_err(|gap| kernel.unanswered(&ticket, gap))?;
            if strikes.after(&ticket, reply.code).await {
                return Err(lost(&self.place));
            }
            let written = async {
                io.stdout.write_all(&reply.stdout).await?;
                io.stdout.shutdown().await?;
                io.stderr.write_all(&reply.stderr).await?;
                io.stderr.shutdown().await
            };
            // A reader that went away ends the stream, as SIGPIPE does.
            let _ = written.await;
            Ok(Exit::Code(reply.code))
        })
    }
}

/// Nothing is sent to a machine that is off, or to a pod by an API server that does not answer.
fn silent(clusters: &Clusters, place: &Place) -> Result<(), TransportFault> {
    match place {
        Place::Pod { site, .. } if !clusters.answers(site) => {
            Err(TransportFault::Unreachable(format!("{place}: no route to the API server of {site}")))
        }
        _ => match clusters.hosts.with_machine(place, |machine| machine.up) {
            Some(false) => Err(TransportFault::Unreachable(format!("{place}: no route to host"))),
            _ => Ok(()),
        },
    }
}

fn lost(place: &Place) -> TransportFault {
    TransportFault::Lost(format!("{place}: connection reset by peer"))
}
