//! The real world: hosts and clusters as the inventory names them.

use std::sync::Arc;

use cutover_engine::world::World;
use cutover_files::Job;

/// The world of a job. Connects to nothing until it is used.
///
/// # Errors
/// The inventory lacks a setting that is needed to reach something.
pub(crate) fn world(job: &Job) -> anyhow::Result<Arc<dyn World>> {
    let home = std::env::var_os("HOME").map_or_else(|| "/root".into(), std::path::PathBuf::from);
    let world = cutover_connections::RealWorld::new(Arc::clone(&job.inventory), home);
    Ok(Arc::new(world))
}
