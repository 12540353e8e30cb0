//! The model world: every place stores numbers, lists and texts by name. It counts every effect that arrives and records them
//! in order, and every command in it can be struck by a fault. It knows nothing of the engine.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The state of a world. Two runs with the same effects end in equal states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Numbers by place and name, without zeros.
    pub numbers: BTreeMap<(String, String), i64>,
    /// Lists by place and name, without empty ones.
    pub lists: BTreeMap<(String, String), Vec<String>>,
    /// Texts by place and name, without empty ones.
    pub texts: BTreeMap<(String, String), String>,
}

/// A command that changed something, or would have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect {
    /// Where.
    pub place: String,
    /// The argv.
    pub argv: Vec<String>,
    /// Its standard input.
    pub stdin: String,
}

impl Effect {
    /// The place and the command in one line.
    pub fn line(&self) -> String {
        format!("{}$ {}", self.place, self.argv.join(" "))
    }

    /// Whether it must not be sent twice.
    pub fn once(&self) -> bool {
        matches!(self.argv.first().map(String::as_str), Some("add" | "append" | "notify"))
    }
}

impl State {
    /// Carries out an effect; returns the program's output.
    pub fn apply(&mut self, effect: &Effect) -> String {
        let args: Vec<&str> = effect.argv.iter().map(String::as_str).collect();
        let key = |name: &str| (effect.place.clone(), name.to_owned());
        match args.as_slice() {
            ["set", name, value] | ["flaky", name, value, _] => {
                match value.parse() {
                    Ok(0) | Err(_) => self.numbers.remove(&key(name)),
                    Ok(value) => self.numbers.insert(key(name), value),
                };
                "stored".to_owned()
            }
            ["add", name, ..] => {
                *self.numbers.entry(key(name)).or_insert(0) += 1;
                "added".to_owned()
            }
            ["append", list, value] => {
                self.lists.entry(key(list)).or_default().push((*value).to_owned());
                "appended".to_owned()
            }
            ["drop", list, value] => {
                let items = self.lists.entry(key(list)).or_default();
                items.retain(|item| item != value);
                if items.is_empty() {
                    self.lists.remove(&key(list));
                }
                "dropped".to_owned()
            }
            ["write", name] if effect.stdin.is_empty() => {
                self.texts.remove(&key(name)).map_or_else(String::new, |_| "emptied".into())
            }
            ["write", name] => {
                self.texts.insert(key(name), effect.stdin.clone());
                "written".to_owned()
            }
            ["put", name, ""] => self.texts.remove(&key(name)).map_or_else(String::new, |_| "emptied".into()),
            ["put", name, text] => {
                self.texts.insert(key(name), (*text).to_owned());
                "stored".to_owned()
            }
            // An API server stores its objects by path.
            ["PATCH", path, body] => {
                let body: Value = serde_json::from_str(body).unwrap_or_default();
                self.numbers.insert(key(path), body["is"].as_i64().unwrap_or_default());
                body.to_string()
            }
            // A notification: it counts as an effect, and leaves nothing behind.
            _ => "notified".to_owned(),
        }
    }

    /// The state after effects, from an empty one.
    pub fn after<'e>(effects: impl IntoIterator<Item = &'e Effect>) -> Self {
        let mut state = Self::default();
        for effect in effects {
            state.apply(effect);
        }
        state
    }
}

/// A program's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Answer {
    fn with(stdout: impl Into<String>) -> Self {
        Self { code: 0, stdout: stdout.into(), stderr: String::new() }
    }

    fn fails(stderr: impl Into<String>) -> Self {
        Self { code: 1, stdout: String::new(), stderr: stderr.into() }
    }
}

/// A strike on a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// It fails with a message, and does nothing.
    Fail,
    /// The connection is lost before it did anything.
    LoseBefore,
    /// The connection is lost after it took effect.
    LoseAfter,
    /// It gives up waiting, and did nothing.
    GiveUpBefore,
    /// It gives up waiting, and took effect.
    GiveUpAfter,
    /// It hangs, and did nothing.
    Hang,
    /// It hangs after it took effect.
    HangAfter,
    /// It is never sent.
    Unsent,
    /// It is turned away, and asked to come back after seven seconds.
    Busy,
}

/// A fault that waits for its command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// A part of the command's line (`PLACE$ ARGV`).
    pub line: String,
    /// The strike.
    pub blow: Blow,
    /// How often.
    pub times: usize,
}

