//! What runs of a service in the pods of a cluster, as the kubelet starts, asks and ends it. Which services there are it does not
//! know.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::machine::{Machine, Machines};

/// The container of a pod, resolved.
pub(crate) struct Container {
    /// What runs: the last part of the image's name.
    pub(crate) command: String,
    /// Its environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Its user.
    pub(crate) uid: u32,
    /// Its group.
    pub(crate) gid: u32,
    /// Where its volume is mounted in it, and the volume.
    pub(crate) volume: Option<(String, Volume)>,
}

/// A volume on a node.
pub(crate) struct Volume {
    /// Its directory on the node.
    pub(crate) path: String,
    /// What the kubelet does about that directory: a hostPath's type, or `local`.
    pub(crate) check: String,
    /// The volume's name in the pod.
    pub(crate) name: String,
}

/// A process that is to be started on a volume.
pub(crate) struct Start<'a> {
    /// The namespace of its pod.
    pub(crate) namespace: &'a str,
    /// The name of its pod.
    pub(crate) pod: &'a str,
    /// The UID of its pod.
    pub(crate) uid: &'a str,
    /// The node.
    pub(crate) node: &'a str,
    /// Its container.
    pub(crate) container: &'a Container,
    /// Where its volume is mounted in the container.
    pub(crate) mount: &'a str,
    /// The volume's directory on the node.
    pub(crate) directory: &'a str,
    /// The device that directory is on.
    pub(crate) device: &'a str,
    /// The present, nanoseconds since 1970.
    pub(crate) now: i128,
}

impl Start<'_> {
    /// The directory on the node that a path in the container leads to.
    pub(crate) fn on_node(&self, path: &str) -> String {
        let inside = path.strip_prefix(self.mount).unwrap_or_default();
        format!("{}{}", self.directory, inside.trim_end_matches('/'))
    }
}

/// A process that cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crash {
    /// The pod's UID.
    pub(crate) uid: String,
    /// What it logs.
    pub(crate) message: String,
}

/// What came of letting processes settle.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The processes that cannot go on.
    pub(crate) crashes: Vec<Crash>,
    /// The namespaces and names of pods that may serve from now on, or no longer.
    pub(crate) changed: Vec<(String, String)>,
}

/// Data that is served to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    /// The namespace.
    pub(crate) namespace: String,
    /// Whose data it is: the same as long as it is the same data, wherever it is served.
    pub(crate) identity: String,
    /// Its revision.
    pub(crate) revision: u64,
}

/// The processes of one service in one cluster.
pub(crate) trait Running: Any + Debug + Send + Sync {
    /// A copy that goes on by itself.
    fn copy(&self) -> Box<dyn Running>;

    /// Whether a container is one of this service.
    fn is_mine(&self, container: &Container) -> bool;

    /// Starts a process.
    ///
    /// # Errors
    /// What it logs before it exits.
    fn start(&mut self, start: &Start<'_>, machine: &mut Machine) -> Result<(), String>;

    /// Whether the pod with this UID has a process of the service.
    fn has(&self, uid: &str) -> bool;

    /// Ends the process of a pod, if it has one.
    fn end(&mut self, uid: &str);

    /// Whether anything has happened to the processes since they last settled.
    fn is_stirred(&self) -> bool;

    /// Lets the processes on the machines of a site meet, and write their data through.
    fn settle(&mut self, site: &str, machines: &mut Machines, now: i128) -> Settled;

    /// What is served to clients now: whose data, in which namespace, and up to which revision.
    fn served(&self) -> Vec<Served> {
        Vec::new()
    }

    /// Whether the process of a pod serves.
    fn serves(&self, uid: &str) -> bool;
}

impl Clone for Box<dyn Running> {
    fn clone(&self) -> Self {
        self.copy()
    }
}
