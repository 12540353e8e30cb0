//! A complete listing of a tree, as the script `cutover-manifest` writes it: the only thing copies are judged by.

use std::collections::BTreeMap;

use base64::Engine as _;
use cutover_engine::digest::hex;
use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::query::ReadScript;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Exit;
use sha2::{Digest, Sha256};

use super::Located;
use super::entry::{Entry, shown};
use super::left_out::{self, LeftOut};

/// The script that lists a tree.
const SCRIPT: ReadScript = ReadScript::declare(
    "cutover-manifest",
    concat!(
        include_str!("../../scripts/left-out.sh"),
        include_str!("../../scripts/manifest.sh"),
        include_str!("../../scripts/cutover-manifest.sh")
    ),
);

/// A listing of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The entries by path, `.` for the root directory itself. Paths are bytes: not every name is text.
    pub(crate) entries: BTreeMap<Vec<u8>, Entry>,
    /// Whether the host could list extended attributes and ACLs (it has getfattr).
    pub(crate) attributes: bool,
    /// What is in the tree and not carried by a copy. Not among what a digest is made from: such a tree has none that counts.
    pub(crate) left_out: Vec<LeftOut>,
}

impl Manifest {
    /// SHA-256 over all entries, in hex. Where things lie on disk (inode numbers, holes) does not matter to it.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for (path, entry) in &self.entries {
            hasher.update(entry.line(path));
        }
        hex(&hasher.finalize())
    }

    /// The number of regular files, hard links counted by name.
    pub(crate) fn files(&self) -> u64 {
        self.entries.values().filter(|entry| entry.kind == 'f').count() as u64
    }

    /// The bytes in regular files, each inode once.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries.values().filter(|entry| entry.same_as.is_none()).map(|entry| entry.size).sum()
    }

    /// Reads what the script wrote. The error says what is wrong with it.
    pub(crate) fn parse(encoded: &str, exclude: &[String]) -> Result<Self, Text> {
        let text: String = encoded.split_ascii_whitespace().collect();
        let raw = base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|error| text!("manifest.not-base64", "it is not base64: {error}", error = error.to_string()))?;
        let mut fields = raw.split(|byte| *byte == 0);
        let mut next = || fields.next().ok_or_else(|| text!("manifest.short", "it ends too early"));
        if next()? != b"cutover-manifest 3" {
            return Err(text!("manifest.begin", "it does not begin as a manifest"));
        }
        let mut entries = BTreeMap::new();
        loop {
            let head = next()?;
            if head == b"hashes" {
                break;
            }
            let (path, target) = (next()?, next()?);
            // Of a part of a tree they are listed as they were named.
            let path = path.strip_prefix(b"./").unwrap_or(path);
            let path = if path.is_empty() { b".".to_vec() } else { path.to_vec() };
            let entry = metadata(head, target)
                .ok_or_else(|| text!("manifest.line", "bad line `{line}`", line = String::from_utf8_lossy(head)))?;
            entries.insert(path, entry);
        }
        hashes(next()?, &mut entries)?;
        let attributes = loop {
            match next()? {
                b"attributes" => {
                    read_attributes(next()?, &mut entries)?;
                    break true;
                }
                b"no attributes" => {
                    next()?;
                    break false;
                }
                hash => large(hash, next()?, &mut entries)?,
            }
        };
        let mut section = |name: &[u8]| match next()? {
            found if found == name => Ok(next()?),
            _ => Err(incomplete()),
        };
        let lines = String::from_utf8_lossy(section(b"left out")?);
        let left_out = left_out::parse(lines.lines(), exclude)
            .ok_or_else(|| text!("manifest.left-out", "what it leaves out is not understood"))?;
        let counted = String::from_utf8_lossy(section(b"count")?).trim().parse::<usize>().ok();
        if next()? != b"end" {
            return Err(incomplete());
        }
        link(&mut entries);
        if let Some((path, _)) = entries.iter().find(|(_, entry)| entry.kind == 'f' && entry.sha256.is_empty()) {
            return Err(text!(
                "manifest.no-hash",
                "no hash for `{path}`: the tree changes while it is read",
                path = shown(path)
            ));
        }
        if let Some(counted) = counted.filter(|counted| *counted != entries.len()) {
            return Err(text!(
                "manifest.count",
                "it has {entries} entries, and another walk finds {counted}: the tree changes while it is read",
                entries = entries.len(),
                counted
            ));
        }
        if counted.is_none() && lines.is_empty() {
            return Err(text!("manifest.not-counted", "its entries were not counted"));
        }
        Ok(Self { entries, attributes, left_out })
    }
}

/// Lists a tree.
pub(crate) async fn manifest(cx: &Context, tree: &Located, exclude: &[String]) -> Result<Manifest, Failure> {
    let args = [tree.path.as_str()].into_iter().chain(exclude.iter().map(String::as_str));
    let output = cx.read_at(&tree.place, &SCRIPT.of(args)).await?;
    let words = output.stderr.lines().map(Text::verbatim);
    let tree = tree.to_string();
    if output.exit != Exit::Code(0) {
        let exit = &output.exit;
        return Err(Failure::failed(text!("tree.cannot-list", "cannot list {tree}: {exit}", tree, exit)).details(words));
    }
    Manifest::parse(&output.stdout, exclude).map_err(|why| {
        Failure::failed(text!("tree.list-unclear", "cannot list {tree}: {why}", tree, why)).details(words)
    })
}

