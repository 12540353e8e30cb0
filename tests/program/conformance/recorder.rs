//! A world that records every command and the answer to it, in order.

use std::sync::{Arc, Mutex};

use cutover_engine::clock::Clock;
use cutover_engine::inventory::Inventory;
use cutover_engine::request::{Answer, Request};
use cutover_engine::world::{Command, Exit, Io, Place, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt as _;

use super::shape::of_command;

/// A command and the answer to it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) shape: String,
    pub(crate) command: String,
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The records so far.
pub(crate) type Records = Arc<Mutex<Vec<Record>>>;

/// A world whose answers are recorded.
pub(crate) struct RecordingWorld {
    world: Arc<dyn World>,
    inventory: Arc<Inventory>,
    records: Records,
}

impl RecordingWorld {
    pub(crate) fn new(world: Arc<dyn World>, inventory: Arc<Inventory>, records: &Records) -> Self {
        Self { world, inventory, records: Arc::clone(records) }
    }
}

impl Clock for RecordingWorld {
    fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }
}

impl World for RecordingWorld {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.clone();
        Box::pin(async move {
            let way = self.world.transport(&place).await?;
            let (inventory, records) = (Arc::clone(&self.inventory), Arc::clone(&self.records));
            Ok(Arc::new(Line { way, place, inventory, records }) as Arc<dyn Transport>)
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        self.world.request(request)
    }
}

struct Line {
    way: Arc<dyn Transport>,
    place: Place,
    inventory: Arc<Inventory>,
    records: Records,
}

impl Transport for Line {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            let inner = Io { stdin: io.stdin.take(), stdout: Box::new(&mut stdout), stderr: Box::new(&mut stderr) };
            let exit = self.way.exec(command, inner).await?;
            // If the reader is gone, the command has not failed.
            let _ = io.stdout.write_all(&stdout).await;
            let _ = io.stdout.shutdown().await;
            let _ = io.stderr.write_all(&stderr).await;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            // An archive is compared by its unpacked files, not by its bytes.
            let packs = ["cutover-trial-send", "cutover-filesystem-make"];
            let archive = command.argv[0] == "tar" || command.script_name().is_some_and(|name| packs.contains(&name));
            self.records.lock().unwrap().push(Record {
                shape: of_command(&self.place, command, &self.inventory),
                command: command.to_string(),
                exit: exit.clone(),
                stdout: if archive { String::new() } else { text(&stdout) },
                stderr: text(&stderr),
            });
            Ok(exit)
        })
    }
}
