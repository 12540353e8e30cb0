//! The features of file systems that kernels and programs report by number when they do not know them.

use crate::storage::filesystem::Kind;

/// Incompatible features of ext4: unknown ones are not mounted at all.
const EXT4_INCOMPATIBLE: &[(u32, &str)] = &[
    (4, "journal_dev"),
    (6, "extents"),
    (7, "64bit"),
    (8, "mmp"),
    (9, "flex_bg"),
    (10, "ea_inode"),
    (12, "dirdata"),
    (13, "metadata_csum_seed"),
    (14, "large_dir"),
    (15, "inline_data"),
    (16, "encrypt"),
    (17, "casefold"),
];
/// Features of ext4 without which it can only be read.
const EXT4_READ_ONLY: &[(u32, &str)] = &[
    (3, "huge_file"),
    (4, "uninit_bg"),
    (5, "dir_nlink"),
    (6, "extra_isize"),
    (8, "quota"),
    (9, "bigalloc"),
    (10, "metadata_csum"),
    (12, "read-only"),
    (13, "project"),
    (15, "verity"),
    (16, "orphan_file (with orphans)"),
];
/// Features of ext4 that only its programs have to know.
const EXT4_COMPATIBLE: &[(u32, &str)] =
    &[(9, "sparse_super2"), (10, "fast_commit"), (11, "stable_inodes"), (12, "orphan_file")];
/// Incompatible features of XFS.
const XFS_INCOMPATIBLE: &[(u32, &str)] = &[
    (0, "ftype"),
    (1, "sparse"),
    (2, "meta_uuid"),
    (3, "bigtime"),
    (4, "needsrepair"),
    (5, "nrext64"),
    (6, "exchange"),
    (7, "parent"),
];
/// Features of XFS without which it can only be read.
const XFS_READ_ONLY: &[(u32, &str)] = &[(0, "finobt"), (1, "rmapbt"), (2, "reflink"), (3, "inobtcount")];

/// The features that some lines call unknown or unsupported, by name.
pub(super) fn unknown(kind: Kind, lines: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in lines {
        let names = match kind {
            Kind::Ext4 => ext4(line),
            Kind::Xfs => xfs(line),
        };
        for name in names {
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// `EXT4-fs (loop0): couldn't mount because of unsupported optional features (2000)`, or e2fsck's
/// `image has unsupported feature(s): FEATURE_C12 metadata_csum_seed`.
fn ext4(line: &str) -> Vec<String> {
    if let Some((_, names)) = line.split_once("unsupported feature(s):") {
        let name = |word: &str| {
            let number = |letter: &str| word.strip_prefix("FEATURE_")?.strip_prefix(letter)?.parse().ok();
            let tables = [("C", EXT4_COMPATIBLE), ("I", EXT4_INCOMPATIBLE), ("R", EXT4_READ_ONLY)];
            let known = tables.iter().find_map(|(letter, table)| Some((number(letter)?, *table)));
            known.and_then(|(bit, table)| named(table, bit)).unwrap_or(word).to_owned()
        };
        return names.split_whitespace().filter(|word| !word.starts_with('(')).map(name).collect();
    }
    let table = if line.contains("RDWR") { EXT4_READ_ONLY } else { EXT4_INCOMPATIBLE };
    match line.split_once("unsupported optional features (") {
        Some((_, rest)) => by_bits(table, rest.split(')').next().unwrap_or_default()),
        None => Vec::new(),
    }
}

/// `XFS (loop0): Superblock has unknown incompatible features (0x20) enabled.`
fn xfs(line: &str) -> Vec<String> {
    let line = line.to_lowercase();
    let Some((_, rest)) = line.split_once("unknown ") else { return Vec::new() };
    let table = if rest.starts_with("incompat") { XFS_INCOMPATIBLE } else { XFS_READ_ONLY };
    match rest.split_once("(0x") {
        Some((_, rest)) => by_bits(table, rest.split(')').next().unwrap_or_default()),
        None => Vec::new(),
    }
}

fn by_bits(table: &[(u32, &str)], hex: &str) -> Vec<String> {
    let bits = u32::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap_or(0);
    let set = (0..u32::BITS).filter(|bit| bits >> bit & 1 == 1);
    set.map(|bit| named(table, bit).map_or_else(|| format!("feature bit {bit}"), str::to_owned)).collect()
}

fn named<'a>(table: &[(u32, &'a str)], bit: u32) -> Option<&'a str> {
    table.iter().find(|(known, _)| *known == bit).map(|(_, name)| *name)
}
