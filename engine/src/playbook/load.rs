//! From files to a playbook: reads, decodes, puts includes in place, and collects every fault on the way.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::before;
use super::decode::Decoder;
use super::invariant;
use super::{Param, Phase, Playbook};
use crate::digest::digest;
use crate::duration::HumanDuration;
use crate::module::Registry;
use crate::source::{Fault, Faults, Fields, Node, SourceFile, decode, parse_partly};

/// Reads files on the engine's behalf: the engine itself opens none.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Loads a playbook and everything it includes.
///
/// # Errors
/// All faults of all its files, in the order of their places.
pub fn load(path: &Path, registry: &Registry, read: ReadFile<'_>) -> Result<Playbook, Faults> {
    let (playbook, mut faults) = load_partly(path, registry, read);
    match playbook {
        Some(playbook) => faults.into_result(playbook),
        None => {
            faults.sort();
            Err(faults)
        }
    }
}

/// Loads as much of a playbook as can be decoded, with all faults of the rest, so that `check` can report more than the first.
pub fn load_partly(path: &Path, registry: &Registry, read: ReadFile<'_>) -> (Option<Playbook>, Faults) {
    let mut faults = Faults::default();
    let Some(source) = faults.take(read_source(path, read).map_err(Faults::from)) else { return (None, faults) };
    let (tree, found) = parse_partly(&source);
    faults.0.extend(found.0);
    let Some(tree) = tree else { return (None, faults) };
    let mut decoder = Decoder::new(registry, read, &source);
    let mut playbook = decode_playbook(&tree, &source, &mut decoder, &mut faults);
    if let Some(playbook) = &mut playbook {
        playbook.digest = digest(decoder.texts());
    }
    faults.sort();
    (playbook, faults)
}

/// Reads a file into a source.
pub(super) fn read_source(path: &Path, read: ReadFile<'_>) -> Result<Arc<SourceFile>, Fault> {
    match read(path) {
        Ok(text) => Ok(SourceFile::new(path, text)),
        Err(error) => Err(Fault::bare(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// A path in a file, relative to that file's directory.
pub(super) fn beside(file: &SourceFile, path: &str) -> PathBuf {
    file.path.parent().map_or_else(|| PathBuf::from(path), |directory| directory.join(path))
}

fn decode_playbook(
    tree: &Node,
    source: &Arc<SourceFile>,
    decoder: &mut Decoder<'_>,
    faults: &mut Faults,
) -> Option<Playbook> {
    let mut fields = Fields::of(tree, "a playbook").map_err(|fault| faults.push(fault)).ok()?;
    let name = fields.required_text("name", faults);
    let description = fields.text("description", faults);
    let window = fields.parsed::<HumanDuration>("window", faults);
    let rehearse_after = before::decode(fields.node("rehearse_after"), faults);
    let mut params = IndexMap::new();
    for (key, node) in fields.entries("params", faults) {
        if let Some(fault) = bad_name(&key.name).map(|why| Fault::at(&key.at, why)) {
            faults.push(fault);
        }
        if let Some(param) = faults.take(decode::<Param>(node, &format!("parameter `{}`", key.name))) {
            params.insert(key.name.clone(), param);
        }
    }
    let vars = decoder.vars(fields.entries("vars", faults), faults);
    let promised = fields.items("invariants", faults);
    let invariants = promised.iter().filter_map(|node| invariant::decode(node, decoder, faults)).collect();
    let items = fields.items("phases", faults);
    if items.is_empty() {
        faults.push(fields.missing("phases"));
    }
    let phases = items.iter().filter_map(|node| decode_phase(node, decoder, faults)).collect();
    fields.finish(faults);
    Some(Playbook {
        source: Arc::clone(source),
        name: name.unwrap_or_default(),
        description,
        window,
        rehearse_after,
        invariants,
        params,
        vars,
        phases,
        digest: String::new(),
    })
}

fn decode_phase(node: &Node, decoder: &mut Decoder<'_>, faults: &mut Faults) -> Option<Phase> {
    let mut fields = Fields::of(node, "a phase").map_err(|fault| faults.push(fault)).ok()?;
    let name = fields.required_text("name", faults).unwrap_or_default();
    let budget = fields.parsed("budget", faults);
    let point_of_no_return = fields.flag("point_of_no_return", faults);
    let check_all = fields.flag("check_all", faults);
    let when = decoder.expression(fields.node("when"), faults);
    let vars = decoder.vars(fields.entries("vars", faults), faults);
    let tags = fields.texts("tags", faults);
    let items = fields.items("steps", faults);
    if items.is_empty() {
        faults.push(fields.missing("steps"));
    }
    fields.finish(faults);
    let id = decoder.unique_id("", &name);
    let steps = decoder.steps(items, &id, &tags, faults);
    Some(Phase { id, name, at: node.at.clone(), budget, point_of_no_return, check_all, when, vars, tags, steps })
}

/// Reports why a name cannot be a variable's.
pub(super) fn bad_name(name: &str) -> Option<String> {
    let mut characters = name.chars();
    let good = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    (!good).then(|| format!("`{name}` cannot be a variable: use letters, digits and `_`"))
}
