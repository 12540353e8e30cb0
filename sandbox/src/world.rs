//! The sandbox as a [`World`]: transports to simulated places, answers of simulated API servers.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::clock::Clock;
use cutover_engine::inventory::Inventory;
use cutover_engine::world::{Answer, Command, Exit, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::api;
use crate::build;
use crate::fault::{Fault, FaultKind};
use crate::machine::{InodeKind, Machine, Meta};
use crate::program::{Call, Reply};
use crate::programs;
use crate::sim::{Sim, State};
use crate::spec::WorldSpec;

/// A simulated world, derived from an inventory.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) sim: Arc<Sim>,
}

impl Sandbox {
    /// Builds the world that an inventory describes, as it is before any playbook has run. Call it inside a tokio runtime
    /// whose clock is paused.
    ///
    /// # Errors
    /// Says in words what the world file asks for that cannot be.
    pub fn new(inventory: Arc<Inventory>, spec: WorldSpec, seed: u64) -> Result<Self, String> {
        let sim = Sim::new(inventory, spec, seed, State::default())?;
        build::machines(&sim)?;
        build::clusters(&sim)?;
        Ok(Self { sim })
    }

    /// Plans a fault.
    pub fn inject(&self, fault: Fault) {
        self.sim.state().faults.push(fault);
    }

    /// Every command that ran and every request that changed something or tried to, in order, as a plan prints it and with
    /// its exit code or status in brackets. What was lost on its way there is not among them; what was lost on its way
    /// back is.
    pub fn effects(&self) -> Vec<String> {
        self.sim.state().effects.clone()
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
        let place = place.clone();
        Box::pin(async move {
            if let Some(false) = self.sim.with_machine(&place, |machine| machine.up) {
                return Err(TransportFault::Unreachable(format!("{place}: no route to host")));
            }
            Ok(Arc::new(Shell { sim: Arc::clone(&self.sim), place }) as Arc<dyn Transport>)
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(api::answer(&self.sim, request))
    }
}

/// The transport to one simulated place.
struct Shell {
    sim: Arc<Sim>,
    place: Place,
}

impl Transport for Shell {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            if let Some(false) = self.sim.with_machine(&self.place, |machine| machine.up) {
                return Err(TransportFault::Unreachable(format!("{}: no route to host", self.place)));
            }
            tokio::time::sleep(self.sim.spec.command_time.0).await;
            let fault = self.sim.strike(&format!("{}$ {command}", self.place));
            match fault {
                Some(FaultKind::Fail(code)) => return Ok(Exit::Code(code)),
                Some(FaultKind::Hang) => std::future::pending::<()>().await,
                Some(FaultKind::LoseBefore) => return Err(lost(&self.place)),
                Some(FaultKind::LoseAfter) | None => {}
            }
            let mut stdin = command.stdin.clone().unwrap_or_default().into_bytes();
            if let Some(mut stream) = io.stdin.take() {
                stream.read_to_end(&mut stdin).await.map_err(|_| lost(&self.place))?;
            }
            let (name, args) = match (command.script_name(), command.argv.as_slice()) {
                (Some(name), argv) => (name, &argv[4..]),
                (None, [name, args @ ..]) => (name.rsplit('/').next().unwrap_or(name), args),
                (None, []) => ("", &[][..]),
            };
            self.sim.settle();
            let program = programs::ALL.iter().find(|program| program.names().contains(&name));
            let refused = api::exec_refused(&self.sim, &self.place, name);
            let reply = match (refused, program) {
                (Some(reply), _) => reply,
                (None, Some(program)) => {
                    program.run(Call { sim: &self.sim, place: &self.place, command, args, stdin }).await
                }
                (None, None) => Reply::fail(127, format!("sh: 1: {name}: not found\n")),
            };
            self.sim.settle();
            self.sim.state().effects.push(format!("{}$ {command} [{}]", self.place, reply.code));
            if fault == Some(FaultKind::LoseAfter) {
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

fn lost(place: &Place) -> TransportFault {
    TransportFault::Lost(format!("{place}: connection reset by peer"))
}

impl Sim {
    /// Takes the fault that is due for a command or request, if there is one. `text` is what a plan prints of it.
    pub(crate) fn strike(&self, text: &str) -> Option<FaultKind> {
        let mut state = self.state();
        let fault = state
            .faults
            .iter_mut()
            .find(|fault| fault.times > 0 && fault.when.iter().all(|fragment| text.contains(fragment)))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        Some(fault.kind.clone())
    }

    /// Lets the time pass that moving this many bytes takes at a rate.
    pub(crate) async fn transfer(&self, bytes: u64, bytes_per_second: u64) {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
        tokio::time::sleep(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))).await;
    }
}
