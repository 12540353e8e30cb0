//! The modules' scripts that try a file system on another node: versions, an image, and whether it can be mounted.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::super::e2fsprogs::made_features;
use super::super::words::program_name;
use crate::machine::program::{Call, Program, Reply};

/// What the image writes and what its journal takes, in bytes.
const IMAGE: u64 = 20 << 20;

/// The scripts.
pub(crate) struct TrialImage;

/// An image on its way.
#[derive(Serialize, Deserialize)]
struct Packed {
    kind: String,
    features: Vec<String>,
}

impl Program for TrialImage {
    fn names(&self) -> &'static [&'static str] {
        &["cutover-filesystem-tools", "cutover-filesystem-make", "cutover-filesystem-mount"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let name = program_name(&call);
            let unknown = call.unknown_features();
            match (name.as_str(), call.args) {
                ("cutover-filesystem-tools", [kind]) => {
                    let (mkfs, fsck) = match kind.as_str() {
                        "xfs" => ("mkfs.xfs version 6.6.0", "xfs_repair version 6.6.0"),
                        _ => ("mke2fs 1.47.0 (5-Feb-2023)", "e2fsck 1.47.0 (5-Feb-2023)"),
                    };
                    call.on_machine(|_| Reply::ok(format!("kernel=5.4.0-100-generic\nmkfs={mkfs}\nfsck={fsck}\n")))
                }
                ("cutover-filesystem-make", [kind, options @ ..]) => {
                    call.kernel().transfer(IMAGE, call.kernel().spec.disk_bytes_per_second).await;
                    let features = made_features(kind, options);
                    let packed = Packed { kind: kind.clone(), features };
                    call.on_machine(|_| Reply::ok(serde_json::to_vec(&packed).unwrap_or_default()))
                }
                ("cutover-filesystem-mount", [kind]) => match serde_json::from_slice::<Packed>(&call.stdin) {
                    Ok(packed) if packed.kind == *kind => call.on_machine(|_| Reply::ok(mounted(&packed, &unknown))),
                    _ => Reply::fail(2, "tar: This does not look like a tar archive\n"),
                },
                _ => Reply::fail(2, format!("{name}: 1: parameter not set\n")),
            }
        })
    }
}

/// What checking and mounting print where some features are not known.
fn mounted(packed: &Packed, unknown: &[String]) -> String {
    let mut missing = packed.features.iter().filter(|feature| unknown.contains(feature)).peekable();
    if missing.peek().is_none() {
        return "check ok\nmount ok\nwrite ok\n".to_owned();
    }
    let wrong = "mount: /tmp/at: wrong fs type, bad option, bad superblock on /dev/loop0.";
    let kernel = |words: &str| format!("check ok\nmount failed\n- {wrong}\n- {words}\n");
    match missing.next().map(String::as_str) {
        // Only its programs have to know it.
        Some("orphan_file") => {
            "check failed\n- /dev/loop0 has unsupported feature(s): FEATURE_C12\nmount ok\nwrite ok\n".to_owned()
        }
        Some("bigtime") => kernel("XFS (loop0): Superblock has unknown incompatible features (0x8) enabled."),
        Some("nrext64") => kernel("XFS (loop0): Superblock has unknown incompatible features (0x20) enabled."),
        _ => kernel("EXT4-fs (loop0): couldn't mount because of unsupported optional features (2000)"),
    }
}
