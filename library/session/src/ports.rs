//! What an execution in the real world is connected to, and how that is given up at its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::execute::{Approver, Ports, Stop};
use cutover_engine::journal::FileJournal;
use cutover_engine::record::{Reader, Recorder};
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_engine::world::World;
use cutover_modules::REGISTRY;
use tokio::runtime::Runtime;

use crate::terminal;

/// The ports of an execution in the real world. Must be called inside a runtime.
///
/// # Errors
/// The system has no thread for the journal.
pub fn ports(
    run: &Run,
    world: Arc<dyn World>,
    approver: Arc<dyn Approver>,
    journal: FileJournal,
    reader: Box<dyn Reader>,
    stop: Stop,
) -> io::Result<Ports> {
    let (clock, redactor) = (Arc::clone(&world), Redactor::new(&run.secrets));
    let recorder = Recorder::in_background(&run.id, clock, redactor, vec![Box::new(journal)], vec![reader])?;
    Ok(Ports { registry: REGISTRY, world, approver, recorder, stop })
}

/// So long the commands that a stopped run leaves behind have to end.
const SETTLE: Duration = Duration::from_secs(5);

/// Ends the runtime of an execution: what was given up on hosts is ended there; a prompt that nobody answers any more does not
/// keep the program.
pub fn close(runtime: Runtime, world: &dyn World) {
    let settled = runtime.block_on(async { tokio::time::timeout(SETTLE, world.settle()).await });
    runtime.shutdown_background();
    if settled.is_err() {
        terminal::offer("a command that was stopped could not be ended in time: it may still run on its host\n");
    }
}