/// The complaint about a manifest that was cut off.
fn incomplete() -> Text {
    text!("manifest.incomplete", "it is not complete")
}

/// Reads `%y %m %U %G %s %T@ %i %b`.
fn metadata(head: &[u8], target: &[u8]) -> Option<Entry> {
    let mut words = std::str::from_utf8(head).ok()?.split(' ');
    let kind = words.next()?.chars().next()?;
    let mode = words.next()?.to_owned();
    let uid = words.next()?.parse().ok()?;
    let gid = words.next()?.parse().ok()?;
    let size: u64 = words.next()?.parse().ok()?;
    let mtime = words.next()?;
    let mtime = if mtime.contains('.') { mtime.trim_end_matches('0').trim_end_matches('.') } else { mtime }.to_owned();
    let inode = words.next()?.parse().ok()?;
    let blocks: u64 = words.next()?.parse().ok()?;
    // A directory's size says how its file system stores it, and nothing about what is in it.
    let size = if kind == 'f' { size } else { 0 };
    Some(Entry {
        kind,
        mode,
        uid,
        gid,
        size,
        mtime,
        inode,
        allocated: blocks * 512,
        target: target.to_vec(),
        same_as: None,
        sha256: String::new(),
        attributes: BTreeMap::new(),
    })
}

/// Reads `HASH *./path` lines; a leading backslash says that the path is escaped.
fn hashes(section: &[u8], entries: &mut BTreeMap<Vec<u8>, Entry>) -> Result<(), Text> {
    for line in section.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let (escaped, line) = line.strip_prefix(b"\\").map_or((false, line), |rest| (true, rest));
        let bad = || text!("manifest.hash-line", "bad hash line `{line}`", line = String::from_utf8_lossy(line));
        let (hash, path) = (line.get(..64).ok_or_else(bad)?, line.get(68..).ok_or_else(bad)?);
        let path = if escaped { unescape(path) } else { path.to_vec() };
        let entry = entries.get_mut(&path).ok_or_else(bad)?;
        entry.sha256 = String::from_utf8_lossy(hash).into_owned();
    }
    Ok(())
}

/// Takes the hash of a large file.
fn large(hash: &[u8], path: &[u8], entries: &mut BTreeMap<Vec<u8>, Entry>) -> Result<(), Text> {
    let good = hash.len() == 64 && hash.iter().all(u8::is_ascii_hexdigit);
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let entry = entries
        .get_mut(path)
        .filter(|_| good)
        .ok_or_else(|| text!("manifest.hash", "bad hash of `{path}`", path = shown(path)))?;
    entry.sha256 = String::from_utf8_lossy(hash).into_owned();
    Ok(())
}

/// Reads getfattr's dump: blocks of `# file: path` and `name=0xhex` lines.
fn read_attributes(section: &[u8], entries: &mut BTreeMap<Vec<u8>, Entry>) -> Result<(), Text> {
    let mut path = Vec::new();
    for line in section.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let bad =
            || text!("manifest.attribute-line", "bad attribute line `{line}`", line = String::from_utf8_lossy(line));
        if let Some(name) = line.strip_prefix(b"# file: ") {
            path = unescape(name);
            continue;
        }
        let (name, value) =
            std::str::from_utf8(line).ok().map(|line| line.split_once('=').unwrap_or((line, ""))).ok_or_else(bad)?;
        // The label follows from the host's policy, not from the data.
        if name != "security.selinux" {
            entries.get_mut(&path).ok_or_else(bad)?.attributes.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(())
}

/// Finds hard links among the entries.
fn link(entries: &mut BTreeMap<Vec<u8>, Entry>) {
    let mut first: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for (path, entry) in entries.iter_mut().filter(|(_, entry)| entry.kind != 'd') {
        match first.get(&entry.inode) {
            Some(other) => entry.same_as = Some(other.clone()),
            None => drop(first.insert(entry.inode, path.clone())),
        }
    }
}

/// Undoes the escapes of sha256sum (`\\`, `\n`, `\r`) and getfattr (`\ooo`).
pub(super) fn unescape(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        let octal = |digits: &[u8]| digits.iter().all(|d| (b'0'..=b'7').contains(d));
        match (byte, rest) {
            (b'\\', [a, b, c, tail @ ..]) if octal(&[*a, *b, *c]) => {
                plain.push((a - b'0').wrapping_mul(64).wrapping_add((b - b'0') * 8 + (c - b'0')));
                rest = tail;
            }
            (b'\\', [letter, tail @ ..]) => {
                plain.push(match letter {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    other => *other,
                });
                rest = tail;
            }
            _ => plain.push(*byte),
        }
    }
    plain
}
