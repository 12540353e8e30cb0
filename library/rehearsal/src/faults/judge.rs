//! The judge of one case: looks at the world after every call and holds it to the laws that must hold at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover_sandbox::{DataCopy, Inspection, Inspector, PodOnVolume, Sandbox};

use super::law::{Breach, Law, Leg};

/// What the world that a playbook begins in sets as the measure of what comes.
#[derive(Debug, Clone, Default)]
pub(super) struct Measure {
    /// The data that is served by the active site at the beginning, with its revision.
    pub(super) served: BTreeMap<String, u64>,
    /// The newest whole copy of what belongs to it, by the identity of each member.
    pub(super) originals: BTreeMap<String, DataCopy>,
    /// Where an undisturbed run mounts replicated disks.
    pub(super) mounts: BTreeSet<(String, String, String)>,
    /// The volumes that pods open in an undisturbed run: node, directory and device.
    pub(super) volumes: BTreeSet<(String, String, String)>,
}

impl Measure {
    /// The measure that a world sets, for a site that is active in it.
    pub(super) fn of(world: &Sandbox, active: &str) -> Self {
        let mut inspector = Inspector::default();
        let inspection = inspector.inspect(world);
        let mut measure = Self::default();
        measure.learn(&inspection);
        let here = |by: &str| by.split('/').next() == Some(active);
        for served in inspection.served.into_iter().filter(|served| here(&served.by)) {
            measure.served.insert(served.identity, served.revision);
        }
        for (_, copy) in inspector.copies(world) {
            let belongs = measure.served.keys().any(|identity| copy.identity.ends_with(identity.as_str()));
            // Without a service that serves, everything is to stay.
            if belongs || measure.served.is_empty() {
                let known = measure.originals.entry(copy.identity.clone()).or_insert_with(|| copy.clone());
                if copy.revision > known.revision {
                    *known = copy;
                }
            }
        }
        measure
    }

    /// Takes what an undisturbed run does as right.
    fn learn(&mut self, inspection: &Inspection) {
        self.mounts.extend(inspection.replicated.iter().cloned());
        self.volumes.extend(inspection.pods.iter().map(volume));
    }
}

fn volume(pod: &PodOnVolume) -> (String, String, String) {
    (pod.node.clone(), pod.directory.clone(), pod.device.clone())
}

/// An inspector that the judges of one thread share.
pub(super) type Eye = Arc<Mutex<Inspector>>;

/// A judge, shared by those who call it.
#[derive(Clone)]
pub(super) struct Judge {
    state: Arc<Mutex<State>>,
    eye: Eye,
}

struct State {
    measure: Arc<Measure>,
    served: BTreeMap<String, u64>,
    copies: BTreeMap<String, DataCopy>,
    leg: Leg,
    step: String,
    breaches: Vec<Breach>,
    /// What was there before anything was struck.
    intact: Inspection,
    /// The nodes that were seen without power.
    off: BTreeSet<String>,
    /// What it has seen and takes as right, if it watches an undisturbed run.
    learned: Option<Measure>,
}

impl Judge {
    /// A judge of a case.
    pub(super) fn new(measure: &Arc<Measure>, eye: &Eye) -> Self {
        let state = State {
            measure: Arc::clone(measure),
            served: measure.served.clone(),
            copies: measure.originals.clone(),
            leg: Leg::Run,
            step: String::new(),
            breaches: Vec::new(),
            intact: Inspection::default(),
            off: BTreeSet::new(),
            learned: None,
        };
        Self { state: Arc::new(Mutex::new(state)), eye: Arc::clone(eye) }
    }

