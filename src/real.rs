//! The real world: hosts and clusters as the inventory names them.

use std::sync::Arc;

use cutover_engine::execute::Tags;
use cutover_engine::inventory::Inventory;
use cutover_engine::run::Run;
use cutover_engine::world::World;
use cutover_session::{first_look, terminal};

use crate::exit::Exit;

/// The world of an inventory. Connects to nothing until it is used.
pub(crate) fn world(inventory: &Arc<Inventory>) -> Arc<dyn World> {
    let home = std::env::var_os("HOME").map_or_else(|| "/root".into(), std::path::PathBuf::from);
    Arc::new(cutover_connections::RealWorld::new(Arc::clone(inventory), home))
}

/// Looks at everything that a run has to reach, before it begins. `None` if all of it answers; otherwise those that do not are reported.
///
/// # Errors
/// Standard error cannot be written.
pub(crate) async fn unreachable(run: &Run, world: &Arc<dyn World>, tags: &Tags) -> anyhow::Result<Option<Exit>> {
    let causes = first_look(run, world, tags).await;
    if causes.is_empty() {
        return Ok(None);
    }
    let mut text: String = causes.iter().map(|cause| format!("error: {cause}\n")).collect();
    let inventory = run.inventory.source.path.display();
    text += &format!(
        "nothing was begun, and nothing was changed\nhelp: `cutover doctor --online -i {inventory}` looks at everything that the \
         inventory names; --skip-first-look is for a playbook that makes its targets reachable itself\n"
    );
    terminal::complain(&text)?;
    Ok(Some(Exit::Unreachable))
}
