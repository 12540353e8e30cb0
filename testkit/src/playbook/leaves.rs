//! Generates steps that have no steps in them: modules and gates, with their options.

use serde_json::{Map, Value, json};

use super::context::{Context, Generator, Result, plural, shares_place};
use super::{Inner, Step};

/// The kinds of leaves, and how often each is chosen.
const KINDS: [(Kind, usize); 15] = [
    (Kind::Number, 22),
    (Kind::Keep, 1),
    (Kind::Once, 6),
    (Kind::Unseen, 6),
    (Kind::Add, 12),
    (Kind::Set, 6),
    (Kind::Append, 6),
    (Kind::Write, 5),
    (Kind::Notify, 5),
    (Kind::Read, 8),
    (Kind::Fact, 5),
    (Kind::Fail, 5),
    (Kind::Flaky, 4),
    (Kind::Poll, 4),
    (Kind::Other, 9),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Keep,
    Once,
    Unseen,
    Add,
    Set,
    Append,
    Write,
    Notify,
    Read,
    Fact,
    Fail,
    Flaky,
    Poll,
    Other,
}

/// What a step does, how it is undone if its author has to declare that, and what its result is.
struct Doing {
    module: (&'static str, Value),
    /// The module that undoes it, with its parameters.
    undo: Option<(&'static str, Value)>,
    /// Whether its author declares that there is nothing to undo.
    nothing: bool,
    /// The expression of a number in its result.
    number: Option<&'static str>,
    more: Map<String, Value>,
}

impl Doing {
    fn new(module: &'static str, params: Value) -> Self {
        Self { module: (module, params), undo: None, nothing: false, number: None, more: Map::new() }
    }

    fn undone_by(mut self, module: &'static str, params: Value) -> Self {
        self.undo = Some((module, params));
        self
    }

    fn number(mut self, expression: &'static str) -> Self {
        self.number = Some(expression);
        self
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.more.insert(key.to_owned(), value);
        self
    }
}

fn command(argv: &[&str], idempotent: bool) -> Value {
    if idempotent { json!({"argv": argv, "idempotent": true}) } else { json!({"argv": argv}) }
}

impl Generator {
    /// A step without steps in it. What it registers is added to the context.
    pub(super) fn leaf(&mut self, cx: &mut Context) -> Step {
        let weights: Vec<usize> = KINDS.iter().map(|(_, weight)| *weight).collect();
        let kind = KINDS[self.random.weighted(&weights)].0;
        if kind == Kind::Other && self.random.chance(40) {
            return self.gate(cx);
        }
        let mut inner = cx.clone();
        let mut options = self.titled("Do");
        if self.random.chance(25) {
            let sets = [
                json!("active.nodes"),
                json!("active.nodes"),
                json!("passive.nodes"),
                json!("active"),
                json!(["passive", "active"]),
                json!(["passive.nodes", "active.nodes"]),
            ];
            inner.target = Some(self.random.pick(&sets).clone());
            options.insert("target".to_owned(), inner.target.clone().unwrap_or_default());
        }
        let rare = if cx.loops.is_empty() { 20 } else { 12 };
        let looped = (cx.loops.is_empty() || cx.positions_stored) && kind != Kind::Append && self.random.chance(rare);
        if looped {
            options.insert("loop".to_owned(), self.list(cx));
        }
        let on_nodes = matches!(&inner.target, Some(Value::String(text)) if text.ends_with(".nodes"));
        let on_site =
            on_nodes || matches!(&inner.target, Some(Value::String(text)) if text == "active" || text == "passive");
        let delegated = on_site && self.random.chance(25);
        if delegated {
            options.insert("delegate_to".to_owned(), json!("a"));
        }
        if self.random.chance(12) {
            let name = format!("v{}", self.number());
            options.insert("vars".to_owned(), json!({&name: self.random.between(1, 9)}));
            inner.vars.push(name);
        }
        let several = looped || plural(inner.target.as_ref());
        let crowded = several && (delegated || shares_place(inner.target.as_ref()));
        let doing = self.doing(kind, &inner, looped, several, crowded);
        let single = several && self.random.chance(12) && {
            options.insert("run_once".to_owned(), json!(true));
            true
        };
        if several && self.random.chance(25) {
            options.insert("serial".to_owned(), json!(self.random.between(1, 2)));
        }
        if self.random.chance(14) {
            options.insert("when".to_owned(), self.condition(&inner, looped, on_nodes));
        }
        self.tags(&mut options, 14);
        let secret = self.random.chance(6);
        if secret {
            options.insert("secret".to_owned(), json!(true));
        }
        if (kind == Kind::Fail && !(cx.failing && self.random.chance(60))) || self.random.chance(4) {
            options.insert("allow_failure".to_owned(), json!(true));
        }
        if !doing.more.contains_key("retry") && self.random.chance(4) {
            options.insert("retry".to_owned(), json!({"attempts": 2, "delay": "1s"}));
        }
        if self.random.chance(35) || kind == Kind::Read || kind == Kind::Fact {
            let name = format!("r{}", self.number());
            options.insert("register".to_owned(), json!(name));
            let number = match (several && !single, doing.number) {
                (true, _) => format!("(({name} | default([])) | length)"),
                (false, Some(expression)) => format!("(({name} | default({{}})).{expression} | default(7))"),
                (false, None) => format!("({name} is defined and 3 or 2)"),
            };
            if !secret {
                cx.results.push(Result { name, number });
            }
        }
        let undo = self.undo_of(&doing, &inner, &options, looped);
        options.extend(doing.more);
        options.insert(doing.module.0.to_owned(), doing.module.1);
        Step { options, inner: Inner::None, undo }
    }

    /// `undo:` steps, where the module needs them.
    fn undo_of(
        &mut self,
        doing: &Doing,
        cx: &Context,
        options: &Map<String, Value>,
        looped: bool,
    ) -> Option<Vec<Step>> {
        if doing.nothing {
            return Some(Vec::new());
        }
        let (module, params) = doing.undo.clone()?;
        let mut back = self.titled("Undo");
        for key in ["loop", "delegate_to"] {
            if let Some(value) = options.get(key) {
                back.insert(key.to_owned(), value.clone());
            }
        }
        let used = cx.loops.is_empty() && !looped;
        if self.random.chance(20) {
            back.insert("when".to_owned(), json!("flag or not flag"));
        }
        if self.random.chance(15) {
            back.insert("vars".to_owned(), json!({"v0": 1}));
        }
        if self.random.chance(15) {
            back.insert("tags".to_owned(), json!(["t0"]));
        }
        back.insert(module.to_owned(), params);
        let step = Step { options: back, inner: Inner::None, undo: None };
        if !self.random.chance(30) {
            return Some(vec![step]);
        }
        let mut around = self.titled("Undo all");
        if used && self.random.chance(50) {
            around.insert("loop".to_owned(), json!([1, 2]));
        }
        if self.random.chance(40) {
            around.insert("when".to_owned(), json!("true"));
        }
        let block = Inner::Block { block: vec![step], rescue: Vec::new(), always: Vec::new() };
        Some(vec![Step { options: around, inner: block, undo: None }])
    }

    fn gate(&mut self, cx: &Context) -> Step {
        let mut options = self.titled("Ask");
        options.insert("gate".to_owned(), json!(format!("Go on with {}?", self.count)));
        if self.random.chance(30) {
            options.insert("confirm".to_owned(), json!("go {{ num }}"));
        }
        if self.random.chance(20) {
            options.insert("when".to_owned(), self.condition(cx, false, false));
        }
        Step { options, inner: Inner::None, undo: None }
    }

    /// A condition; about two of three hold.
    pub(super) fn condition(&mut self, cx: &Context, looped: bool, on_nodes: bool) -> Value {
        if on_nodes && self.random.chance(40) {
            return json!("node.name != 'b'");
        }
        if (looped || !cx.loops.is_empty()) && self.random.chance(50) {
            return json!("item_index != 1");
        }
        match self.random.below(5) {
            0 if !cx.results.is_empty() => json!(format!("{} > 2", self.random.pick(&cx.results).number)),
            1 if !cx.results.is_empty() => json!(format!("{} is defined", self.random.pick(&cx.results).name)),
            2 => json!("num == 4"),
            3 => json!("flag"),
            _ => json!("num > 2"),
        }
    }

    /// A list for a loop.
    pub(super) fn list(&mut self, cx: &Context) -> Value {
        let results: Vec<&Result> = cx.results.iter().filter(|result| result.name.starts_with("list")).collect();
        match self.random.below(6) {
            0 => json!("{{ range(2) | list }}"),
            1 => json!("{{ some }}"),
            2 | 3 if !results.is_empty() => {
                let name = &self.random.pick(&results).name;
                json!(format!("{{{{ ({name} | default({{}})).json | default([1]) }}}}"))
            }
            4 => json!(["one", "two"]),
            5 if cx.loops.is_empty() => json!([1, 2, 3]),
            _ => json!([1, 2]),
        }
    }

    /// Tags, by chance.
    pub(super) fn tags(&mut self, options: &mut Map<String, Value>, percent: usize) {
        if self.random.chance(percent) {
            options.insert("tags".to_owned(), json!([format!("t{}", self.random.below(3))]));
        }
    }

    /// A text with a secret in it, if there is one.
    fn note(&mut self) -> String {
        if self.secrets.is_empty() || self.random.chance(70) {
            return format!("note {}", self.random.below(10));
        }
        let secrets = self.secrets.clone();
        format!("for {{{{ {} }}}}", self.random.pick(&secrets))
    }

    fn doing(&mut self, kind: Kind, cx: &Context, looped: bool, several: bool, crowded: bool) -> Doing {
        let own = looped.then_some("item_index");
        let crowd = if crowded && !shares_place(cx.target.as_ref()) { "@{{ target }}" } else { "" };
        let target = cx.target.clone();
        let named = |generator: &mut Self, base: &str, visits: bool| {
            generator.name(base, cx, target.as_ref(), own, visits) + crowd
        };
        // Steps that undo something cannot name the positions of outer loops, nor those of a loop that their step's own hides.
        let can_undo = match cx.loops.len() {
            0 => true,
            1 => !looped,
            _ => false,
        };
        let for_good = self.random.chance(4);
        match kind {
            Kind::Number => {
                let shared = cx.ordered && !looped && !crowded && !cx.undo && self.random.chance(30);
                let name = if shared { (*self.random.pick(&["x", "y"])).to_owned() } else { named(self, "n", false) };
                let (value, note) = (self.value(cx), self.note());
                let doing = Doing::new("number", json!({"name": &name, "is": value, "note": note})).number("is");
                match !shared && can_undo && cx.loops.is_empty() && self.random.chance(20) {
                    true => doing.undone_by("number", json!({"name": name, "is": 0})),
                    false => doing,
                }
            }
            Kind::Keep => Doing::new("keep", json!({"name": named(self, "nr", false), "is": 1})).number("is"),
            Kind::Once => {
                let (name, value) = (named(self, "n", true), self.value(cx));
                Doing::new("once", json!({"name": name, "is": value, "note": self.note()})).number("is")
            }
            Kind::Unseen => {
                let name = named(self, "n", true);
                Doing::new("unseen", json!({"name": name, "token": self.note()}))
            }
            Kind::Add if for_good || !can_undo => {
                let name = named(self, "nr", true);
                Doing::new("command", command(&["add", &name], false)).number("rc")
            }
            Kind::Add => {
                let name = named(self, "n", true);
                Doing::new("command", command(&["add", &name, &self.note()], false))
                    .undone_by("command", command(&["set", &name, "0"], true))
                    .number("rc")
            }
            Kind::Set if can_undo => {
                let (name, value) = (named(self, "n", true), self.random.between(1, 9).to_string());
                Doing::new("command", command(&["set", &name, &value], true))
                    .undone_by("command", command(&["set", &name, "0"], true))
                    .number("rc")
            }
            Kind::Append if can_undo && cx.ordered && !several => {
                let token = named(self, "n", true);
                Doing::new("command", command(&["append", "log", &token], false))
                    .undone_by("command", command(&["drop", "log", &token], true))
            }
            Kind::Write if can_undo => {
                let (name, text) = (named(self, "n", true), self.note());
                Doing::new("command", json!({"argv": ["write", &name], "stdin": text, "idempotent": true}))
                    .undone_by("command", command(&["write", &name], true))
            }
            Kind::Notify => {
                let token = named(self, if for_good { "nr" } else { "n" }, true);
                let doing = Doing::new("command", command(&["notify", &token, &self.note()], false));
                Doing { nothing: !for_good, ..doing }
            }
            Kind::Read if cx.ordered && self.random.chance(40) => {
                Doing::new("peek", json!({"name": self.random.pick(&["x", "y"])})).number("is")
            }
            Kind::Read => {
                let words = if self.random.chance(30) { self.note() } else { "3".to_owned() };
                Doing::new("command", json!({"argv": ["say", words], "read_only": true})).number("rc")
            }
            Kind::Fact => {
                let (value, note) = (self.value(cx), self.note());
                Doing::new("set_fact", json!({"is": value, "note": note})).number("is")
            }
            Kind::Fail => match self.random.below(3) {
                0 => Doing::new("assert", json!({"that": [false]})),
                1 => Doing::new("command", json!({"argv": ["fail-unless", "z"], "read_only": true})),
                _ => {
                    let doing = Doing::new("command", command(&["fail-unless", &named(self, "z", true)], false));
                    Doing { nothing: true, ..doing }
                }
            },
            Kind::Flaky if can_undo => {
                let name = named(self, "n", true);
                let idempotent = self.random.chance(50);
                Doing::new("command", command(&["flaky", &name, "1", "2"], idempotent))
                    .undone_by("command", command(&["set", &name, "0"], true))
                    .with("retry", json!({"attempts": 3, "delay": "1s"}))
            }
            Kind::Poll => {
                let name = named(self, "n", true);
                let doing = Doing::new("command", json!({"argv": ["poll", name, "2"], "read_only": true}))
                    .with("until", json!("result.stdout == 'ready'"));
                match self.random.chance(50) {
                    true => doing.with("retry", json!({"attempts": 3, "delay": "1s"})),
                    false => doing,
                }
            }
            Kind::Other if self.random.chance(50) => Doing::new("pause", json!({"for": "1s"})),
            Kind::Other => Doing::new("assert", json!({"that": ["{{ num == 3 }}"]})),
            _ => Doing::new("number", json!({"name": named(self, "n", false), "is": self.value(cx)})).number("is"),
        }
    }

    /// A first step in a looped block, which stores the position for loops inside it.
    pub(super) fn keeper(&mut self) -> (Step, String) {
        let number = self.number();
        let mut options = Map::new();
        options.insert("name".to_owned(), json!(format!("Keep the position {number}")));
        if !self.only.is_empty() {
            options.insert("tags".to_owned(), json!(self.only));
        }
        // One result, whatever targets the block around it has.
        options.insert("target".to_owned(), json!("controller"));
        options.insert("register".to_owned(), json!(format!("k{number}")));
        options.insert("set_fact".to_owned(), json!({"i": "{{ item_index }}"}));
        (Step { options, inner: Inner::None, undo: None }, format!("k{number}.i"))
    }

    /// A step whose result is a list.
    pub(super) fn lister(&mut self, cx: &mut Context) -> Step {
        let number = self.number();
        let mut options = Map::new();
        options.insert("name".to_owned(), json!(format!("List {number}")));
        let name = format!("list{number}");
        options.insert("register".to_owned(), json!(name));
        options.insert("target".to_owned(), json!("controller"));
        let words = if self.random.chance(50) { "[1, 2]" } else { "[4]" };
        options.insert("command".to_owned(), json!({"argv": ["say", words], "read_only": true}));
        cx.results.push(Result { number: format!("(({name} | default({{}})).rc | default(7))"), name });
        Step { options, inner: Inner::None, undo: None }
    }
}
