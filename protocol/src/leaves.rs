//! The texts in an event that come from elsewhere: parameters, a program's output, an API server's answer. Secrets
//! are taken out of these, leaf by leaf, and put back in; ids, kinds, paths and keys are never touched.

use serde_json::{Map, Value};

use crate::action::{Action, Done};
use crate::change::Change;
use crate::command::Command;
use crate::diff::{Diff, Waiting};
use crate::event::{EventKind, Look, Reading};
use crate::failure::RecordedFailure;
pub use crate::hidden::{Form, Hidden, MARK};
use crate::output::Output;
use crate::request::{Answer, Request};
use crate::subject::Subject;
use crate::text::{Arg, Text};

/// Looks at leaves, and may change them.
pub trait Visitor {
    /// A text at a JSON pointer. The bytes before `from` are not part of the leaf: they belong to the structure.
    fn text(&mut self, at: &str, text: &mut String, from: usize);

    /// A text in foreign JSON, which may become another kind of value.
    fn string(&mut self, at: &str, value: &mut Value) {
        if let Value::String(text) = value {
            self.text(at, text, 0);
        }
    }

    /// A number in foreign JSON. By default it is left alone.
    fn number(&mut self, _at: &str, _value: &mut Value) {}

    /// The keys of an object of foreign JSON, before its values are shown.
    fn before(&mut self, _at: &str, _map: &mut Map<String, Value>) {}

    /// The same, after its values were shown.
    fn after(&mut self, _at: &str, _map: &mut Map<String, Value>) {}
}

/// The path to a leaf.
#[derive(Default)]
pub struct Pointer(String);

impl Pointer {
    fn within(&mut self, name: impl std::fmt::Display, work: impl FnOnce(&mut Self)) {
        let length = self.0.len();
        self.0.push('/');
        self.0.push_str(&token(&name.to_string()));
        work(self);
        self.0.truncate(length);
    }
}

/// A key, escaped for a JSON pointer.
pub fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Data with leaves of foreign origin.
pub trait Leaves {
    /// Shows every leaf to a visitor.
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor);
}

/// Shows every leaf of some data to a visitor.
pub fn visit(data: &mut (impl Leaves + ?Sized), visitor: &mut dyn Visitor) {
    data.leaves(&mut Pointer::default(), visitor);
}

macro_rules! fields {
    ($at:ident, $visitor:ident: $($field:ident),* $(,)?) => {{
        $($at.within(stringify!($field), |at| $field.leaves(at, $visitor));)*
    }};
}

impl Leaves for String {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        visitor.text(&at.0, self, 0);
    }
}

impl<T: Leaves> Leaves for Option<T> {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        self.iter_mut().for_each(|inner| inner.leaves(at, visitor));
    }
}

impl<T: Leaves> Leaves for Vec<T> {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        for (index, item) in self.iter_mut().enumerate() {
            at.within(index, |at| item.leaves(at, visitor));
        }
    }
}

impl<K: std::fmt::Display + Ord, V: Leaves> Leaves for std::collections::BTreeMap<K, V> {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        for (key, value) in self.iter_mut() {
            at.within(key, |at| value.leaves(at, visitor));
        }
    }
}

impl Leaves for Value {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        match self {
            Self::String(_) => visitor.string(&at.0, self),
            Self::Number(_) => visitor.number(&at.0, self),
            Self::Array(items) => items.leaves(at, visitor),
            Self::Object(map) => {
                visitor.before(&at.0, map);
                for (key, value) in map.iter_mut() {
                    at.within(key, |at| value.leaves(at, visitor));
                }
                visitor.after(&at.0, map);
            }
            Self::Null | Self::Bool(_) => {}
        }
    }
}

impl Leaves for Text {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        match self {
            Self::Verbatim(words) => words.leaves(at, visitor),
            Self::Message(message) => at.within("args", |at| message.args.leaves(at, visitor)),
        }
    }
}

impl Leaves for Arg {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        match self {
            Self::Value(value) => value.leaves(at, visitor),
            Self::Message(message) => at.within("args", |at| message.args.leaves(at, visitor)),
            Self::List(items) => items.leaves(at, visitor),
        }
    }
}

impl Leaves for Command {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { argv, stdin, env, cwd, accept: _, gives_up: _, refuses: _ } = self;
        fields!(at, visitor: argv, stdin, env, cwd);
    }
}

impl Leaves for Request {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { site: _, method: _, path, content_type: _, body, accept: _ } = self;
        fields!(at, visitor: path, body);
    }
}

impl Leaves for Answer {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { status: _, headers, body } = self;
        fields!(at, visitor: headers, body);
    }
}

impl Leaves for Action {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        match self {
            Self::Exec { place: _, command } => at.within("exec", |at| fields!(at, visitor: command)),
            Self::Pipe { source: _, read, destination: _, write } => {
                at.within("pipe", |at| {
                    fields!(at, visitor: read, write);
                });
            }
            Self::Request(request) => {
                fields!(at, visitor: request);
            }
        }
    }
}

impl Leaves for Output {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { exit: _, stdout, stderr } = self;
        fields!(at, visitor: stdout, stderr);
    }
}

impl Leaves for Done {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        match self {
            Self::Output(output) => {
                fields!(at, visitor: output);
            }
            Self::Response(response) => {
                fields!(at, visitor: response);
            }
        }
    }
}

impl Leaves for Change {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { key, summary, class: _, actions, undo, preview, alters, look_after: _ } = self;
        // `create-directory /srv/etcd`: the first word is the module's. The rest may come from anywhere, and keys are
        // compared with the secrets back in them.
        if let Some(first) = key.find(' ') {
            at.within("key", |at| visitor.text(&at.0, key, first + 1));
        }
        fields!(at, visitor: summary, actions, undo, preview, alters);
    }
}

