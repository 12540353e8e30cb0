//! The sandbox as a [`World`]: transports to simulated places, answers of simulated API servers.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::clock::Clock;
use cutover_engine::inventory::Inventory;
use cutover_engine::world::{Answer, Caller, Command, Exit, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::api;
use crate::build;
use crate::calls::{Ended, Known, Sent};
use crate::machine::{InodeKind, Machine, Meta};
use crate::program::{Call, Reply};
use crate::programs;
use crate::sim::{Sim, State};
use crate::spec::WorldSpec;
use crate::strike::Verdict;
use crate::unsimulated;

/// A simulated world, derived from an inventory.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) sim: Arc<Sim>,
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
        for strike in &spec.strikes {
            strike.check(&inventory).map_err(|why| format!("`strikes`: {why}"))?;
        }
        let sim = Sim::new(inventory, spec, seed, State::default())?;
        build::machines(&sim)?;
        build::clusters(&sim)?;
        Ok(Self::of(sim))
    }

    /// A world as nobody in particular sees it.
    pub(crate) fn of(sim: Arc<Sim>) -> Self {
        Self { sim, caller: None }
    }

    /// Leaves a socket at a path on a machine, as a process does that was killed: no program makes one without listening.
    /// Gives whether there is such a machine and nothing was there yet.
    pub fn leave_socket(&self, site: &str, node: &str, path: &str) -> bool {
        let now = self.sim.now_ns();
        let socket = |machine: &mut Machine| machine.make(path, InodeKind::Special('s'), Meta::root(now)).is_ok();
        self.sim.with_machine(&Place::node(site, node), socket).unwrap_or(false)
    }
}

impl Clock for Sandbox {
    fn now(&self) -> Timestamp {
        self.sim.now()
    }
}

impl World for Sandbox {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        reach(&self.sim, self.caller.as_ref(), place.clone())
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(api::answer(&self.sim, self.caller.as_ref(), request))
    }

    fn called_by(&self, caller: Caller) -> Option<Arc<dyn World>> {
        Some(Arc::new(Self { sim: Arc::clone(&self.sim), caller: Some(Arc::new(Known::new(caller))) }))
    }
}

fn reach<'a>(
    sim: &'a Arc<Sim>,
    caller: Option<&'a Arc<Known>>,
    place: Place,
) -> BoxFuture<'a, Result<Arc<dyn Transport>, TransportFault>> {
    Box::pin(async move {
        if let Some(false) = sim.with_machine(&place, |machine| machine.up) {
            return Err(TransportFault::Unreachable(format!("{place}: no route to host")));
        }
        Ok(Arc::new(Shell { sim: Arc::clone(sim), caller: caller.cloned(), place }) as Arc<dyn Transport>)
    })
}

/// The transport to one simulated place.
struct Shell {
    sim: Arc<Sim>,
    caller: Option<Arc<Known>>,
    place: Place,
}

impl Transport for Shell {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            if let Some(false) = self.sim.with_machine(&self.place, |machine| machine.up) {
                return Err(TransportFault::Unreachable(format!("{}: no route to host", self.place)));
            }
            tokio::time::sleep(self.sim.spec.command_time.0).await;
            let sent = Sent::Command(&self.place, command);
            let ticket = self.sim.receive(self.caller.as_ref(), sent).await;
            match self.sim.before(&ticket, sent).await {
                Verdict::Go => {}
                Verdict::Refused(code, _) => {
                    self.sim.ended(&ticket, Ended::Refused(code));
                    return Ok(Exit::Code(code));
                }
                Verdict::Lost => {
                    self.sim.ended(&ticket, Ended::LostBefore);
                    return Err(lost(&self.place));
                }
            }
            let mut stdin = command.stdin.clone().unwrap_or_default().into_bytes();
            if let Some(mut stream) = io.stdin.take() {
                stream.read_to_end(&mut stdin).await.map_err(|_| lost(&self.place))?;
            }
            let carried_out = carry_out(&self.sim, &self.place, command, stdin).await;
            let reply = carried_out.map_err(|what| self.sim.unsimulated(&ticket, what))?;
            if self.sim.after(&ticket, reply.code).await {
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

/// Runs a command at a place, whoever has sent it.
///
/// # Errors
/// What is not simulated of it.
pub(crate) async fn carry_out(
    sim: &Arc<Sim>,
    place: &Place,
    command: &Command,
    stdin: Vec<u8>,
) -> Result<Reply, String> {
    let (name, args) = match (command.script_name(), command.argv.as_slice()) {
        (Some(name), argv) => (name, &argv[4..]),
        (None, [name, args @ ..]) => (name.rsplit('/').next().unwrap_or(name), args),
        (None, []) => ("", &[][..]),
    };
    sim.settle();
    let program = programs::ALL.iter().find(|program| program.names().contains(&name));
    let reply = match (api::exec_refused(sim, place, name), program) {
        // A container that lacks a program of the machines lacks it in truth.
        (Some(reply), program) => match unsimulated::program(name).filter(|_| reply.code == 126 && program.is_none()) {
            Some(what) => return Err(what),
            None => reply,
        },
        (None, Some(program)) => program.run(Call { sim, place, command, args, stdin }).await,
        (None, None) => match unsimulated::program(name) {
            Some(what) => return Err(what),
            None => Reply::fail(127, format!("sh: 1: {name}: not found\n")),
        },
    };
    sim.settle();
    match unsimulated::of_reply(name, &reply) {
        Some(what) => Err(what),
        None => Ok(reply),
    }
}

fn lost(place: &Place) -> TransportFault {
    TransportFault::Lost(format!("{place}: connection reset by peer"))
}

impl Sim {
    /// Lets the time pass that moving this many bytes takes at a rate.
    pub(crate) async fn transfer(&self, bytes: u64, bytes_per_second: u64) {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
        tokio::time::sleep(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))).await;
    }
}
