//! The etcd clusters that run in the pods of a Kubernetes cluster.

use std::collections::BTreeMap;

use super::data::{Config, Data};
use super::disk::Volume;
use super::group::{Group, Member};
use crate::cluster::{Container, Crash, Running, Served, Settled, Start};
use crate::machine::{Machine, Machines};

/// The running members, by namespace and initial cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups(pub(super) BTreeMap<String, Group>);

impl Groups {
    /// The group of which the pod with a UID runs a member, with its name.
    pub(super) fn of(&self, uid: &str) -> Option<(&String, &Group)> {
        self.0.iter().find(|(_, group)| group.members.contains_key(uid))
    }
}

impl Running for Groups {
    fn copy(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }

    fn is_mine(&self, container: &Container) -> bool {
        Config::of_env(&container.env).is_some()
    }

    fn start(&mut self, start: &Start<'_>, machine: &mut Machine) -> Result<(), String> {
        let Some(config) = Config::of_env(&start.container.env) else { return Ok(()) };
        let (path, device) = (start.on_node(&config.data_dir), start.device.to_owned());
        let volume = Volume { path, device, uid: start.container.uid, gid: start.container.gid };
        let group = format!("{}/{}", start.namespace, config.initial_cluster);
        let data = open(machine, &config, &volume, start.now)?;
        let member = Member::new(start.pod, start.node, volume, config, data);
        self.0.entry(group).or_default().join(start.uid, member);
        Ok(())
    }

    fn has(&self, uid: &str) -> bool {
        self.of(uid).is_some()
    }

    fn end(&mut self, uid: &str) {
        self.0.values_mut().for_each(|group| group.part(uid));
    }

    fn is_stirred(&self) -> bool {
        self.0.values().any(|group| group.stirred)
    }

    /// Members on running machines meet. The pods of a group that has another leader than before, or none any more, have changed.
    fn settle(&mut self, site: &str, machines: &mut Machines, now: i128) -> Settled {
        let mut settled = Settled::default();
        for (name, group) in self.0.iter_mut().filter(|(_, group)| group.stirred) {
            group.stirred = false;
            let down = |node: &str| !machines.named(site, node).is_some_and(|machine| machine.up);
            group.members.retain(|_, member| !down(&member.node));
            let before = group.leader.clone();
            settled.crashes.extend(group.meet());
            if group.leader != before {
                let namespace = name.split('/').next().unwrap_or_default();
                let pods = group.members.values().map(|member| (namespace.to_owned(), member.pod.clone()));
                settled.changed.extend(pods);
            }
            for (uid, member) in group.members.iter_mut().filter(|(_, member)| member.dirty) {
                member.dirty = false;
                let Some(machine) = machines.named_mut(site, &member.node) else { continue };
                if let Err(message) = member.volume.write(machine, &member.data, now) {
                    settled.crashes.push(Crash { uid: uid.clone(), message });
                }
            }
        }
        settled
    }

    fn served(&self) -> Vec<Served> {
        let served = |(name, group): (&String, &Group)| {
            let data = &group.members.get(group.leader.as_ref()?)?.data;
            let namespace = name.split('/').next().unwrap_or_default().to_owned();
            Some(Served { namespace, identity: data.identity(), revision: data.revision })
        };
        self.0.iter().filter_map(served).collect()
    }

    fn serves(&self, uid: &str) -> bool {
        self.of(uid).is_some_and(|(_, group)| group.serves(uid))
    }
}

/// Opens a data directory as etcd does: continues what is there, or begins a new member of a new cluster.
fn open(machine: &mut Machine, config: &Config, volume: &Volume, now: i128) -> Result<Data, String> {
    if let Some(data) = volume.open(machine)? {
        return Ok(data);
    }
    let data = Data::bootstrap(config)
        .ok_or_else(|| format!("couldn't find local name \"{}\" in the initial cluster configuration", config.name))?;
    volume.write(machine, &data, now)?;
    Ok(data)
}
