//! The model as the engine's world: its transports, its clock, and the strikes on its commands.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_engine::clock::Clock;
use cutover_engine::world::{self, Command, Exit, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::At;
use crate::model::{Answer, Blow, Effect, Model};
use crate::trip::Controller;

/// The message of a program that gives up waiting.
const GIVES_UP: &str = "no answer within 5 seconds\n";
/// The warning in the API servers' answers to changes.
const DEPRECATED: &str = "299 - \"numbers are deprecated\"";
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

    /// Stops the controller here if it is to be stopped here. An abandoned command ends.
    async fn pass(&self, at: At) {
        self.controller.pass(at);
        if self.controller.is_dead() || self.controller.hard.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }
}

/// The fate of something that is sent.
enum Fate {
    Answered(Answer),
    Fails,
    GivesUp,
    Lost,
    Unsent,
    Busy,
}

/// How long a busy one asks to wait.
const COME_BACK: Duration = Duration::from_secs(7);

impl Small {
    /// Sends a command or a request; waits for its answer, as long as there is one.
    async fn send(&self, effect: &Effect) -> Fate {
        self.alive().await;
        let number = self.controller.command();
        let blow = {
            let mut model = self.model();
            model.running.0 += 1;
            model.running.1 = model.running.1.max(model.running.0);
            model.arrives(effect)
        };
        let running = Running(self);
        self.pass(At::Before(number)).await;
        tokio::time::sleep(HALF).await;
        self.alive().await;
        match blow {
            Some(Blow::Fail) => {
                self.model().answered(effect);
                return Fate::Fails;
            }
            Some(Blow::LoseBefore) => return Fate::Lost,
            Some(Blow::GiveUpBefore) => return Fate::GivesUp,
            Some(Blow::Unsent) => {
                self.model().answered(effect);
                return Fate::Unsent;
            }
            Some(Blow::Busy) => {
                self.model().answered(effect);
                return Fate::Busy;
            }
            Some(Blow::Hang) => std::future::pending::<()>().await,
            _ => {}
        }
        let answer = self.model().run(effect);
        self.pass(At::After(number)).await;
        tokio::time::sleep(HALF).await;
        self.alive().await;
        drop(running);
        match blow {
            Some(Blow::LoseAfter) => return Fate::Lost,
            Some(Blow::GiveUpAfter) => return Fate::GivesUp,
            Some(Blow::HangAfter) => std::future::pending::<()>().await,
            _ => {}
        }
        self.model().answered(effect);
        Fate::Answered(answer)
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
        Box::pin(async move {
            let mut argv = vec![request.method.clone(), request.path.clone()];
            argv.extend(request.body.as_ref().map(ToString::to_string));
            let effect = Effect { place: request.site.clone(), argv, stdin: String::new() };
            let lost = || TransportFault::Lost(format!("{}: connection reset by peer", request.line()));
            let refused = json!({"reason": "ServiceUnavailable", "message": "out of luck"});
            match self.send(&effect).await {
                Fate::Answered(answer) if answer.code == 0 => {
                    let body = serde_json::from_str(&answer.stdout).unwrap_or_default();
                    let mut answer = world::Answer::new(200, body);
                    if request.body.is_some() {
                        answer.headers.insert("warning".to_owned(), vec![DEPRECATED.to_owned()]);
                    }
                    Ok(answer)
                }
                Fate::Answered(_) => Ok(world::Answer::new(404, json!({"reason": "NotFound"}))),
                Fate::Fails => Ok(world::Answer::new(503, refused)),
                Fate::Lost | Fate::GivesUp => Err(lost()),
                Fate::Unsent => Err(TransportFault::Unreachable(format!("{}: connection refused", request.line()))),
                Fate::Busy => {
                    let body = json!({"reason": "TooManyRequests", "message": "slow down"});
                    let mut answer = world::Answer::new(429, body);
                    answer.headers.insert("retry-after".to_owned(), vec![COME_BACK.as_secs().to_string()]);
                    Ok(answer)
                }
            }
        })
    }
}

struct Shell {
    world: Small,
    place: String,
}

/// Ends a command.
async fn ends(io: &mut Io<'_>, answer: Answer) -> Exit {
    // The reader may be gone: then the output is dropped.
    let _ = io.stdout.write_all(answer.stdout.as_bytes()).await;
    let _ = io.stderr.write_all(answer.stderr.as_bytes()).await;
    Exit::Code(answer.code)
}

impl Transport for Shell {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let (world, effect) = (&self.world, self.effect(command));
            if let [program, seconds] = command.argv.as_slice()
                && program == "sleep"
            {
                world.alive().await;
                world.pass(At::Before(world.controller.command())).await;
                tokio::time::sleep(Duration::from_secs_f64(seconds.parse().unwrap_or(1.0))).await;
                world.alive().await;
                return Ok(Exit::Code(0));
            }
            let answer = |code: i32, words: &str| Answer { code, stdout: String::new(), stderr: words.to_owned() };
            let answer = match world.send(&effect).await {
                Fate::Answered(answer) => answer,
                Fate::Fails => answer(1, "out of luck\n"),
                Fate::GivesUp => answer(20, GIVES_UP),
                Fate::Lost => return Err(TransportFault::Lost(format!("{}: connection reset by peer", self.place))),
                Fate::Unsent => {
                    return Err(TransportFault::Unreachable(format!("{}: connection refused", self.place)));
                }
                Fate::Busy => {
                    let why = format!("{}: the host opens no channel", self.place);
                    return Err(TransportFault::Busy { why, after: COME_BACK });
                }
            };
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
