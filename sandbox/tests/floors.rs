//! The floors of the sandbox: no room knows one above it, and none leads back to itself.
//!
//! It counts so. A room is a file or directory of `src`; what lies in a directory is compared with its neighbours there. A room uses
//! another if a path in its code, outside tests and comments, begins with `crate::` or `super::` and leads there; a name that a
//! `mod.rs` takes in with `pub use` leads to where it is from. A directory's own `mod.rs` is not a room beside those that it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first. `stand_in` is a door beside `world`, and uses machines alone.
const FLOORS: [&str; 5] = ["kernel", "machine", "cluster", "services", "world"];

type Module = Vec<String>;

#[derive(Default)]
struct House {
    /// The code of each module.
    code: BTreeMap<Module, String>,
    /// Where the names come from that a module takes in.
    taken_in: BTreeMap<(Module, String), Module>,
}

impl House {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut house = Self::default();
        let mut files = Vec::new();
        walk(&root, &mut files);
        for file in files {
            let relative = file.strip_prefix(&root).expect("a file below the root").with_extension("");
            let mut module: Module =
                relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            if module.last().is_some_and(|last| last == "mod" || last == "lib") {
                module.pop();
            }
            if module.iter().any(|part| part == "tests" || part == "testing") {
                continue;
            }
            let text = fs::read_to_string(&file).expect("text");
            house.code.insert(module, without_tests_and_comments(&text));
        }
        for (module, text) in house.code.clone() {
            for statement in text.split(';').filter_map(|statement| statement.split_once("pub(crate) use ")) {
                for path in expand(statement.1) {
                    if let (Some(found), Some(name)) = (house.resolve(&module, &path), path.last()) {
                        house.taken_in.insert((module.clone(), name.clone()), found);
                    }
                }
            }
        }
        house
    }

    /// The module that a path leads to from a module.
    fn resolve(&self, from: &Module, path: &[String]) -> Option<Module> {
        let mut at = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "super" | "self" => from.clone(),
            first => {
                let child: Module = from.iter().cloned().chain([first.to_owned()]).collect();
                self.code.contains_key(&child).then_some(from.clone())?
            }
        };
        let mut rest = path;
        while let Some((first, more)) = rest.split_first() {
            match first.as_str() {
                "crate" | "self" => {}
                "super" => drop(at.pop()),
                name => {
                    let child: Module = at.iter().cloned().chain([name.to_owned()]).collect();
                    match self.taken_in.get(&(at.clone(), name.to_owned())) {
                        _ if self.code.contains_key(&child) => at = child,
                        Some(origin) => at = origin.clone(),
                        None => return Some(at),
                    }
                }
            }
            rest = more;
        }
        Some(at)
    }

    /// Which rooms of a directory use which of their neighbours, and a file that does.
    fn uses(&self) -> BTreeMap<Module, BTreeMap<(String, String), Module>> {
        let mut uses: BTreeMap<Module, BTreeMap<(String, String), Module>> = BTreeMap::new();
        for (from, text) in &self.code {
            let mut paths: Vec<Vec<String>> = Vec::new();
            for statement in text.split(';') {
                match statement.rsplit_once("use ").filter(|(_, tree)| !tree.contains(['=', '(', '<'])) {
                    Some((_, tree)) => paths.extend(expand(tree)),
                    None => paths.extend(inline(statement)),
                }
            }
            for path in paths.iter().filter(|path| matches!(path[0].as_str(), "crate" | "super")) {
                let Some(to) = self.resolve(from, path) else { continue };
                let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
                if let (Some(one), Some(other)) = (from.get(common), to.get(common)) {
                    let rooms = uses.entry(from[..common].to_vec()).or_default();
                    rooms.entry((one.clone(), other.clone())).or_insert_with(|| from.clone());
                }
            }
        }
        uses
    }
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn without_tests_and_comments(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut code_alone = String::new();
    let mut tested = false;
    for line in code.lines() {
        let line = line.split("//").next().unwrap_or_default();
        if line.trim() == "#[cfg(test)]" {
            tested = true;
        } else if !tested {
            code_alone.push_str(line);
            code_alone.push('\n');
        } else if line.trim_end().ends_with([';', '}']) && !line.starts_with(' ') {
            tested = false;
        }
    }
    code_alone
}

/// The paths of a `use` tree.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()];
    };
    let head: Vec<String> =
        head.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for letter in inner.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    parts.push(part);
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expand(part)).map(|rest| head.iter().cloned().chain(rest).collect()).collect()
}

/// The paths that stand in code.
fn inline(code: &str) -> Vec<Vec<String>> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let words = code.split(|letter: char| !is_word(letter));
    let paths = words.filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
    paths.map(|path| path.split("::").map(str::to_owned).filter(|part| !part.is_empty()).collect()).collect()
}

#[test]
fn no_room_leads_back_to_itself() {
    let house = House::read();
    assert!(house.code.len() > 100, "{} modules", house.code.len());
    let mut faults = Vec::new();
    for (directory, uses) in house.uses() {
        let rooms: BTreeSet<&String> = uses.keys().flat_map(|(one, other)| [one, other]).collect();
        for room in rooms {
            let (mut reached, mut open) = (BTreeSet::new(), vec![vec![room]]);
            while let Some(way) = open.pop() {
                for ((_, to), file) in uses.iter().filter(|((from, _), _)| Some(from) == way.last().copied()) {
                    if to == room {
                        let way: Vec<&str> = way.iter().map(|room| room.as_str()).collect();
                        faults.push(format!(
                            "{}: {} -> {to} ({})",
                            directory.join("/"),
                            way.join(" -> "),
                            file.join("/")
                        ));
                    } else if reached.insert(to) {
                        open.push(way.iter().copied().chain([to]).collect());
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_floor_knows_one_above_it() {
    let uses = House::read().uses();
    let floors = uses.get(&Vec::new()).expect("floors that use each other");
    let height = |room: &str| FLOORS.iter().position(|floor| *floor == room);
    for ((from, to), file) in floors {
        match (height(from), height(to)) {
            (Some(own), Some(other)) => assert!(other < own, "{from} uses {to}: {}", file.join("/")),
            (None, Some(other)) => {
                assert!(from == "stand_in" && other <= 1, "{from} uses {to}: {}", file.join("/"));
            }
            _ => panic!("{from} uses {to}, which is not a floor: {}", file.join("/")),
        }
    }
    for pair in FLOORS.windows(2) {
        let next = (pair[1].to_owned(), pair[0].to_owned());
        assert!(
            floors.contains_key(&next),
            "{} stands on {}, and does not use it: is it read at all?",
            pair[1],
            pair[0]
        );
    }
}