    /// A judge of an undisturbed run, who takes what it mounts as right.
    pub(super) fn learning(measure: &Arc<Measure>) -> Self {
        let judge = Self::new(measure, &Eye::default());
        judge.state().learned = Some(Measure::default());
        judge
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step begins.
    pub(super) fn enter(&self, step: &str) {
        step.clone_into(&mut self.state().step);
    }

    /// Another part of the case begins, in a world that goes on from where the first part ended.
    pub(super) fn begin(&self, leg: Leg) {
        let mut state = self.state();
        state.leg = leg;
    }

    /// A judge who goes on from here alone, in another world.
    pub(super) fn fork(&self, measure: &Arc<Measure>, eye: &Eye) -> Self {
        let state = self.state();
        let fork = State {
            measure: Arc::clone(measure),
            served: state.served.clone(),
            copies: state.copies.clone(),
            leg: state.leg,
            step: state.step.clone(),
            breaches: Vec::new(),
            intact: state.intact.clone(),
            off: state.off.clone(),
            learned: None,
        };
        Self { state: Arc::new(Mutex::new(fork)), eye: Arc::clone(eye) }
    }

    /// Looks at a world; thoroughly, if something may have changed on a disk.
    pub(super) fn look(&self, world: &Sandbox, thorough: bool) {
        let (inspection, copies) =
            self.with_inspector(|inspector| (inspector.inspect(world), thorough.then(|| inspector.copies(world))));
        let mut state = self.state();
        if !world.is_struck() {
            state.intact = inspection.clone();
        }
        state.off.extend(inspection.off.iter().cloned());
        state.look(inspection, copies.as_deref());
    }

    /// What the nodes that have lost their power had before.
    pub(super) fn intact(&self) -> Inspection {
        let state = self.state();
        let mut intact = state.intact.clone();
        intact.primaries.values_mut().for_each(|nodes| nodes.retain(|node| state.off.contains(node)));
        intact.replicated.retain(|(node, _, _)| state.off.contains(node));
        intact
    }

    /// Records a breach.
    pub(super) fn find(&self, law: Law, seen: impl Into<String>) {
        self.state().find(law, seen.into());
    }

    /// The inspector, for a while.
    pub(super) fn with_inspector<T>(&self, work: impl FnOnce(&mut Inspector) -> T) -> T {
        work(&mut self.eye.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was found.
    pub(super) fn breaches(&self) -> Vec<Breach> {
        self.state().breaches.clone()
    }

    /// What was learned.
    pub(super) fn learned(&self) -> Measure {
        self.state().learned.take().unwrap_or_default()
    }
}

impl State {
    fn find(&mut self, law: Law, seen: String) {
        if !self.breaches.iter().any(|breach| breach.law == law && breach.leg == self.leg) {
            self.breaches.push(Breach { law, leg: self.leg, step: self.step.clone(), seen });
        }
    }

    fn look(&mut self, inspection: Inspection, copies: Option<&[(String, DataCopy)]>) {
        for (resource, nodes) in inspection.primaries.iter().filter(|(_, nodes)| nodes.len() > 1) {
            self.find(Law::Primaries, format!("{resource} is Primary on {}", nodes.join(" and ")));
        }
        if let Some(learned) = &mut self.learned {
            learned.learn(&inspection);
        }
        for pod in &inspection.pods {
            let below = |mount: &&(String, String, String)| {
                mount.0 == pod.node
                    && pod
                        .directory
                        .strip_prefix(mount.1.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let wanted = self.measure.mounts.iter().find(below).filter(|mount| mount.2 != pod.device);
            if let Some((_, _, device)) = wanted.filter(|_| !self.measure.volumes.contains(&volume(pod))).cloned() {
                let PodOnVolume { pod, node, directory, device: own } = pod;
                self.find(
                    Law::Mounted,
                    format!("{pod} runs on {directory} of {node}, which is on {own}, not on {device}"),
                );
            }
        }
        for served in inspection.served {
            match self.served.get_mut(&served.identity) {
                Some(revision) if served.revision < *revision => {
                    let seen = format!(
                        "{} serves {} at revision {}, and revision {revision} was acknowledged",
                        served.by, served.identity, served.revision
                    );
                    self.find(Law::Writes, seen);
                }
                Some(revision) => *revision = served.revision,
                None => {}
            }
        }
        if let Some(copies) = copies {
            self.look_at_disks(copies);
        }
    }

    fn look_at_disks(&mut self, found: &[(String, DataCopy)]) {
        let mut lost = Vec::new();
        for (identity, wanted) in &mut self.copies {
            let whole = found.iter().filter(|(_, copy)| copy.identity == *identity && copy.tree == wanted.tree);
            match whole.map(|(_, copy)| copy.revision).max() {
                Some(revision) if revision >= wanted.revision => wanted.revision = revision,
                Some(revision) => lost.push(format!(
                    "the newest copy of the data of {identity} is of revision {revision}, and there was one of {}",
                    wanted.revision
                )),
                None => lost.push(format!("there is no whole copy of the data of {identity} on any disk")),
            }
        }
        lost.into_iter().for_each(|seen| self.find(Law::Data, seen));
    }
}
