//! A controller that can be killed. Whoever executes a run in a world in which that may happen hands its journals and readers
//! out as [`Mortal`] ones and executes it with [`Sandbox::until_killed`]: then the run ends as after `kill -9`.

use std::io;

use cutover_engine::event::Event;
use cutover_engine::record::{Journal, Reader};

use super::Sandbox;

/// A journal or a reader that takes nothing any more once the controller was killed.
pub struct Mortal<T: ?Sized> {
    world: Sandbox,
    inner: Box<T>,
}

impl<T: ?Sized> Mortal<T> {
    /// One that dies with the controller of a world.
    pub fn new(world: &Sandbox, inner: Box<T>) -> Self {
        Self { world: world.clone(), inner }
    }
}

impl Journal for Mortal<dyn Journal> {
    fn append(&mut self, event: &Event, durable: bool) -> io::Result<()> {
        // Another task of the step may still be running up to its next call, and a dead controller writes nothing.
        if self.world.is_killed() { Ok(()) } else { self.inner.append(event, durable) }
    }
}

impl Reader for Mortal<dyn Reader> {
    fn event(&mut self, event: &Event) {
        if !self.world.is_killed() {
            self.inner.event(event);
        }
    }
}

impl Sandbox {
    /// Works until the controller is killed; the work is dropped then. `None` if it was.
    pub async fn until_killed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.killed() => None,
            done = work => Some(done),
        }
    }
}
