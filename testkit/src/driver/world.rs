//! The model as the engine's world: its transports, its clock, and what strikes its commands.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_engine::clock::Clock;
use cutover_engine::world::{self, Command, Exit, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt as _;

use crate::At;
use crate::model::{Answer, Blow, Effect, Model};
use crate::trip::Controller;

/// What a program says that gives up waiting.
const GIVES_UP: &str = "no answer within 5 seconds\n";
/// The time a command takes to its effect, and from there to its answer.
const HALF: Duration = Duration::from_millis(50);

/// The model, and the controller that sends it commands.
#[derive(Clone)]
pub(super) struct Small {
    pub(super) model: Arc<Mutex<Model>>,
    pub(super) controller: Arc<Controller>,
}

impl Small {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A controller that is dead waits for ever: its future is dropped, and nothing of it goes on.
    async fn alive(&self) {
        if self.controller.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// Stops the controller here if it is to be stopped here. A command that it has sent and no longer waits for ends.
    async fn pass(&self, at: At) {
        self.controller.pass(at);
        if self.controller.is_dead() || self.controller.hard.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }
}

impl Clock for Small {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

impl World for Small {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.to_string();
        Box::pin(async move {
            if self.model().down.contains(&place) {
                return Err(TransportFault::Unreachable(format!("{place}: no route to host")));
            }
            Ok(Arc::new(Shell { world: self.clone(), place }) as Arc<dyn Transport>)
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<world::Answer, TransportFault>> {
        Box::pin(async move { Err(TransportFault::Unreachable(format!("{request}: no API server"))) })
    }
}

struct Shell {
    world: Small,
    place: String,
}

/// Ends a command.
async fn ends(io: &mut Io<'_>, answer: Answer) -> Exit {
    // A reader that is gone has no use for what the command says.
    let _ = io.stdout.write_all(answer.stdout.as_bytes()).await;
    let _ = io.stderr.write_all(answer.stderr.as_bytes()).await;
    Exit::Code(answer.code)
}

impl Transport for Shell {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let (world, effect) = (&self.world, self.effect(command));
            world.alive().await;
            let number = world.controller.command();
            if let [program, seconds] = command.argv.as_slice()
                && program == "sleep"
            {
                world.pass(At::Before(number)).await;
                tokio::time::sleep(Duration::from_secs_f64(seconds.parse().unwrap_or(1.0))).await;
                world.alive().await;
                return Ok(Exit::Code(0));
            }
            let blow = {
                let mut model = world.model();
                model.running.0 += 1;
                model.running.1 = model.running.1.max(model.running.0);
                model.arrives(&effect)
            };
            let running = Running(world);
            world.pass(At::Before(number)).await;
            tokio::time::sleep(HALF).await;
            world.alive().await;
            let lost = || TransportFault::Lost(format!("{}: connection reset by peer", self.place));
            let gives_up = || Answer { code: 20, stdout: String::new(), stderr: GIVES_UP.to_owned() };
            match blow {
                Some(Blow::Fail) => {
                    let answer = Answer { code: 1, stdout: String::new(), stderr: "out of luck\n".to_owned() };
                    world.model().answered(&effect);
                    return Ok(ends(&mut io, answer).await);
                }
                Some(Blow::LoseBefore) => return Err(lost()),
                Some(Blow::GiveUpBefore) => return Ok(ends(&mut io, gives_up()).await),
                Some(Blow::Hang) => std::future::pending::<()>().await,
                _ => {}
            }
            let answer = world.model().run(&effect);
            world.pass(At::After(number)).await;
            tokio::time::sleep(HALF).await;
            world.alive().await;
            drop(running);
            match blow {
                Some(Blow::LoseAfter) => return Err(lost()),
                Some(Blow::GiveUpAfter) => return Ok(ends(&mut io, gives_up()).await),
                Some(Blow::HangAfter) => std::future::pending::<()>().await,
                _ => {}
            }
            world.model().answered(&effect);
            Ok(ends(&mut io, answer).await)
        })
    }
}

impl Shell {
    fn effect(&self, command: &Command) -> Effect {
        let (argv, stdin) = (command.argv.clone(), command.stdin.clone().unwrap_or_default());
        Effect { place: self.place.clone(), argv, stdin }
    }
}

/// Counts the commands that run at the same time.
struct Running<'a>(&'a Small);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.model().running.0 -= 1;
    }
}
