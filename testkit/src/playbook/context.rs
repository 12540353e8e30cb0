//! The context of a step that is being generated: which names it may use, and what would make a case ambiguous there.

use serde_json::{Map, Value, json};

use crate::Random;

/// A result that was registered.
#[derive(Debug, Clone)]
pub(super) struct Result {
    /// Its variable.
    pub(super) name: String,
    /// An expression that is a number, however the step ended.
    pub(super) number: String,
}

/// The context of a step.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    /// For each loop around it, from the outside in: an expression of its position. The innermost one is `item_index`.
    pub(super) loops: Vec<String>,
    /// Whether the outer positions can be named (a first step in each looped block stores them).
    pub(super) positions_stored: bool,
    /// The variable that distinguishes includes of the same file.
    pub(super) include: Option<String>,
    /// The targets that are inherited.
    pub(super) target: Option<Value>,
    /// The results that can be used.
    pub(super) results: Vec<Result>,
    /// Variables that can be used, with whole numbers as values.
    pub(super) vars: Vec<String>,
    /// Whether steps may depend on the order in which others around them run. Not so in a phase that checks everything, and
    /// in `rescue` and `always`: after a failure they run in another order than without it.
    pub(super) ordered: bool,
    /// Whether a step that always fails is welcome.
    pub(super) failing: bool,
    /// Whether nothing may fail here on purpose.
    pub(super) careful: bool,
    /// Whether these are `undo` steps.
    pub(super) undo: bool,
    /// How many steps are around it.
    pub(super) depth: usize,
}

/// Whether a target is several tasks.
pub(super) fn plural(target: Option<&Value>) -> bool {
    match target {
        Some(Value::Array(_)) => true,
        Some(Value::String(text)) => text.contains('.'),
        _ => false,
    }
}

/// Whether the tasks of a target share a place.
pub(super) fn shares_place(target: Option<&Value>) -> bool {
    matches!(target, Some(Value::Array(items)) if items.iter().any(|item| item == "active" || item == "passive"))
}

/// A generator at work.
pub(super) struct Generator {
    pub(super) random: Random,
    /// Names that are taken.
    pub(super) count: usize,
    /// How many steps it may still make.
    pub(super) left: usize,
    /// Texts that must not be shown, by the expression that stands for them.
    pub(super) secrets: Vec<String>,
    pub(super) only: Vec<String>,
    pub(super) skip: Vec<String>,
}

impl Generator {
    /// A new number for a name.
    pub(super) fn number(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// A step's options with a title.
    pub(super) fn titled(&mut self, what: &str) -> Map<String, Value> {
        let number = self.number();
        let words = ["etcd", "run", "set", "block", "old"];
        let more = if self.random.chance(20) { format!(" {}", self.random.pick(&words)) } else { String::new() };
        let mut options = Map::new();
        options.insert("name".to_owned(), json!(format!("{what}{more} {number}")));
        options
    }

    /// A name for something in the world that no other visit of any step has, if `visits`; else one for all visits.
    pub(super) fn name(
        &mut self,
        base: &str,
        cx: &Context,
        target: Option<&Value>,
        own: Option<&str>,
        visits: bool,
    ) -> String {
        let mut name = format!("{base}{}", self.number());
        if let Some(include) = &cx.include {
            name += &format!("-{{{{ {include} }}}}");
        }
        if visits {
            for position in positions(cx, own.is_some()) {
                name += &format!("-{{{{ {position} }}}}");
            }
        }
        if let Some(own) = own {
            name += &format!("-{{{{ {own} }}}}");
        }
        if shares_place(target) {
            name += "@{{ target }}";
        }
        name
    }

    /// A whole number, or an expression of one.
    pub(super) fn value(&mut self, cx: &Context) -> Value {
        let literal = self.random.between(1, 9);
        match self.random.below(10) {
            0 | 1 if !cx.results.is_empty() => {
                let result = self.random.pick(&cx.results).number.clone();
                json!(format!("{{{{ {result} }}}}"))
            }
            2 | 3 if !cx.vars.is_empty() => json!(format!("{{{{ {} }}}}", self.random.pick(&cx.vars))),
            4 if !cx.loops.is_empty() => json!(format!("{{{{ item_index + {literal} }}}}")),
            _ => json!(literal),
        }
    }
}

/// Expressions of the positions of the loops around a step; with `own` it has a loop of its own, which hides `item`.
pub(super) fn positions(cx: &Context, own: bool) -> Vec<String> {
    let mut positions = cx.loops.clone();
    if !own && let Some(last) = positions.last_mut() {
        *last = "item_index".to_owned();
    }
    positions
}
