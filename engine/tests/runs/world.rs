//! A small world for tests of execution: every node keeps numbers by name, and every command can be struck by a fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_engine::clock::Clock;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Class, Context, Diff, Facts, Module, Registry};
use cutover_engine::query::ReadOnly;
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use cutover_engine::world::{Answer, Command, Exit, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

/// What a program says that gives up waiting.
const GIVES_UP: &str = "no answer within 5 seconds\n";

/// Ends a command badly, with words.
async fn ends(io: &mut Io<'_>, words: &str, code: i32) -> Result<Exit, TransportFault> {
    let _ = io.stderr.write_all(words.as_bytes()).await;
    Ok(Exit::Code(code))
}

/// A command that only reads in these worlds.
pub(crate) fn reads<const N: usize>(words: [&str; N]) -> ReadOnly {
    ReadOnly::declared(Command::new(words), true).unwrap()
}

/// What strikes a command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Strike {
    Fail,
    LoseBefore,
    LoseAfter,
    GiveUpBefore,
    GiveUpAfter,
    Hang,
    HangAfter,
    /// A request that does not leave.
    Unsent,
}

#[derive(Default)]
pub(crate) struct State {
    /// Numbers by place and name.
    pub(crate) numbers: BTreeMap<(String, String), i64>,
    /// Texts by name.
    pub(crate) texts: BTreeMap<String, String>,
    /// Every `set` that arrived.
    pub(crate) sets: Vec<String>,
    /// Faults: a fragment of the command's line, and how often.
    pub(crate) strikes: Vec<(&'static str, Strike, usize)>,
    /// Places that are down.
    pub(crate) down: Vec<&'static str>,
    /// Commands that run at the same time, and the most there were.
    pub(crate) running: (usize, usize),
}

#[derive(Clone, Default)]
pub(crate) struct Small(pub(crate) Arc<Mutex<State>>);

impl Clock for Small {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

impl World for Small {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.to_string();
        Box::pin(async move {
            if self.0.lock().unwrap().down.contains(&place.as_str()) {
                return Err(TransportFault::Unreachable(format!("{place}: no route to host")));
            }
            Ok(Arc::new(Shell { world: self.clone(), place }) as Arc<dyn Transport>)
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        Box::pin(async move {
            let line = request.line();
            let mut state = self.0.lock().unwrap();
            let found = state.strikes.iter_mut().find(|(text, _, times)| *times > 0 && line.contains(text));
            let strike = found.map(|(_, strike, times)| {
                *times -= 1;
                *strike
            });
            let lost = || TransportFault::Lost(format!("{line}: connection reset by peer"));
            match strike {
                Some(Strike::Unsent) => return Err(TransportFault::Unreachable(format!("{line}: connection refused"))),
                Some(Strike::LoseBefore) => return Err(lost()),
                Some(Strike::Fail) => {
                    return Ok(Answer::new(503, json!({"reason": "ServiceUnavailable", "message": "out of luck"})));
                }
                _ => {}
            }
            let key = (request.site.clone(), request.path.clone());
            let mut answer = Answer::new(200, Value::Null);
            if let Some(body) = &request.body {
                state.sets.push(request.to_string());
                state.numbers.insert(key.clone(), body["is"].as_i64().unwrap());
                answer.headers.insert("warning".to_owned(), vec!["299 - \"numbers are deprecated\"".to_owned()]);
            }
            answer.body = json!({"is": state.numbers.get(&key).copied().unwrap_or(0)});
            match strike {
                Some(Strike::LoseAfter) => Err(lost()),
                _ => Ok(answer),
            }
        })
    }
}

struct Shell {
    world: Small,
    place: String,
}

impl Transport for Shell {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let line = format!("{} {}", self.place, command.argv.join(" "));
            {
                let mut state = self.world.0.lock().unwrap();
                state.running.0 += 1;
                state.running.1 = state.running.1.max(state.running.0);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            let strike = {
                let mut state = self.world.0.lock().unwrap();
                state.running.0 -= 1;
                let found = state.strikes.iter_mut().find(|(text, _, times)| *times > 0 && line.contains(text));
                found.map(|(_, strike, times)| {
                    *times -= 1;
                    *strike
                })
            };
            let lost = || TransportFault::Lost(format!("{}: connection reset by peer", self.place));
            match strike {
                Some(Strike::Fail) => return ends(&mut io, "out of luck\n", 1).await,
                Some(Strike::LoseBefore) => return Err(lost()),
                Some(Strike::GiveUpBefore) => return ends(&mut io, GIVES_UP, 20).await,
                Some(Strike::Hang) => std::future::pending::<()>().await,
                _ => {}
            }
            let args: Vec<&str> = command.argv.iter().map(String::as_str).collect();
            let said = {
                let mut state = self.world.0.lock().unwrap();
                match args.as_slice() {
                    ["get", name] => {
                        let key = (self.place.clone(), (*name).to_owned());
                        state.numbers.get(&key).copied().unwrap_or(0).to_string()
                    }
                    ["set", name, value] => {
                        state.sets.push(line);
                        let key = (self.place.clone(), (*name).to_owned());
                        let value = value.parse().unwrap();
                        state.numbers.insert(key, value);
                        "stored".to_owned()
                    }
                    ["show", name] => state.texts.get(*name).cloned().unwrap_or_default(),
                    ["put", name, text] => {
                        state.sets.push(line);
                        state.texts.insert((*name).to_owned(), (*text).to_owned());
                        "stored".to_owned()
                    }
                    _ => panic!("{args:?}"),
                }
            };
            match strike {
                Some(Strike::LoseAfter) => return Err(lost()),
                Some(Strike::GiveUpAfter) => return ends(&mut io, GIVES_UP, 20).await,
                Some(Strike::HangAfter) => std::future::pending::<()>().await,
                _ => {}
            }
            io.stdout.write_all(said.as_bytes()).await.unwrap();
            Ok(Exit::Code(0))
        })
    }
}

/// Keeps a number at a place.
#[derive(Clone, Copy)]
pub(crate) struct Number;

/// What a playbook says to `number`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    name: String,
    is: i64,
    /// Whether it may be set only once.
    #[serde(default)]
    once: bool,
    /// Whether it is only waited for.
    #[serde(default)]
    wait: bool,
    /// Refused if the number is this.
    #[serde(default)]
    never_from: Option<i64>,
    /// Whether setting it can be taken back.
    #[serde(default)]
    for_good: bool,
    /// A text that only travels along.
    #[serde(default)]
    note: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Seen {
    is: i64,
}

impl Module for Number {
    const NAME: &'static str = "number";
    const SUMMARY: &'static str = "Keeps a number";
    const EXAMPLE: &'static str = "name: x\nnumber: {name: x, is: 1}\n";
    type Params = Params;
    type State = Seen;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<Seen, Failure> {
        let output = cx.read(&reads(["get", &params.name])).await?;
        let is = output.stdout.trim().parse().map_err(|_| Failure::failed(Text::verbatim("no number")))?;
        Ok(Seen { is })
    }

    fn subjects(&self, _: &Facts, _: &Params) -> Option<Vec<Subject>> {
        None
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Seen>()
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &Seen) -> Diff {
        if params.never_from == Some(state.is) {
            return Diff::blocked(Text::verbatim(format!("{} is {}", params.name, state.is)));
        }
        if state.is == params.is {
            return Diff::InSync;
        }
        if params.wait {
            return Diff::waiting(Text::verbatim(format!("{} is {}", params.name, state.is)));
        }
        let set = |value: i64| cutover_engine::action::Action::Exec {
            place: facts.place(),
            command: Command::new(["set", &params.name, &value.to_string()]).gives_up("no answer within"),
        };
        let class = if params.once { Class::AtMostOnce } else { Class::Idempotent };
        let summary = Text::verbatim(format!("set {} to {} {}", params.name, params.is, params.note));
        let change = Change::new(class, format!("set {}", params.name), summary, [set(params.is)]);
        Diff::Change(vec![if params.for_good { change } else { change.undo([set(state.is)]) }])
    }
}

pub(crate) const REGISTRY: Registry =
    Registry(&[&Number, &crate::names::Send, &crate::secrets::Note, &crate::requests::Remote]);
