//! From a tree to steps: one module, gate, block or include each, with the options common to all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::load::{ReadFile, bad_name, beside, read_source};
use super::option::{OPTIONS, step_options};
use super::params::ParamsChecker;
use super::{BeforeOutage, Gate, Step, StepKind};
use crate::module::Registry;
use crate::slug::slug;
use crate::source::{Fault, Faults, Fields, Key, Kind, Node, SourceFile, nearest, parse_partly, wrong_type};
use crate::template;

/// The keys that determine what a step does, besides the modules' names.
pub const STEP_KINDS: &[&str] = &["gate", "confirm", "block", "rescue", "always", "include"];

/// How many files a playbook may include.
const MOST_INCLUDES: usize = 1000;

/// How many bytes the included files may have.
const LARGEST_INCLUDES: usize = 8 << 20;

/// Decodes the steps of a playbook and its includes.
pub(super) struct Decoder<'a> {
    registry: &'a Registry,
    read: ReadFile<'a>,
    checker: ParamsChecker,
    sources: Vec<Arc<SourceFile>>,
    including: Vec<Arc<SourceFile>>,
    /// How many files, and how many bytes of them, were included so far, each as often as it was.
    included: (usize, usize),
    is_full: bool,
    ids: BTreeMap<String, usize>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(registry: &'a Registry, read: ReadFile<'a>, source: &Arc<SourceFile>) -> Self {
        let sources = vec![Arc::clone(source)];
        Self {
            registry,
            read,
            checker: ParamsChecker::default(),
            including: sources.clone(),
            included: (0, 0),
            is_full: false,
            sources,
            ids: BTreeMap::new(),
        }
    }

    /// The texts of all files, for the digest.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.text.as_str())
    }

    /// A unique id for a step or phase.
    pub(super) fn unique_id(&mut self, prefix: &str, name: &str) -> String {
        let slug = slug(name);
        let slug = if slug.is_empty() { "step" } else { &slug };
        let id = if prefix.is_empty() { slug.to_owned() } else { format!("{prefix}/{slug}") };
        let count = self.ids.entry(id.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { id } else { format!("{id}-{count}") }
    }

    /// Variables, unrendered; their syntax is checked.
    pub(super) fn vars(&self, entries: &[(Key, Node)], faults: &mut Faults) -> Vec<(String, Node)> {
        let mut vars = Vec::new();
        for (key, node) in entries {
            if let Some(why) = bad_name(&key.name) {
                faults.push(Fault::at(&key.at, why));
            }
            self.templates(node, faults);
            vars.push((key.name.clone(), node.clone()));
        }
        vars
    }

    /// An expression option; its syntax is checked.
    pub(super) fn expression(&self, node: Option<&Node>, faults: &mut Faults) -> Option<Node> {
        let node = node?;
        faults.0.extend(template::syntax(node, true));
        Some(node.clone())
    }

    fn templates(&self, node: &Node, faults: &mut Faults) {
        faults.0.extend(template::syntax(node, false));
    }

    fn templated(&self, node: Option<&Node>, faults: &mut Faults) -> Option<Node> {
        let node = node?;
        self.templates(node, faults);
        Some(node.clone())
    }

    /// A list of steps.
    pub(super) fn steps(&mut self, items: &[Node], prefix: &str, tags: &[String], faults: &mut Faults) -> Vec<Step> {
        items.iter().filter_map(|node| self.step(node, prefix, tags, faults)).collect()
    }

    fn step(&mut self, node: &Node, prefix: &str, inherited: &[String], faults: &mut Faults) -> Option<Step> {
        let mut fields = Fields::of(node, "a step").map_err(|fault| faults.push(fault)).ok()?;
        let kind_key = match self.kind_key(node, faults) {
            Ok(key) => Some(key),
            Err(keys) => {
                keys.into_iter().chain(STEP_KINDS.iter().copied()).for_each(|key| fields.excuse(key));
                None
            }
        };
        let title = fields.text("name", faults).or_else(|| title_of(kind_key?));
        let name = title.or_else(|| kind_key.map(|(key, _)| key.name.clone())).unwrap_or_default();
        let id = self.unique_id(prefix, &name);
        let mut step = Step::new(id, name, node.at.clone(), inherited);
        for option in OPTIONS {
            if let (Some(kind), Some((key, _))) = (kind_key, entry(node, option.name))
                && !option.on.allows(&kind.0.name)
            {
                faults.push(misplaced(key, &kind.0.name));
            }
            (option.decode)(&mut Reading { decoder: self, fields: &mut fields, node, faults }, &mut step);
        }
        // A step with a missing or misspelt kind still has its options checked, so that one slip does not hide other faults.
        if let Some(kind) = kind_key.and_then(|key| self.kind(&mut fields, key, &step.id, &step.tags, faults)) {
            step.kind = kind;
            step.hand_down();
        }
        fields.finish(faults);
        Some(step)
    }

    /// The one key that determines what a step does; if there is not exactly one, the keys that might have been meant.
    fn kind_key<'n>(&self, node: &'n Node, faults: &mut Faults) -> Result<&'n (Key, Node), Vec<&'n str>> {
        let is_kind = |name: &str| matches!(name, "gate" | "block" | "include") || self.registry.get(name).is_some();
        let kinds: Vec<&(Key, Node)> = node.entries().iter().filter(|(key, _)| is_kind(&key.name)).collect();
        if let [(first, _), (second, _), ..] = kinds[..] {
            faults.push(
                Fault::at(
                    &second.at,
                    format!("a step does one thing, and this one has `{}` and `{}`", first.name, second.name),
                )
                .help("make it two steps"),
            );
            return Err(kinds.into_iter().map(|(key, _)| key.name.as_str()).collect());
        }
        if let [only] = kinds[..] {
            return Ok(only);
        }
        let unknown = node.entries().iter().find(|(key, _)| {
            step_options().all(|option| option != key.name) && !STEP_KINDS.contains(&key.name.as_str())
        });
        faults.push(match unknown {
            Some((key, _)) => {
                let fault = Fault::at(&key.at, format!("unknown module `{}`", key.name));
                let known = self.registry.names().chain(step_options()).chain(STEP_KINDS.iter().copied());
                match nearest(&key.name, known) {
                    Some(near) => fault.help(format!("did you mean `{near}`?")),
                    None => fault.help("`cutover explain` lists the modules"),
                }
            }
            None => Fault::at(&node.at, "this step does nothing: it names no module, `gate`, `block` or `include`")
                .help("`cutover explain` lists the modules"),
        });
        Err(unknown.into_iter().map(|(key, _)| key.name.as_str()).collect())
    }

    fn kind(
        &mut self,
        fields: &mut Fields<'_>,
        (key, value): &(Key, Node),
        id: &str,
        tags: &[String],
        faults: &mut Faults,
    ) -> Option<StepKind> {
        match key.name.as_str() {
            "gate" => {
                let question = self.templated(fields.node("gate"), faults)?;
                if question.as_str().is_none() {
                    faults.push(wrong_type(&question, "`gate`", "the question, as text"));
                }
                Some(StepKind::Gate(Gate { question, confirm: self.templated(fields.node("confirm"), faults) }))
            }
            "block" => {
                let mut section = |name: &'static str, faults: &mut Faults| {
                    let items = fields.items(name, faults);
                    self.steps(
                        items,
                        &if name == "block" { id.to_owned() } else { format!("{id}/{name}") },
                        tags,
                        faults,
                    )
                };
                let block = section("block", faults);
                let rescue = section("rescue", faults);
                let always = section("always", faults);
                Some(StepKind::Block { block, rescue, always })
            }
            "include" => self.include(fields, value, id, tags, faults),
            module => {
                // The key is an option of the registry, not one of the names that `Fields` knows.
                let known = self.registry.get(module)?;
                fields.node(known.name());
                self.templates(value, faults);
                self.checker.check(known, key, value, faults);
                Some(StepKind::Module { module: module.to_owned(), at: key.at.clone(), params: value.clone() })
            }
        }
    }

    fn include(
        &mut self,
        fields: &mut Fields<'_>,
        value: &Node,
        id: &str,
        tags: &[String],
        faults: &mut Faults,
    ) -> Option<StepKind> {
        let path = fields.text("include", faults)?;
        if self.is_full {
            return None;
        }
        let path = beside(&value.at.file, &path);
        if self.including.iter().any(|file| file.path == path) {
            faults.push(Fault::at(&value.at, format!("`{}` includes itself", path.display())));
            return None;
        }
        let source = match read_source(&path, self.read) {
            Ok(source) => source,
            Err(fault) => {
                faults.push(Fault::at(&value.at, fault.message));
                return None;
            }
        };
        self.included = (self.included.0 + 1, self.included.1 + source.text.len());
        if self.included.0 > MOST_INCLUDES || self.included.1 > LARGEST_INCLUDES {
            // Once is enough: each of the others would be as many too many.
            if !self.is_full {
                let what = "too much is included: files that include each other several times grow with each level";
                faults.push(Fault::at(&value.at, what).help(format!(
                    "a playbook may include {MOST_INCLUDES} files and {} MiB, each file as often as it is included",
                    LARGEST_INCLUDES >> 20
                )));
            }
            self.is_full = true;
            return None;
        }
        self.sources.push(Arc::clone(&source));
        let (tree, found) = parse_partly(&source);
        faults.0.extend(found.0);
        let tree = tree?;
        let Kind::Seq(items) = &tree.kind else {
            faults.push(wrong_type(&tree, "an included file", "a list of steps"));
            return None;
        };
        self.including.push(source);
        let block = self.steps(items, id, tags, faults);
        self.including.pop();
        Some(StepKind::Block { block, rescue: Vec::new(), always: Vec::new() })
    }
}