/// The model world.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Its state.
    pub state: State,
    /// Every effect that arrived, in order.
    pub effects: Vec<Effect>,
    /// Faults to come.
    pub strikes: Vec<Strike>,
    /// Places that are down.
    pub down: Vec<String>,
    /// Commands that run at the same time, and the most there were.
    pub running: (usize, usize),
    /// How often programs were called that answer differently after some calls.
    calls: BTreeMap<String, u32>,
    /// Commands that must not be sent twice, sent, and their answer not seen by anybody: by line.
    open: BTreeMap<String, usize>,
    /// Those that were sent again nevertheless.
    again: Vec<String>,
}

impl Model {
    /// The strike on a command that arrives at a place.
    pub fn arrives(&mut self, effect: &Effect) -> Option<Blow> {
        let line = effect.line();
        if effect.once() {
            if self.open.contains_key(&line) {
                self.again.push(line.clone());
            }
            *self.open.entry(line.clone()).or_insert(0) += 1;
        }
        let strike = self.strikes.iter_mut().find(|strike| strike.times > 0 && line.contains(&strike.line))?;
        strike.times -= 1;
        Some(strike.blow)
    }

    /// A command's answer has arrived at the controller.
    pub fn answered(&mut self, effect: &Effect) {
        self.open.remove(&effect.line());
    }

    /// Somebody has looked: a command that was begun did nothing and may be sent again.
    pub fn settled(&mut self, line: &str) {
        self.open.retain(|open, _| !open.ends_with(line));
    }

    /// Commands that must not be sent twice and were sent again while their outcome was unknown.
    pub fn sent_again(&self) -> &[String] {
        &self.again
    }

    /// How often each effect arrived that must not be made twice.
    pub fn once(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for effect in self.effects.iter().filter(|effect| effect.once()) {
            *counts.entry(effect.line()).or_insert(0) += 1;
        }
        counts
    }

    /// Lets a fault strike commands with a text in their line, this many times.
    pub fn strike(&mut self, line: impl Into<String>, blow: Blow, times: usize) {
        self.strikes.push(Strike { line: line.into(), blow, times });
    }

    /// Sets a number, as somebody other than a controller would: it is not an effect.
    pub fn set(&mut self, place: &str, name: &str, is: i64) {
        self.state.numbers.insert((place.to_owned(), name.to_owned()), is);
    }

    /// Runs a program at a place, or answers a request to the API server there.
    pub fn run(&mut self, effect: &Effect) -> Answer {
        let args: Vec<&str> = effect.argv.iter().map(String::as_str).collect();
        let key = |name: &str| (effect.place.clone(), name.to_owned());
        match args.as_slice() {
            ["get", name] => Answer::with(self.state.numbers.get(&key(name)).copied().unwrap_or(0).to_string()),
            ["show", name] => Answer::with(self.state.texts.get(&key(name)).cloned().unwrap_or_default()),
            ["GET", path] => {
                let is = self.state.numbers.get(&key(path)).copied().unwrap_or(0);
                Answer::with(json!({"is": is}).to_string())
            }
            ["count", list] => Answer::with(self.state.lists.get(&key(list)).map_or(0, Vec::len).to_string()),
            ["test", "-e", name] => match self.state.numbers.contains_key(&key(name)) {
                true => Answer::with(""),
                false => Answer::fails(""),
            },
            ["say", words @ ..] => Answer::with(words.join(" ")),
            ["fail-unless", name] => match self.state.numbers.contains_key(&key(name)) {
                true => Answer::with("fine"),
                false => Answer::fails(format!("{name} is not there")),
            },
            // Ready from its n-th call on.
            ["poll", _, times] => match self.called(&effect.line(), times) {
                true => Answer::with("ready"),
                false => Answer::with("not yet"),
            },
            // Fails until its n-th call.
            ["flaky", _, _, times] if !self.called(&effect.line(), times) => Answer::fails("not yet"),
            ["set" | "add" | "append" | "drop" | "write" | "put" | "notify" | "flaky" | "PATCH", ..] => {
                self.effects.push(effect.clone());
                Answer::with(self.state.apply(effect))
            }
            _ => Answer { code: 127, stdout: String::new(), stderr: format!("{args:?}: command not found") },
        }
    }

    /// Counts a call; whether it is at least the n-th.
    fn called(&mut self, line: &str, times: &str) -> bool {
        let calls = self.calls.entry(line.to_owned()).or_insert(0);
        *calls += 1;
        *calls >= times.parse().unwrap_or(1)
    }
}
