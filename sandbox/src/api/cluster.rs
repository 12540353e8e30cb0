//! One simulated cluster: its objects, what its nodes run, and what is due later. Not the rules by which objects change.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::etcd::Group;
use crate::spec::WorldSpec;

/// Names an object: the plural of its kind, its namespace (empty for none), its name.
pub(crate) type Key = (&'static str, String, String);

/// Makes a key.
pub(crate) fn key(plural: &'static str, namespace: &str, name: &str) -> Key {
    (plural, namespace.to_owned(), name.to_owned())
}

/// A cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// The site's name.
    pub(crate) site: String,
    /// The world file.
    pub(crate) spec: WorldSpec,
    /// The seed of the scheduler's choices and of all identifiers.
    pub(crate) seed: u64,
    /// When the world began.
    pub(crate) starts: Timestamp,
    /// How far this cluster's controllers have come.
    pub(crate) now: Duration,
    /// Its objects.
    pub(crate) objects: BTreeMap<Key, Value>,
    /// The last resource version.
    pub(crate) revision: u64,
    /// What is due later, by time and the order it was planned in.
    pub(crate) timers: BTreeMap<(Duration, u64), Timer>,
    /// What runs on its nodes, by pod UID. A process may outlive its pod object for a while.
    pub(crate) processes: BTreeMap<String, Process>,
    /// The etcd clusters that run in its pods.
    pub(crate) groups: BTreeMap<String, Group>,
    /// The revision at which all controllers were content.
    pub(crate) settled: u64,
    /// Which nodes ran then.
    pub(crate) up: Vec<bool>,
    /// The labels that were last carried from each CkeNode to its Node.
    pub(crate) synced: BTreeMap<String, Value>,
    drawn: u64,
}

/// Something due at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
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
    /// An empty cluster.
    pub(crate) fn new(site: &str, spec: WorldSpec, seed: u64, starts: Timestamp) -> Self {
        Self {
            site: site.to_owned(),
            spec,
            seed,
            starts,
            now: Duration::ZERO,
            objects: BTreeMap::new(),
            revision: 1000,
            timers: BTreeMap::new(),
            processes: BTreeMap::new(),
            groups: BTreeMap::new(),
            settled: 0,
            up: Vec::new(),
            synced: BTreeMap::new(),
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
        crate::sim::uuid(self.seed, &format!("{}/{label}/{}", self.site, self.drawn))
    }

    /// Plans something.
    pub(crate) fn after(&mut self, delay: Duration, timer: Timer) {
        self.drawn += 1;
        self.timers.insert((self.now + delay, self.drawn), timer);
    }

    /// Whether something like this is planned.
    pub(crate) fn planned(&self, timer: &Timer) -> bool {
        self.timers.values().any(|known| known == timer)
    }

    /// An object.
    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// The keys of all objects of a kind, by namespace and name.
    pub(crate) fn keys(&self, plural: &'static str) -> Vec<Key> {
        let start = (plural, String::new(), String::new());
        self.objects.range(start..).take_while(|(key, _)| key.0 == plural).map(|(key, _)| key.clone()).collect()
    }

    /// All objects of a kind, by namespace and name.
    pub(crate) fn list(&self, plural: &'static str) -> impl Iterator<Item = (&Key, &Value)> {
        let start = (plural, String::new(), String::new());
        self.objects.range(start..).take_while(move |(key, _)| key.0 == plural)
    }

    /// The pod with a UID.
    pub(crate) fn pod_by_uid(&self, uid: &str) -> Option<(&Key, &Value)> {
        self.list("pods").find(|(_, pod)| pod["metadata"]["uid"] == uid)
    }

    /// Changes an object as a controller does: a new resource version if anything changed, none otherwise. An object
    /// that is being deleted and has lost its last finalizer goes away.
    pub(crate) fn edit(&mut self, key: &Key, work: impl FnOnce(&mut Value)) -> bool {
        let Some(object) = self.objects.get_mut(key) else { return false };
        let before = object.clone();
        work(object);
        if *object == before {
            return false;
        }
        self.revision += 1;
        object["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
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
