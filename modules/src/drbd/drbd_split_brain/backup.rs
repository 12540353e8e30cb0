//! The image of the victim's disk: where it goes, how it is made, and what it is good for afterwards.

use cutover_engine::action::{Action, Done};
use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::Facts;
use cutover_engine::world::{Command, quote};
use schemars::JsonSchema;
use serde::Serialize;

use super::Params;
use crate::support::drbd::end::End;
use crate::support::drbd::status::Status;

/// Makes an image, or compares the one that is there.
pub(super) const SCRIPT: &str = include_str!("../../scripts/cutover-image.sh");

/// An image of the victim's disk.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Image {
    /// Its path on the victim's node.
    pub(super) image: String,
    /// Its SHA-256 checksum, in hex.
    pub(super) sha256: String,
    /// Whether it was made now; false if it was there already and holds the same.
    pub(super) made: bool,
    /// The command that shows its files, on the victim's node.
    look: String,
    /// The command that writes it back.
    restore: String,
}

/// The image's path. Its name holds the data's generation: another split brain gets another image.
pub(super) fn path(params: &Params, pair: &Pair, own: &PairMember, victim: &End) -> String {
    let generation = victim.generations.map(|generations| generations.name()).unwrap_or_default();
    let directory = params.backup.trim_end_matches('/');
    format!("{directory}/{}.{}.{}.{generation}.img", pair.resource, own.site, own.node)
}

/// How large it is; `None` if the kernel does not say.
pub(super) fn bytes(status: &Status) -> Option<u64> {
    status.size_kib.filter(|size| *size > 0).map(|size| size * 1024)
}

/// Makes it, of the disk beneath DRBD: the device itself cannot be read on a Secondary.
pub(super) fn make(facts: &Facts, own: &PairMember, bytes: u64, path: &str) -> Action {
    let command = Command::script("cutover-image", SCRIPT, [own.disk.as_str(), &bytes.to_string(), path]);
    Action::Exec { place: facts.place(), command }
}

/// What the script reported about it.
pub(super) fn read(done: &Done) -> Option<Image> {
    let Done::Output(output) = done else { return None };
    let (how, rest) = output.stdout.trim_end().split_once(' ').filter(|(how, _)| ["made", "kept"].contains(how))?;
    let (sha256, image) = rest.split_once(' ')?;
    let quoted = quote(image);
    Some(Image {
        image: image.to_owned(),
        sha256: sha256.to_owned(),
        made: how == "made",
        look: format!("mount -o ro,loop,noload {quoted} /mnt"),
        restore: format!("dd if={quoted} of=DEVICE bs=1M conv=fsync, with DEVICE Primary and not mounted"),
    })
}
