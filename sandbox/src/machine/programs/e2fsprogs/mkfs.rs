//! `mkfs.ext4` and `mkfs.xfs`.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::super::options::Options;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{BlockContent, Filesystem, Machine, OpenError};

/// The part of a device that making a file system writes: one byte in so many.
const WRITTEN: u64 = 128;

/// `mkfs.ext4 [-q] [-L LABEL] ... DEVICE`
pub(crate) struct Mkfs;

/// The features of a new file system that not every kernel and program knows: those it gets by default, unless an option takes
/// them off (`-O ^orphan_file`, `-i nrext64=0`).
pub(crate) fn made_features(kind: &str, options: &[String]) -> Vec<String> {
    let all: &[&str] = match kind {
        "ext4" => &["metadata_csum_seed", "orphan_file"],
        _ => &["bigtime", "nrext64"],
    };
    let off = |feature: &str| {
        let words = [format!("^{feature}"), format!("{feature}=0")];
        options.iter().flat_map(|option| option.split(',')).any(|word| words.iter().any(|off| off == word))
    };
    all.iter().filter(|feature| !off(feature)).map(|feature| (*feature).to_owned()).collect()
}

impl Program for Mkfs {
    fn names(&self) -> &'static [&'static str] {
        &["mkfs.ext4", "mkfs.xfs"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let program = call.command.argv.first().map_or("", |path| path.rsplit('/').next().unwrap_or(path));
            let kind = program.trim_start_matches("mkfs.");
            let spec =
                ["q|quiet", "L=", "F", "f", "E=", "O=", "m=", "b=", "i=", "I=", "J=", "T=", "N=", "U=", "d=", "K"];
            let options = match Options::parse(call.args, &spec) {
                Ok(options) => options,
                Err(words) => return Reply::fail(1, format!("{program}: {words}\n")),
            };
            let Some(device) = options.operands.first() else {
                return Reply::fail(1, format!("Usage: {program} [-q] [-L volume-label] device\n"));
            };
            let mut bytes = 0;
            let refusal = call.on_machine(|machine| match refusal(machine, kind, device, options.has("f")) {
                Some(reply) => reply,
                None => {
                    bytes = machine.device_bytes(device).unwrap_or(0);
                    Reply::default()
                }
            });
            if refusal.code != 0 {
                return refusal;
            }
            call.kernel().transfer(bytes / WRITTEN, call.kernel().spec.disk_bytes_per_second).await;
            let uuid = call.kernel().uuid(&format!("mkfs/{}/{device}/{}", call.place, call.kernel().draw()));
            let mut filesystem = Filesystem::new(kind, &uuid, bytes - bytes / 50, call.kernel().now_ns());
            filesystem.features = made_features(kind, call.args);
            filesystem.whole_seconds = kind == "ext4" && options.value("I") == Some("128");
            filesystem.label = options.value("L").unwrap_or_default().to_owned();
            call.on_machine(|machine| match machine.content_mut(device) {
                Ok(content) => {
                    *content = BlockContent::Filesystem(Arc::new(filesystem));
                    Reply::ok("")
                }
                Err(error) => Reply::fail(1, format!("{program}: {} while writing to {device}\n", error.text())),
            })
        })
    }
}

fn refusal(machine: &Machine, kind: &str, device: &str, force: bool) -> Option<Reply> {
    let text = match machine.disk(device) {
        Err(error) if kind == "xfs" => format!("Error accessing specified device {device}: {}\n", error.text()),
        Err(OpenError::Missing) => format!("The file {device} does not exist and no size was specified.\n"),
        Err(error) => {
            format!("mkfs.ext4: {} while trying to determine filesystem size\n", error.text())
        }
        Ok(_) if machine.mounts.iter().any(|mount| mount.source == machine.kernel_name(device)) => {
            format!("{device} is mounted; will not make a filesystem here!\n")
        }
        Ok(_) if machine.attached_to(device).is_some() => {
            format!("{device} is apparently in use by the system; will not make a filesystem here!\n")
        }
        // Without a terminal mkfs.ext4 does not ask: it overwrites. mkfs.xfs refuses.
        Ok(disk) if kind == "xfs" && !force => match &disk.content {
            BlockContent::Blank => return None,
            _ => format!(
                "mkfs.xfs: {device} appears to contain an existing filesystem.\nmkfs.xfs: Use the -f option to force overwrite.\n"
            ),
        },
        Ok(_) => return None,
    };
    Some(Reply::fail(1, text))
}
