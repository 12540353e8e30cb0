//! The sandbox's DRBD for real machines that have none in their kernels: the same state machine and the same programs, on
//! a state that is stored between two commands and on the clock of the wall. It decides and answers; what it says of disks
//! and devices comes from its caller, and what has to happen to them ([`Volume`], [`Copy`]) its caller does.

mod copies;
mod probe;
mod stored;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

use crate::kernel::WorldSpec;
use crate::machine::drbd::{self, DiskState, Shared};
use crate::machine::programs;
use crate::machine::{BlockContent, MachineId, Machines};

pub use copies::{Copy, Versions};
pub use probe::{DiskProbe, addresses};

/// The version of DRBD that it answers as.
const VERSION: &str = "9.2.14";

/// Names a machine: the site and the node, or whatever else keeps two machines apart.
pub(crate) type MachineName = (String, String);

/// The DRBD of some machines.
#[derive(Debug)]
pub struct StandIn {
    machines: Machines,
}

/// A resource in the kernel of a machine, as far as its device and disk are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The machine.
    pub machine: (String, String),
    /// The resource's name.
    pub resource: String,
    /// The device as the configuration names it: `/dev/drbd0`.
    pub device: String,
    /// The backing disk as the configuration names it: `/dev/sdc`.
    pub disk: String,
    /// Whether the device can be opened: the resource is Primary and has a disk.
    pub open: bool,
    /// The size of the device in bytes.
    pub bytes: u64,
}

/// What a program printed, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its exit code.
    pub code: u8,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl StandIn {
    /// The DRBD of no machine yet, whose resyncs run at a rate in bytes per second.
    #[must_use]
    pub fn new(now: Timestamp, rate: u64) -> Self {
        let spec = WorldSpec { drbd_version: VERSION.to_owned(), ..WorldSpec::default() };
        // The seed only has to differ from one stand-in to the next.
        let seed = u64::try_from(now.as_nanosecond()).unwrap_or_default();
        let mut stand_in = Self { machines: Machines::default() };
        stand_in.machines.drbd = Shared::new(&spec, seed, now.as_nanosecond());
        stand_in.set_rate(rate);
        stand_in
    }

    /// Sets the rate of resyncs, in bytes per second.
    pub fn set_rate(&mut self, rate: u64) {
        self.machines.drbd.set_rate(rate);
    }

    /// Brings everything up to the present. A clock that was put back stands still until it has caught up.
    pub fn settle(&mut self, now: Timestamp) {
        let elapsed = u64::try_from(now.as_nanosecond() - self.machines.drbd.starts_ns).unwrap_or_default();
        let elapsed = Duration::from_nanos(elapsed).max(self.machines.drbd.settled);
        drbd::settle(&mut self.machines, elapsed);
        // What is stored now is looked at by another process.
        let known: Vec<MachineId> = self.machines.iter().map(|(id, _)| id).collect();
        known.into_iter().for_each(|id| drbd::count(&mut self.machines, id));
    }

    /// How long a program waits for a peer that does not answer, before it has any effect; none if it need not wait.
    #[must_use]
    pub fn patience(&self, machine: &MachineName, program: &str, args: &[String]) -> Option<Duration> {
        programs::drbd_patience(&self.machines, self.find(machine)?, program, args)
    }

    /// Runs `drbdadm`, `drbdsetup`, `drbdmeta`, or `journalctl` for what they had the kernel log, on a machine, with its standard
    /// input. Settle first.
    ///
    /// # Errors
    /// Says which of DRBD's abilities was asked for that cannot be had with real disks. The state must not be stored then.
    pub fn run(
        &mut self,
        machine: &MachineName,
        program: &str,
        args: &[String],
        stdin: &[u8],
    ) -> Result<Answer, String> {
        let known = self.find(machine).ok_or_else(|| format!("{}/{}: no such machine", machine.0, machine.1))?;
        drbd::count(&mut self.machines, known);
        let reply = programs::drbd_run(&mut self.machines, known, program, args, stdin);
        let settled = self.machines.drbd.settled;
        drbd::settle(&mut self.machines, settled);
        for own in self.machines.values().flat_map(|machine| machine.drbd.values()).filter(|own| own.primary) {
            if own.disk_state == DiskState::Diskless {
                return Err(format!("{} cannot be Primary without its disk here", own.name));
            }
            if own.options.two_primaries {
                return Err(format!("{}: allow-two-primaries is not possible here: take it out", own.name));
            }
        }
        let code = u8::try_from(reply.code).unwrap_or(u8::MAX);
        Ok(Answer { code, stdout: reply.stdout, stderr: reply.stderr })
    }

    fn find(&self, (site, node): &MachineName) -> Option<MachineId> {
        self.machines.find(site, node)
    }

    /// The resources of all machines.
    #[must_use]
    pub fn volumes(&self) -> Vec<Volume> {
        let ends =
            self.machines.iter().flat_map(|(id, machine)| machine.drbd.keys().map(move |name| (id, name.as_str())));
        ends.filter_map(|(id, name)| self.volume(id, name)).collect()
    }

    fn volume(&self, id: MachineId, name: &str) -> Option<Volume> {
        let end = (id, name.into());
        let machine = self.machines.get(id)?;
        let own = self.machines.resource(&end)?;
        let disk = self.machines.attached_disk(&end);
        Some(Volume {
            machine: (machine.site.clone(), machine.node.clone()),
            resource: own.name.clone(),
            device: own.device.clone(),
            disk: own.disk.clone(),
            open: own.primary && disk.is_some(),
            bytes: disk.map_or(0, |disk| disk.drbd_kib() * 1024),
        })
    }

    /// The identifier that a disk's metadata has; none if it has no metadata.
    #[must_use]
    pub fn metadata(&self, machine: &MachineName, disk: &str) -> Option<u64> {
        let disk = self.machines.named(&machine.0, &machine.1)?.disks.get(disk)?;
        disk.metadata.as_ref().map(|metadata| metadata.device_uuid)
    }

    /// Takes note of what was written through a resource's device, in KiB.
    pub fn wrote(&mut self, machine: &MachineName, resource: &str, kib: u64) {
        let Some(id) = self.find(machine) else { return };
        let end = (id, resource.into());
        if let Some(disk) = self.machines.attached_disk_mut(&end)
            && let BlockContent::Real(real) = &mut disk.content
        {
            *real.written.entry(format!("{}/{}", machine.0, machine.1)).or_default() += kib;
        }
    }

    /// Cuts or heals the link between two addresses.
    pub fn link(&mut self, a: &str, b: &str, up: bool) {
        self.machines.links_mut().set(a, b, up);
    }

    /// Takes the power from a machine, or switches it on again. Returns whether there is such a machine, and it was not so already.
    pub fn power(&mut self, machine: &MachineName, on: bool) -> bool {
        let Some(id) = self.find(machine) else { return false };
        if on { self.machines.power_on(id) } else { self.machines.power_off(id) }
    }

    /// Whether a machine has power; one that is not known has.
    #[must_use]
    pub fn is_up(&self, machine: &MachineName) -> bool {
        self.machines.named(&machine.0, &machine.1).is_none_or(|machine| machine.up)
    }

    /// The machines it knows.
    #[must_use]
    pub fn machines(&self) -> Vec<(String, String)> {
        self.machines.values().map(|machine| (machine.site.clone(), machine.node.clone())).collect()
    }
}