impl Leaves for Subject {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        match self {
            Self::Path { place: _, path } => at.within("path", |at| {
                fields!(at, visitor: path);
            }),
            Self::Device { place: _, device } => at.within("device", |at| {
                fields!(at, visitor: device);
            }),
            Self::Resource { resource } => at.within("resource", |at| {
                fields!(at, visitor: resource);
            }),
            Self::Object { site: _, kind: _, namespace, name } => at.within("object", |at| {
                fields!(at, visitor: namespace, name);
            }),
            Self::Pods { site: _, namespace, name } => at.within("pods", |at| {
                fields!(at, visitor: namespace, name);
            }),
            Self::Anything { place: _ } => {}
        }
    }
}

impl Leaves for Waiting {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { why, progress: _ } = self;
        fields!(at, visitor: why);
    }
}

impl Leaves for Diff {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        match self {
            Self::InSync => {}
            Self::Change(change) => {
                fields!(at, visitor: change);
            }
            Self::Run(run) => {
                fields!(at, visitor: run);
            }
            Self::Waiting(waiting) => {
                fields!(at, visitor: waiting);
            }
            Self::Blocked(blocked) => {
                fields!(at, visitor: blocked);
            }
        }
    }
}

impl Leaves for RecordedFailure {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { class: _, message, details, help, place: _ } = self;
        fields!(at, visitor: message, details, help);
    }
}

impl Leaves for Reading {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { sent, received } = self;
        fields!(at, visitor: sent, received);
    }
}

impl Leaves for Look {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        let Self { path: _, name, target: _, failure } = self;
        fields!(at, visitor: name, failure);
    }
}

impl Leaves for EventKind {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        match self {
            Self::RunStarted { playbook, params, operator, .. } => {
                fields!(at, visitor: playbook, params, operator);
            }
            Self::PhaseStarted { name, .. } | Self::PhaseFinished { name, .. } | Self::StepStarted { name, .. } => {
                fields!(at, visitor: name);
            }
            Self::Probed { state, reads, .. } => {
                fields!(at, visitor: state, reads);
            }
            Self::Applying { change, .. } => {
                fields!(at, visitor: change);
            }
            Self::Acted { done, .. } => {
                fields!(at, visitor: done);
            }
            Self::Waiting { waiting, .. } => {
                fields!(at, visitor: waiting);
            }
            Self::Retrying { message, .. } | Self::Notice { message } => {
                fields!(at, visitor: message);
            }
            Self::TaskFinished { result, failure, .. } => {
                fields!(at, visitor: result, failure);
            }
            Self::SectionFinished { failure, .. } => {
                fields!(at, visitor: failure);
            }
            Self::StepFinished { reason, failure, .. } => {
                fields!(at, visitor: reason, failure);
            }
            // A variable's name is the playbook's.
            Self::Registered { value, .. } => {
                fields!(at, visitor: value);
            }
            Self::GateOpened { question, confirm, .. } => {
                fields!(at, visitor: question, confirm);
            }
            Self::GateAnswered { by, reason, .. } => {
                fields!(at, visitor: by, reason);
            }
            Self::LookedAgain { looks, .. } => {
                fields!(at, visitor: looks);
            }
            Self::RunFinished { standing, .. } => {
                at.within("standing", |at| {
                    for (index, change) in standing.iter_mut().enumerate() {
                        at.within(index, |at| at.within("summary", |at| change.summary.leaves(at, visitor)));
                    }
                });
            }
            Self::SectionStarted { .. }
            | Self::TaskStarted { .. }
            | Self::Applied { .. }
            | Self::NotSent { .. }
            | Self::DeclaredDone { .. }
            | Self::Undone { .. }
            | Self::OutageBegan { .. }
            | Self::OutageEnded { .. }
            | Self::Stopping { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::change::Change;
    use crate::place::Place;
    use crate::target::Target;
    use crate::task::{ChangeId, TaskId};

    struct Mark(Vec<String>);

    impl Visitor for Mark {
        fn text(&mut self, at: &str, text: &mut String, _: usize) {
            self.0.push(at.to_owned());
            text.push('!');
        }
    }

    #[test]
    fn every_pointer_leads_to_its_leaf_in_the_json_of_the_event() {
        let action = Action::Exec { place: Place::Controller, command: Command::new(["echo", "x"]).stdin("in") };
        let request = Action::Request(Request { body: Some(json!({"a/b": ["c"]})), ..Request::get("p", "/x") });
        let summary = crate::text!("test.run", "run {what}", what = vec!["a", "b"]);
        let change = Change::at_most_once("run x", summary, [action]).undo([request]);
        let change = change.preview("+x").alters([Subject::path(&Place::Controller, "/x")]);
        let task = TaskId { path: "p/s[1:aa]".parse().unwrap(), target: Target::Controller };
        let mut kind = EventKind::Applying { task, number: ChangeId(1), change };
        let mut mark = Mark(Vec::new());
        visit(&mut kind, &mut mark);
        let json = serde_json::to_value(&kind).unwrap();
        for at in &mark.0 {
            let leaf = json.pointer(at).and_then(Value::as_str);
            assert!(leaf.is_some_and(|leaf| leaf.ends_with('!')), "{at}: {leaf:?} in {json}");
        }
        assert_eq!(mark.0.len(), 10, "{:?}", mark.0);
        assert!(!json["task"].to_string().contains('!') && !json["change"]["class"].to_string().contains('!'));
    }
}
