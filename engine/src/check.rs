//! What can be known to be wrong before anything runs: variables that nobody sets, targets that do not exist, literal
//! parameters that a module will not take. Structure and types are the loader's.

use std::collections::BTreeSet;
use std::path::Path;

use crate::inventory::Inventory;
use crate::module::Registry;
use crate::playbook::{Phase, Playbook, ReadFile, Step, StepKind, load_partly};
use crate::source::{Fault, Faults, Kind, Location, Node, nearest};
use crate::template::{self, Mention, Scope};

/// Variables that every task has.
pub const BUILTINS: &[&str] =
    &["active", "passive", "site", "peer_site", "node", "pair", "peer", "pairs", "run", "target", "playbook_dir"];

/// Loads a playbook and reports every fault that can be known before it runs.
pub fn check_file(
    path: &Path,
    inventory: Option<&Inventory>,
    registry: &Registry,
    read: ReadFile<'_>,
) -> (Option<Playbook>, Faults) {
    let (playbook, mut faults) = load_partly(path, registry, read);
    if let Some(playbook) = &playbook {
        let said = faults.0.iter().filter_map(|fault| fault.at.clone()).collect();
        faults.0.extend(check_beside(playbook, inventory, registry, said).0);
        faults.sort();
    }
    (playbook, faults)
}

/// Reports every fault of a loaded playbook that can be known before it runs.
pub fn check(playbook: &Playbook, inventory: Option<&Inventory>, registry: &Registry) -> Faults {
    check_beside(playbook, inventory, registry, Vec::new())
}

fn check_beside(
    playbook: &Playbook,
    inventory: Option<&Inventory>,
    registry: &Registry,
    said: Vec<Location>,
) -> Faults {
    let mut checker =
        Checker { inventory, registry, known: BTreeSet::new(), learned: Vec::new(), said, faults: Faults::default() };
    checker.know(BUILTINS.iter().copied());
    checker.know(playbook.params.keys().map(String::as_str));
    if let Some(inventory) = inventory {
        checker.know(inventory.vars.keys().map(String::as_str));
    }
    checker.vars(&playbook.vars);
    for phase in &playbook.phases {
        checker.phase(phase);
    }
    let mut faults = checker.faults;
    faults.sort();
    faults
}

struct Checker<'a> {
    inventory: Option<&'a Inventory>,
    registry: &'a Registry,
    known: BTreeSet<String>,
    /// The names in the order in which they became known, so that those of a step can be forgotten after it.
    learned: Vec<String>,
    /// Where the loader found faults: what it said need not be said again in serde's words.
    said: Vec<Location>,
    faults: Faults,
}

