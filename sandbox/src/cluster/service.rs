//! What a service has to bring to move into a world.

use serde_json::Value;

use super::chart::Chart;
use super::clusters::Clusters;
use super::running::Running;
use crate::kernel::WorldSpec;
use crate::machine::program::Program;
use crate::machine::{Errno, Machine};

/// What a file of a service's data directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The data directory: the beginning of the file's path.
    pub(crate) directory: String,
    /// Whose data it is and up to which revision, if the file says so.
    pub(crate) data: Option<(String, u64)>,
    /// What stands for its content when worlds are compared: what clients would miss, not what each start of a process alters.
    pub(crate) content: String,
}

/// A service that runs in pods.
pub(crate) trait Service: Send + Sync {
    /// The chart that installs it.
    fn chart(&self) -> Chart;

    /// What runs of it in a cluster at first: nothing.
    fn running(&self) -> Box<dyn Running>;

    /// The programs of its clients, which its containers have.
    fn clients(&self) -> &'static [&'static dyn Program<Clusters>];

    /// What a file says if it is one that the processes of this service write while they run.
    fn stored(&self, _path: &str, _bytes: &[u8]) -> Option<Stored> {
        None
    }

    /// Fills the directory of a volume with data that is years old, for a pod of a StatefulSet of its chart.
    ///
    /// # Errors
    /// What the file system refuses.
    fn furnish(
        &self,
        machine: &mut Machine,
        path: &str,
        pod: (&Value, &str),
        spec: &WorldSpec,
        then: i128,
    ) -> Result<(), Errno>;
}
