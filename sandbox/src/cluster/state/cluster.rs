//! One simulated cluster: its objects, what its nodes run, and what is due later. Not the rules by which objects change.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::key::{Key, key};
use super::objects::Objects;
use crate::cluster::running::Running;
use crate::cluster::version::Version;
use crate::kernel::{Agenda, Rights, WorldSpec};

/// A cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// The site's name.
    pub(crate) site: String,
    /// Whether its API server answers.
    pub(crate) answers: bool,
    /// The world file.
    pub(crate) spec: Arc<WorldSpec>,
    /// The seed of the scheduler's choices and of all identifiers.
    pub(crate) seed: u64,
    /// When the world began.
    pub(crate) starts: Timestamp,
    /// How far this cluster's controllers have come.
    pub(crate) now: Duration,
    /// What the kubeconfig's user may do; everything without.
    pub(crate) rights: Option<Arc<Rights>>,
    /// Its objects.
    pub(crate) objects: Objects,
    /// The last resource version.
    pub(crate) revision: u64,
    timers: Arc<Agenda<Timer>>,
    /// What runs on its nodes, by pod UID. A process may outlive its pod object for a while.
    pub(crate) processes: Arc<BTreeMap<String, Process>>,
    /// What runs of each service in its pods.
    pub(crate) services: Arc<Vec<Box<dyn Running>>>,
    /// How often a machine of the world had been switched on or off when all controllers were content; `None` before.
    pub(crate) switched: Option<u64>,
    /// What a controller could not bring about: it is tried again whenever anything happens.
    pub(crate) unfinished: BTreeSet<Key>,
    /// The labels that were last carried from each CkeNode to its Node.
    pub(crate) synced: Arc<BTreeMap<String, Value>>,
    drawn: u64,
}

/// Something due at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// An object is looked at again: time has passed.
    Look {
        /// The object.
        key: Key,
    },
    /// The kubelet tries to start a pod's container.
    Start {
        /// The pod's UID.
        uid: String,
    },
    /// A running container has had its time to become ready.
    Ready {
        /// The pod's UID.
        uid: String,
    },
    /// A terminating pod is gone.
    Gone {
        /// The pod's UID.
        uid: String,
    },
    /// The labels of a CkeNode reach its Node.
    Labels {
        /// The node's name.
        node: String,
    },
    /// A Comdeploy is rolled out.
    Deployed {
        /// Its key.
        key: Key,
    },
}

/// A pod's container on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// The pod's namespace and name.
    pub(crate) pod: (String, String),
    /// The node.
    pub(crate) node: String,
    /// The volume directory it holds open, if it has one.
    pub(crate) path: Option<String>,
    /// The device that directory was on when the process opened it.
    pub(crate) device: Option<String>,
    /// Whether it has had its time to become ready.
    pub(crate) warm: bool,
}

impl Cluster {
    /// The version of Kubernetes. What a world file says was checked when the world was built.
    pub(crate) fn version(&self) -> Version {
        Version::of(&self.spec.kubernetes_version).unwrap_or(Version::V1_36)
    }

    /// An empty cluster.
    pub(crate) fn new(
        site: &str,
        spec: Arc<WorldSpec>,
        seed: u64,
        starts: Timestamp,
        services: Vec<Box<dyn Running>>,
    ) -> Self {
        Self {
            site: site.to_owned(),
            answers: true,
            rights: spec.rights.clone().map(Arc::new),
            spec,
            seed,
            starts,
            now: Duration::ZERO,
            objects: Objects::default(),
            revision: 1000,
            timers: Arc::default(),
            processes: Arc::default(),
            services: Arc::new(services),
            switched: None,
            unfinished: BTreeSet::new(),
            synced: Arc::default(),
            drawn: 0,
        }
    }

    /// The present as Kubernetes writes it.
    pub(crate) fn stamp(&self) -> String {
        (self.starts + self.now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The present in nanoseconds since 1970.
    pub(crate) fn now_ns(&self) -> i128 {
        (self.starts + self.now).as_nanosecond()
    }

    /// Draws a UUID for a new object.
    pub(crate) fn uuid(&mut self, label: &str) -> String {
        self.drawn += 1;
        crate::kernel::uuid(self.seed, &format!("{}/{label}/{}", self.site, self.drawn))
    }

    /// Plans something.
    pub(crate) fn after(&mut self, delay: Duration, timer: Timer) {
        self.drawn += 1;
        Arc::make_mut(&mut self.timers).plan(self.now + delay, timer);
    }

    /// Whether something like this is planned.
    pub(crate) fn planned(&self, timer: &Timer) -> bool {
        self.timers.is_planned(timer)
    }

    /// How much is planned.
    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Takes the next thing that is due up to a moment, and goes to its time.
    pub(crate) fn take_due(&mut self, elapsed: Duration) -> Option<Timer> {
        self.timers.next().filter(|due| *due <= elapsed)?;
        let (due, timer) = Arc::make_mut(&mut self.timers).take_due(elapsed)?;
        self.now = due.max(self.now);
        Some(timer)
    }

    /// What runs of a service.
    pub(crate) fn service<S: Running>(&self) -> Option<&S> {
        self.services.iter().find_map(|service| (&**service as &dyn Any).downcast_ref())
    }

    /// What runs of a service, to be changed.
    pub(crate) fn service_mut<S: Running>(&mut self) -> Option<&mut S> {
        let services = Arc::make_mut(&mut self.services);
        services.iter_mut().find_map(|service| (&mut **service as &mut dyn Any).downcast_mut())
    }

    /// A process, to be changed: what its pod reports may change with it.
    pub(crate) fn process_mut(&mut self, uid: &str) -> Option<&mut Process> {
        let process = Arc::make_mut(&mut self.processes).get_mut(uid)?;
        self.objects.touch(key("pods", &process.pod.0, &process.pod.1));
        Some(process)
    }

    /// An object.
    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// The keys of all objects of a kind, by namespace and name.
    pub(crate) fn keys(&self, plural: &'static str) -> Vec<Key> {
        self.list(plural).map(|(key, _)| key.clone()).collect()
    }

    /// All objects of a kind, by namespace and name.
    pub(crate) fn list(&self, plural: &'static str) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let start = (plural, String::new(), String::new());
        self.objects.from(start).take_while(move |(key, _)| key.0 == plural)
    }

    /// The pod with a UID.
    pub(crate) fn pod_by_uid(&self, uid: &str) -> Option<(&Key, &Arc<Value>)> {
        let key = self.objects.key_of(uid).filter(|key| key.0 == "pods")?;
        Some((key, self.objects.get(key)?))
    }

    /// Changes an object as a controller does: a new resource version if anything changed, none otherwise. An object
    /// that is being deleted and has lost its last finalizer goes away.
    pub(crate) fn edit(&mut self, key: &Key, work: impl FnOnce(&mut Value)) -> bool {
        let Some(before) = self.objects.get(key) else { return false };
        let mut object = Value::clone(before);
        work(&mut object);
        if object == **before {
            return false;
        }
        self.revision += 1;
        object["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
        self.objects.insert(key.clone(), object);
        self.sweep(key);
        true
    }

    /// Removes an object whose deletion was asked for and that nothing holds any more.
    pub(crate) fn sweep(&mut self, key: &Key) {
        let Some(object) = self.objects.get(key) else { return };
        let meta = &object["metadata"];
        let held = meta["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        let graceful = meta["deletionGracePeriodSeconds"].as_u64().unwrap_or(0) > 0;
        if !meta["deletionTimestamp"].is_null() && !held && !graceful {
            self.revision += 1;
            self.objects.remove(key);
        }
    }
}