/// A step that is being decoded.
pub(super) struct Reading<'r, 'n, 'f> {
    decoder: &'r mut Decoder<'n>,
    pub(super) fields: &'r mut Fields<'f>,
    node: &'f Node,
    pub(super) faults: &'r mut Faults,
}

impl Reading<'_, '_, '_> {
    /// An option whose scalars may be templates.
    pub(super) fn templated(&mut self, name: &'static str) -> Option<Node> {
        self.decoder.templated(self.fields.node(name), self.faults)
    }

    /// An option whose scalars are expressions.
    pub(super) fn expression(&mut self, name: &'static str) -> Option<Node> {
        self.decoder.expression(self.fields.node(name), self.faults)
    }

    /// An option that names a variable.
    pub(super) fn variable(&mut self, name: &'static str) -> Option<String> {
        let variable = self.fields.text(name, self.faults);
        if let (Some(why), Some(at)) = (variable.as_deref().and_then(bad_name), self.node.get(name)) {
            self.faults.push(Fault::at(&at.at, why));
        }
        variable
    }

    /// An option that is a duration, or a template for one.
    pub(super) fn duration(&mut self, name: &'static str) -> Option<Node> {
        let node = self.templated(name)?;
        match node.as_str() {
            Some(text) if text.contains("{{") => {}
            Some(text) => {
                if let Err(why) = text.parse::<crate::duration::HumanDuration>() {
                    self.faults.push(Fault::at(&node.at, why));
                }
            }
            None => self.faults.push(wrong_type(&node, &format!("`{name}`"), "a duration such as `30s`")),
        }
        Some(node)
    }

    /// What is looked at again before the outage.
    pub(super) fn before_outage(&mut self) -> Option<BeforeOutage> {
        let node = self.fields.node("before_outage")?;
        match &node.kind {
            Kind::Bool(true) => Some(BeforeOutage::Holds),
            Kind::Bool(false) => None,
            Kind::Str(text) if text == "same" => Some(BeforeOutage::Same),
            _ => {
                self.faults.push(wrong_type(node, "`before_outage`", "`true`, `false` or `same`"));
                None
            }
        }
    }

    /// The step's variables.
    pub(super) fn vars(&mut self) -> Vec<(String, Node)> {
        let entries = self.fields.entries("vars", self.faults);
        self.decoder.vars(entries, self.faults)
    }

    /// The steps that undo it.
    pub(super) fn undo(&mut self, id: &str, tags: &[String]) -> Option<Vec<Step>> {
        let items = self.fields.items("undo", self.faults);
        self.node.get("undo").map(|_| self.decoder.steps(items, &format!("{id}/undo"), tags, self.faults))
    }
}

/// A key of a mapping, and its value.
fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n (Key, Node)> {
    node.entries().iter().find(|(key, _)| key.name == name)
}

/// Reports an option that has no effect on its step.
fn misplaced(key: &Key, kind: &str) -> Fault {
    let what = match kind {
        "gate" => "a gate",
        "include" => "an include",
        _ => "a block",
    };
    let fault = Fault::at(&key.at, format!("`{}` has no meaning for {what}", key.name));
    fault.help(match kind {
        "gate" => "leave it out",
        _ => "put it on the steps inside",
    })
}

/// The title of a step that has no name: a gate's question, an included file's name.
fn title_of((key, value): &(Key, Node)) -> Option<String> {
    match key.name.as_str() {
        "gate" | "include" => value.as_str().map(str::to_owned),
        _ => None,
    }
}