impl Checker<'_> {
    fn know<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        for name in names {
            if self.known.insert(name.to_owned()) {
                self.learned.push(name.to_owned());
            }
        }
    }

    /// Does some work and forgets the names that became known by it.
    fn scoped<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.learned.len();
        let done = work(self);
        for name in self.learned.split_off(before) {
            self.known.remove(&name);
        }
        done
    }

    fn vars(&mut self, vars: &[(String, Node)]) {
        for (name, node) in vars {
            self.mentions(node, false);
            self.know([name.as_str()]);
        }
    }

    fn mentions(&mut self, node: &Node, expression: bool) {
        for mention in template::mentions(node, expression) {
            if !self.known.contains(mention.root()) {
                self.faults.push(self.unknown(&mention));
            }
        }
    }

    fn unknown(&self, mention: &Mention) -> Fault {
        let name = mention.root();
        let fault = Fault::at(&mention.at, format!("unknown variable `{name}`"));
        match nearest(name, self.known.iter().map(String::as_str)) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None if self.inventory.is_none() => {
                fault.help("it is no parameter, variable or earlier result; if the inventory sets it, add -i INVENTORY")
            }
            None => fault.help("it is no parameter, variable, inventory variable or result of an earlier step"),
        }
    }

    fn phase(&mut self, phase: &Phase) {
        let registered = self.scoped(|checker| {
            if let Some(when) = &phase.when {
                checker.mentions(when, true);
            }
            checker.vars(&phase.vars);
            checker.steps(&phase.steps)
        });
        self.know(registered.iter().map(String::as_str));
    }

    /// Checks steps in order; gives the names they register.
    fn steps(&mut self, steps: &[Step]) -> BTreeSet<String> {
        let mut registered = BTreeSet::new();
        for step in steps {
            let names = self.scoped(|checker| checker.step(step));
            self.know(names.iter().map(String::as_str));
            registered.extend(names);
        }
        registered
    }

    fn step(&mut self, step: &Step) -> BTreeSet<String> {
        if let Some(target) = &step.target {
            self.mentions(target, false);
            self.target(target);
        }
        if let Some(list) = &step.loop_over {
            self.mentions(list, false);
            self.know(["item", "item_index"]);
        }
        self.vars(&step.vars);
        for node in [&step.delegate_to, &step.timeout].into_iter().flatten() {
            self.mentions(node, false);
        }
        let title = Node { at: step.at.clone(), kind: Kind::Str(step.name.clone()) };
        self.mentions(&title, false);
        if let Some(when) = &step.when {
            self.mentions(when, true);
        }
        let mut registered = BTreeSet::new();
        match &step.kind {
            StepKind::Module { module, at, params } => {
                self.mentions(params, false);
                self.literal_params(module, at, params);
            }
            StepKind::Gate(gate) => {
                self.mentions(&gate.question, false);
                if let Some(confirm) = &gate.confirm {
                    self.mentions(confirm, false);
                }
            }
            StepKind::Block { block, rescue, always } => {
                for section in [block, rescue, always] {
                    let names = self.steps(section);
                    registered.extend(names);
                }
            }
        }
        registered.extend(step.register.clone());
        self.know(registered.iter().map(String::as_str));
        if let Some(until) = &step.until {
            self.know(["result"]);
            self.mentions(until, true);
        }
        self.steps(step.undo.as_deref().unwrap_or_default());
        registered
    }

    fn target(&mut self, node: &Node) {
        if let Kind::Seq(items) = &node.kind {
            items.iter().for_each(|item| self.target(item));
            return;
        }
        let Some(text) = node.as_str() else {
            self.faults.push(Fault::at(&node.at, "a target is text or a list of texts"));
            return;
        };
        if text.contains("{{") {
            return;
        }
        let (site, rest) = text.split_once('.').map_or((text, None), |(site, rest)| (site, Some(rest)));
        let mut known: Vec<&str> = vec!["active", "passive", "controller"];
        known.extend(self.inventory.iter().flat_map(|inventory| inventory.sites.keys().map(String::as_str)));
        let site_known = known.contains(&site) || self.inventory.is_none() && nearest(site, known.clone()).is_none();
        let rest_known = matches!(rest, None | Some("nodes" | "pairs")) && !(site == "controller" && rest.is_some());
        if site_known && rest_known {
            return;
        }
        let fault = Fault::at(&node.at, format!("unknown target `{text}`"));
        let candidates: Vec<String> = known
            .iter()
            .flat_map(|site| [(*site).to_owned(), format!("{site}.nodes"), format!("{site}.pairs")])
            .filter(|candidate| !candidate.starts_with("controller."))
            .collect();
        self.faults.push(match nearest(text, candidates.iter().map(String::as_str)) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => fault.help("a target is a role, a site, one of these with `.nodes` or `.pairs`, or `controller`"),
        });
    }

    /// Parameters without any template are decoded as the module will decode them.
    fn literal_params(&mut self, module: &str, key: &Location, params: &Node) {
        let Some(module) = self.registry.get(module) else { return };
        if params.at.text().contains("{{") || params.at.text().contains("{%") {
            return;
        }
        let places = key.range.start..=params.at.range.end;
        let within = |at: &Location| at.file == key.file && places.contains(&at.range.start);
        if self.said.iter().any(within) {
            return;
        }
        let Ok(value) = template::render(params, &Scope::default()) else { return };
        if let Err(failure) = module.bind(value) {
            let at = &params.deepest(failure.pointer.as_deref().unwrap_or_default()).at;
            self.faults.push(Fault::at(at, format!("`{}`: {}", module.name(), failure.message)));
        }
    }
}
