//! All machines of a running world and the controller's, on its kernel: what a program of a machine works with.

use std::sync::{Mutex, MutexGuard};

use cutover_engine::world::Place;

use super::drbd;
use super::host::{Machine, Machines};
use super::resource::{MachineId, Shared};
use crate::kernel::{Clock, Kernel, lock};

/// The machines of a world.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// What they run on.
    pub(crate) kernel: Kernel,
    /// All machines, the controller not included.
    machines: Mutex<Machines>,
    /// The machine that stands for the controller; made when a program first works on it.
    controller: Mutex<Option<Machine>>,
}

impl Hosts {
    /// A world without machines.
    pub(crate) fn new(kernel: Kernel) -> Self {
        let drbd = Shared::new(&kernel.spec, kernel.seed, kernel.clock.starts.as_nanosecond());
        let mut machines = Machines::default();
        machines.drbd = drbd;
        Self { kernel, machines: Mutex::new(machines), controller: Mutex::default() }
    }

    /// A copy that goes on by itself, by a clock of its own.
    pub(crate) fn copy(&self, clock: Clock) -> Self {
        let controller = Mutex::new(lock(&self.controller).clone());
        Self { kernel: self.kernel.copy(clock), machines: Mutex::new(self.machines().clone()), controller }
    }

    /// The machines of the sites.
    pub(crate) fn machines(&self) -> MutexGuard<'_, Machines> {
        lock(&self.machines)
    }

    /// Works on the machine at a place; `None` if the place is not a machine of this world.
    pub(crate) fn with_machine<T>(&self, place: &Place, work: impl FnOnce(&mut Machine) -> T) -> Option<T> {
        match place {
            Place::Node { site, node } => self.machines().named_mut(site, node).map(work),
            Place::Controller => {
                let made = || {
                    let (uuid, now) = (self.kernel.uuid("controller/root"), self.kernel.clock.starts.as_nanosecond());
                    Machine::new(("", "controller"), "controller", "127.0.0.1", &uuid, 50 << 30, now)
                };
                Some(work(lock(&self.controller).get_or_insert_with(made)))
            }
            Place::Pod { .. } => None,
        }
    }

    /// Works on DRBD on a machine, brought up to the present before and after.
    pub(crate) fn on_drbd<T>(&self, id: MachineId, work: impl FnOnce(&mut Machines, MachineId) -> T) -> T {
        let elapsed = self.kernel.clock.elapsed();
        let machines = &mut *self.machines();
        drbd::settle(machines, elapsed);
        drbd::count(machines, id);
        let done = work(machines, id);
        drbd::settle(machines, elapsed);
        done
    }
}
