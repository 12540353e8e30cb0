//! Generates playbooks from a seed: phases, blocks, includes, and what may stand in them. Every one loads, and in an
//! undisturbed run comes to the same end each time.

use serde_json::{Map, Value, json};

use super::context::{Context, Generator};
use super::{Inner, Phase, Playbook, Step};
use crate::Random;

/// Words that stand in events and in names of steps: bad luck for a secret.
const UNLUCKY: [&str; 5] = ["etcd", "run", "set", "block", "old"];

/// The playbook of a seed.
pub fn generate(seed: u64) -> Playbook {
    let mut random = Random::new(seed);
    let mut params = json!({"num": {"default": 3}, "flag": {"default": true}});
    let mut provided = json!({});
    let mut secrets = Vec::new();
    let lucky = |random: &mut Random| format!("Zq{}kT{}", random.between(1000, 9999), random.between(1000, 9999));
    if random.chance(40) {
        params["pw"] = json!({"secret": true, "required": true});
        let unlucky = random.chance(30);
        provided["pw"] = if unlucky { json!(random.pick(&UNLUCKY)) } else { json!(lucky(&mut random)) };
        secrets.push("pw".to_owned());
    }
    if random.chance(15) {
        params["creds"] = json!({"secret": true, "required": true, "type": "map"});
        provided["creds"] = json!({"password": lucky(&mut random)});
        secrets.push("creds.password".to_owned());
    }
    if random.chance(10) {
        params["pin"] = json!({"secret": true, "required": true, "type": "integer"});
        provided["pin"] = json!(90_000_000 + random.between(1000, 999_999));
        secrets.push("pin".to_owned());
    }
    if random.chance(50) {
        secrets.push("password".to_owned());
    }
    let password = if random.chance(25) { (*random.pick(&UNLUCKY)).to_owned() } else { lucky(&mut random) };
    let (mut only, mut skip) = (Vec::new(), Vec::new());
    match random.below(10) {
        0 | 1 => only.push("t1".to_owned()),
        2 => skip.push("t2".to_owned()),
        _ => {}
    }
    let mut vars = Map::new();
    vars.insert("some".to_owned(), json!([7, 8]));
    let mut cx = Context { ordered: true, ..Context::default() };
    if random.chance(40) {
        vars.insert("late".to_owned(), json!("{{ num + 1 }}"));
        cx.vars.push("late".to_owned());
    }
    let left = random.between(4, 12);
    let mut generator = Generator { random, count: 0, left, secrets, only, skip };
    let mut phases = Vec::new();
    while generator.left > 0 && phases.len() < 4 {
        phases.push(generator.phase(&mut cx, phases.len()));
    }
    let object = |value: Value| value.as_object().cloned().unwrap_or_default();
    let Generator { only, skip, .. } = generator;
    Playbook { params: object(params), vars, phases, provided: object(provided), password, only, skip }
}

impl Generator {
    fn phase(&mut self, cx: &mut Context, index: usize) -> Phase {
        let mut options = Map::new();
        options.insert("name".to_owned(), json!(format!("Phase {}", index + 1)));
        let mut inner = cx.clone();
        if self.random.chance(25) {
            let name = format!("v{}", self.number());
            options.insert("vars".to_owned(), json!({&name: self.random.between(1, 9)}));
            inner.vars.push(name);
        }
        if self.random.chance(20) {
            options.insert("when".to_owned(), self.condition(cx, false, false));
        }
        self.tags(&mut options, 20);
        if self.random.chance(20) {
            options.insert("check_all".to_owned(), json!(true));
            inner.ordered = false;
            inner.failing = self.random.chance(25);
        }
        let many = self.random.between(2, 6);
        let steps = self.steps(&mut inner, many);
        cx.results = inner.results;
        Phase { options, steps }
    }

    /// At most that many steps, at least one.
    fn steps(&mut self, cx: &mut Context, many: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        while steps.len() < many && (self.left > 0 || steps.is_empty()) {
            self.left = self.left.saturating_sub(1);
            if self.random.chance(7) {
                steps.push(self.lister(cx));
            }
            steps.push(match cx.depth < 3 && self.left > 0 && self.random.chance(34) {
                true => self.container(cx),
                false => self.leaf(cx),
            });
            if self.random.chance(20)
                && let Some(step) = steps.last().filter(|step| matches!(step.inner, Inner::Include(_)))
            {
                // The same file again, distinguished by its first variable.
                let mut again = step.clone();
                let number = self.number();
                let vars = again.options.get_mut("vars").and_then(Value::as_object_mut);
                vars.and_then(|vars| vars.values_mut().next()).into_iter().for_each(|value| *value = json!(number));
                steps.push(again);
            }
        }
        steps
    }

    /// A block or an include.
    fn container(&mut self, cx: &mut Context) -> Step {
        let include = self.random.chance(25);
        let mut options = self.titled(if include { "Include" } else { "All of" });
        let mut inner = Context { depth: cx.depth + 1, ..cx.clone() };
        let mut vars = Map::new();
        if include {
            // This distinguishes includes of the same file.
            let name = format!("u{}", self.number());
            vars.insert(name.clone(), json!(self.count));
            inner.include = Some(match &cx.include {
                Some(outer) => format!("{outer} ~ {name}"),
                None => name,
            });
        }
        if self.random.chance(20) {
            let name = format!("v{}", self.number());
            vars.insert(name.clone(), json!(self.random.between(1, 9)));
            inner.vars.push(name);
        }
        if !vars.is_empty() {
            options.insert("vars".to_owned(), Value::Object(vars));
        }
        if self.random.chance(20) {
            let targets =
                [json!("active.nodes"), json!("active"), json!("passive.nodes"), json!(["passive", "active"])];
            let target = self.random.pick(&targets).clone();
            options.insert("target".to_owned(), target.clone());
            inner.target = Some(target);
        }
        if self.random.chance(20) {
            options.insert("when".to_owned(), self.condition(cx, false, false));
        }
        self.tags(&mut options, 18);
        let mut first = Vec::new();
        let rare = if cx.loops.is_empty() { 35 } else { 15 };
        if self.random.chance(rare) && (cx.loops.is_empty() || cx.positions_stored) {
            options.insert("loop".to_owned(), self.list(cx));
            inner.positions_stored = self.random.chance(60);
            let (keeper, position) = self.keeper();
            if inner.positions_stored {
                first.push(keeper);
            }
            inner.loops.push(position);
        }
        let rescued = !include && self.random.chance(25);
        let always = !include && self.random.chance(22);
        if (!include || self.random.chance(30)) && !rescued && self.random.chance(8) {
            options.insert("allow_failure".to_owned(), json!(true));
            inner.failing = !cx.careful;
        }
        inner.failing |= rescued && !cx.careful;
        let before = inner.results.clone();
        let many = self.random.between(1, if inner.loops.is_empty() { 3 } else { 2 });
        first.extend(self.steps(&mut inner, many));
        cx.results.clone_from(&inner.results);
        let inner = if include {
            Inner::Include(first)
        } else {
            let mut aside = Context { results: before, ordered: false, failing: false, careful: true, ..inner };
            let rescue = if rescued { self.steps(&mut aside, 2) } else { Vec::new() };
            let always = if always { self.steps(&mut aside, 2) } else { Vec::new() };
            Inner::Block { block: first, rescue, always }
        };
        Step { options, inner, undo: None }
    }
}
