//! `cutover check`: every fault of playbooks and inventory that can be known without touching anything.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cutover_engine::check::check_file;
use cutover_engine::inventory::{self, Inventory};
use cutover_engine::playbook::{Playbook, load_partly};
use cutover_engine::source::{Fault, Faults, parse};
use cutover_files::{Bounds, Named, resolve};
use cutover_modules::REGISTRY;
use cutover_session::terminal;
use serde_json::{Value, json};

use crate::args::{CheckArgs, CheckOutput};
use crate::exit::Exit;
use crate::faults;

/// A file that was checked.
struct Checked {
    path: String,
    /// Its size, as far as it could be decoded: `6 phases, 31 steps`.
    contents: Option<String>,
    /// Whether it has no faults.
    clean: bool,
    /// Its faults, without those that were reported for another file already.
    faults: Faults,
}

/// Checks all files and reports every fault.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let mut files = Vec::new();
    let mut inventory = None;
    let named = args.playbooks.iter().chain(&args.on.inventory).map(PathBuf::as_path);
    let bounds = Bounds::around(named, &args.also_read);
    let read = |path: &Path| bounds.read(path);
    if let Some(path) = &args.on.inventory {
        let (found, checked) = check_inventory(path, &bounds);
        inventory = found;
        files.push(checked);
    }
    // If the requested inventory cannot be loaded, all its variables and sites would seem unknown: playbooks are not checked.
    let blind = args.on.inventory.is_some() && inventory.is_none();
    for path in &args.playbooks {
        let (playbook, mut faults) = match blind {
            true => load_partly(path, &REGISTRY, &read),
            false => check_file(path, inventory.as_ref(), &REGISTRY, &read),
        };
        let clean = faults.0.is_empty();
        // The faults of a file that several playbooks include are reported once.
        let before: Vec<&Fault> = files.iter().flat_map(|file: &Checked| &file.faults.0).collect();
        faults.0.retain(|fault| !before.iter().any(|other| other.at.is_some() && same(other, fault)));
        files.push(Checked { path: shown(path), contents: playbook.as_ref().map(size_of_playbook), clean, faults });
    }
    let wrong = files.iter().any(|file| !file.clean);
    match args.output {
        CheckOutput::Json => terminal::print(&format!("{:#}\n", as_json(&files)))?,
        CheckOutput::Plain => terminal::print(&in_words(&files, blind && !args.playbooks.is_empty()))?,
    }
    Ok(if wrong { Exit::Wrong } else { Exit::Done })
}

fn same(one: &Fault, other: &Fault) -> bool {
    one.message == other.message
        && one.at.as_ref().map(ToString::to_string) == other.at.as_ref().map(ToString::to_string)
}

fn check_inventory(path: &Path, bounds: &Bounds) -> (Option<Inventory>, Checked) {
    let mut faults = Faults::default();
    let read = |path: &Path| bounds.read(path);
    let inventory = faults.take(inventory::load(path, &read, &Named).and_then(|inventory| inventory.with_roles(&read)));
    if let Some(inventory) = &inventory {
        kubeconfigs(inventory, path, bounds, &mut faults);
    }
    let contents = inventory.as_ref().map(size_of_inventory);
    (inventory, Checked { path: shown(path), contents, clean: faults.0.is_empty(), faults })
}

/// What is wrong in the kubeconfigs that may be read; one that is not there, or elsewhere, is the doctor's business.
fn kubeconfigs(inventory: &Inventory, path: &Path, bounds: &Bounds, faults: &mut Faults) {
    let tree = parse(&inventory.source);
    for site in inventory.sites.values().filter(|site| !site.kubernetes.kubeconfig.is_empty()) {
        let file = resolve(path, &site.kubernetes.kubeconfig);
        if !bounds.contain(&file) {
            continue;
        }
        for flaw in cutover_connections::flaws(&file, &site.kubernetes.context) {
            let message = format!("{}: {}", file.display(), flaw.what);
            let Ok(tree) = &tree else { continue };
            let at = &tree.deepest(&format!("/sites/{}/kubernetes/kubeconfig", site.name)).at;
            faults.push(Fault::at(at, message).help(flaw.help));
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn size_of_playbook(playbook: &Playbook) -> String {
    format!("{}, {}", count(playbook.phases.len(), "phase"), count(playbook.steps().len(), "step"))
}

fn size_of_inventory(inventory: &Inventory) -> String {
    let nodes = inventory.sites.values().map(|site| site.nodes.len()).sum();
    let (sites, pairs) = (inventory.sites.len(), inventory.pairs.len());
    format!("{}, {}, {}", count(sites, "site"), count(nodes, "node"), count(pairs, "pair"))
}

/// `1 fault`, `2 faults`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn in_words(files: &[Checked], blind: bool) -> String {
    let mut text = String::new();
    let none = if blind { "no faults so far" } else { "no faults" };
    for file in files {
        match &file.contents {
            Some(contents) if file.clean => text += &format!("{}: {contents}, {none}\n", file.path),
            _ => text += &faults::shown(&file.faults, console::colors_enabled()),
        }
    }
    let places: Vec<&Path> =
        files.iter().flat_map(|file| file.faults.0.iter().map(|fault| place(file, fault))).collect();
    let found = places.len();
    let wrong = places.into_iter().collect::<BTreeSet<_>>().len();
    if found > 0 && blind {
        text += "variables and targets were not checked: they need an inventory without faults\n";
    }
    if found > 0 {
        text += &format!("{} in {}\n", count(found, "fault"), count(wrong, "file"));
    }
    text
}

/// The file a fault is in: the one that was checked, or one that it includes.
fn place<'a>(file: &'a Checked, fault: &'a Fault) -> &'a Path {
    fault.at.as_ref().map_or(Path::new(&file.path), |at| &at.file.path)
}

fn as_json(files: &[Checked]) -> Value {
    let all = files.iter().flat_map(|file| &file.faults.0);
    json!({
        "ok": files.iter().all(|file| file.clean),
        "files": files.iter().map(|file| json!({"path": file.path, "faults": file.faults.0.len()})).collect::<Vec<_>>(),
        "faults": all.map(faults::as_json).collect::<Vec<_>>(),
    })
}
