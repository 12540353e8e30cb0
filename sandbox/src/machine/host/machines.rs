//! All machines of a world, the network between them and what their kernels' DRBD has in common. One machine is
//! [`Machine`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Machine;
use crate::kernel::Links;
use crate::machine::resource::{MachineId, Shared};

/// The machines. A copy shares every machine with the original until one of the two changes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machines {
    list: Arc<Vec<Arc<Machine>>>,
    names: Arc<HashMap<(String, String), MachineId>>,
    addresses: Arc<HashMap<String, MachineId>>,
    /// Those that may have changed since DRBD was brought up to the present.
    touched: BTreeSet<MachineId>,
    /// How often a machine was switched on or off.
    switched: u64,
    /// The network.
    links: Links,
    /// What the DRBD of all machines has in common.
    pub(crate) drbd: Shared,
}

impl Machines {
    /// Adds a machine; of one with the same name nothing is left.
    pub(crate) fn insert(&mut self, machine: Machine) -> MachineId {
        let name = (machine.site.clone(), machine.node.clone());
        let next = MachineId(u32::try_from(self.list.len()).expect("fewer machines than there are addresses"));
        let id = *Arc::make_mut(&mut self.names).entry(name).or_insert(next);
        let addresses = Arc::make_mut(&mut self.addresses);
        addresses.extend(machine.addresses().map(|address| (address.to_owned(), id)));
        let list = Arc::make_mut(&mut self.list);
        match list.get_mut(id.index()) {
            Some(old) => *old = Arc::new(machine),
            None => list.push(Arc::new(machine)),
        }
        self.touched.insert(id);
        id
    }

    /// Moves a machine to another address.
    pub(crate) fn move_to(&mut self, id: MachineId, address: &str) {
        let Some(machine) = self.get_mut(id) else { return };
        let old = std::mem::replace(&mut machine.address, address.to_owned());
        let addresses = Arc::make_mut(&mut self.addresses);
        if addresses.get(&old) == Some(&id) {
            addresses.remove(&old);
        }
        addresses.insert(address.to_owned(), id);
    }

    /// The number of the machine with a name: its site and node.
    pub(crate) fn find(&self, site: &str, node: &str) -> Option<MachineId> {
        self.names.get(&(site.to_owned(), node.to_owned())).copied()
    }

    /// The number of the machine that has an address.
    pub(crate) fn at_address(&self, address: &str) -> Option<MachineId> {
        self.addresses.get(address).copied()
    }

    /// A machine.
    pub(crate) fn get(&self, id: MachineId) -> Option<&Machine> {
        self.list.get(id.index()).map(|machine| &**machine)
    }

    /// A machine, to be changed.
    pub(crate) fn get_mut(&mut self, id: MachineId) -> Option<&mut Machine> {
        self.touched.insert(id);
        Arc::make_mut(&mut self.list).get_mut(id.index()).map(Arc::make_mut)
    }

    /// The machine with a name.
    pub(crate) fn named(&self, site: &str, node: &str) -> Option<&Machine> {
        self.get(self.find(site, node)?)
    }

    /// The machine with a name, to be changed.
    pub(crate) fn named_mut(&mut self, site: &str, node: &str) -> Option<&mut Machine> {
        self.get_mut(self.find(site, node)?)
    }

    /// All machines with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MachineId, &Machine)> {
        (0u32..).map(MachineId).zip(self.list.iter().map(|machine| &**machine))
    }

    /// All machines.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Machine> {
        self.iter().map(|(_, machine)| machine)
    }

    /// How often a machine was switched on or off so far.
    pub(crate) fn switched(&self) -> u64 {
        self.switched
    }

    /// Switches a machine on or off. Returns the machine if there is such a one and it was not so already.
    pub(crate) fn switch(&mut self, id: MachineId, on: bool) -> Option<&mut Machine> {
        self.get(id).filter(|machine| machine.up != on)?;
        self.switched += 1;
        let machine = self.get_mut(id)?;
        machine.up = on;
        Some(machine)
    }

    /// Who reaches whom.
    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    /// Who reaches whom, to be changed.
    pub(crate) fn links_mut(&mut self) -> &mut Links {
        // Any connection may run over what is changed now.
        self.touched.extend((0u32..).map(MachineId).take(self.list.len()));
        &mut self.links
    }

    /// Takes the machines that may have changed since this was asked last.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<MachineId> {
        std::mem::take(&mut self.touched)
    }
}
