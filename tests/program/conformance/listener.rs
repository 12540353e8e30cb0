//! A world that records what is sent to it: the shape of every command and of every API request. It changes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cutover_engine::clock::Clock;
use cutover_engine::inventory::Inventory;
use cutover_engine::request::{Answer, Request};
use cutover_engine::world::{Command, Exit, Io, Place, Transport, TransportFault, World};
use futures_util::future::BoxFuture;

use super::returned::Returned;
use super::shape::{Shapes, of_command, of_request};

/// What was sent: each shape, and the first one of its kind as it was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) commands: Shapes,
    pub(crate) requests: Shapes,
    /// The results of the modules.
    pub(crate) returned: Returned,
}

/// A world with a listener.
pub(crate) struct Listener {
    world: Arc<dyn World>,
    inventory: Arc<Inventory>,
    sent: Arc<Mutex<Sent>>,
}

impl Listener {
    /// Listens to a world; what is sent is added to `sent`.
    pub(crate) fn new(world: Arc<dyn World>, inventory: Arc<Inventory>, sent: &Arc<Mutex<Sent>>) -> Self {
        Self { world, inventory, sent: Arc::clone(sent) }
    }
}

impl Clock for Listener {
    fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }
}

impl World for Listener {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.clone();
        Box::pin(async move {
            let way = self.world.transport(&place).await?;
            let (sent, inventory) = (Arc::clone(&self.sent), Arc::clone(&self.inventory));
            Ok(Arc::new(Line { way, place, inventory, sent }) as Arc<dyn Transport>)
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        note(&mut self.sent.lock().unwrap().requests, of_request(request), || {
            format!("{} {}", request.method, request.path)
        });
        self.world.request(request)
    }
}

/// The transport to one place.
struct Line {
    way: Arc<dyn Transport>,
    place: Place,
    inventory: Arc<Inventory>,
    sent: Arc<Mutex<Sent>>,
}

impl Transport for Line {
    fn exec<'a>(&'a self, command: &'a Command, io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        let shape = of_command(&self.place, command, &self.inventory);
        note(&mut self.sent.lock().unwrap().commands, shape, || command.to_string());
        self.way.exec(command, io)
    }
}

fn note(shapes: &mut BTreeMap<String, String>, shape: String, as_sent: impl FnOnce() -> String) {
    shapes.entry(shape).or_insert_with(as_sent);
}
