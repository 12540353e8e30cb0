//! What has to be copied from one disk to another, after the state machine has decided that they hold the same.

use std::collections::BTreeMap;

use super::{MachineName, StandIn};
use crate::machine::drbd::Layout;
use crate::machine::{BlockContent, Disk, Machine, Real};

/// What all disks held at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(BTreeMap<(MachineName, String), Real>);

/// A copy that has to be made: of a disk of a machine to a disk of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The machine and the disk that is read.
    pub from: ((String, String), String),
    /// The machine and the disk that is written.
    pub to: ((String, String), String),
    /// How much, in bytes from the start.
    pub bytes: u64,
}

impl StandIn {
    /// What all disks hold now.
    #[must_use]
    pub fn versions(&self) -> Versions {
        let held = |(id, path, disk): (MachineName, &String, &Disk)| match &disk.content {
            BlockContent::Real(real) => Some(((id, path.clone()), real.clone())),
            _ => None,
        };
        Versions(self.disks().filter_map(held).collect())
    }

    /// What has to be copied, because of what has happened since.
    #[must_use]
    pub fn copies(&self, before: &Versions) -> Vec<Copy> {
        let Versions(now) = self.versions();
        let changed = |(disk, real): &(&(MachineName, String), &Real)| {
            before.0.get(*disk).is_some_and(|old| old.written != real.written)
        };
        let source = |(to, real): (&(MachineName, String), &Real)| {
            let (from, _) = now.iter().find(|(from, held)| *from != to && held.written == real.written)?;
            let usable = [from, to].map(|disk| self.usable(disk));
            let bytes = usable.into_iter().min().unwrap_or_default();
            Some(Copy { from: from.clone(), to: to.clone(), bytes })
        };
        now.iter().filter(changed).filter_map(source).collect()
    }

    fn usable(&self, (id, path): &(MachineName, String)) -> u64 {
        let disk = self.machines.named(&id.0, &id.1).and_then(|machine| machine.disks.get(path));
        disk.map_or(0, |disk| disk.drbd_kib().min(Layout::of(disk.bytes).usable_kib) * 1024)
    }

    fn disks(&self) -> impl Iterator<Item = (MachineName, &String, &Disk)> {
        let named = |machine: &Machine| (machine.site.clone(), machine.node.clone());
        let disks = move |machine| std::iter::repeat(named(machine)).zip(&machine.disks);
        self.machines.values().flat_map(disks).map(|(id, (path, disk))| (id, path, disk))
    }
}
