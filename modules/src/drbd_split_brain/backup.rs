//! The image of the victim's disk: where it goes, how it is made, and what it is good for afterwards.

use cutover_engine::action::{Action, Done};
use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::Facts;
use cutover_engine::world::{Command, quote};
use serde_json::{Value, json};

use super::Params;
use crate::drbd::end::End;
use crate::drbd::status::Status;

/// Makes an image, or compares the one that is there.
pub(super) const SCRIPT: &str = include_str!("../scripts/cutover-image.sh");

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

/// What the script told of it.
pub(super) fn read(done: &Done) -> Option<Value> {
    let Done::Output(output) = done else { return None };
    let (how, rest) = output.stdout.trim_end().split_once(' ').filter(|(how, _)| ["made", "kept"].contains(how))?;
    let (sha256, image) = rest.split_once(' ')?;
    let quoted = quote(image);
    Some(json!({
        "image": image,
        "sha256": sha256,
        "made": how == "made",
        "look": format!("mount -o ro,loop,noload {quoted} /mnt"),
        "restore": format!("dd if={quoted} of=DEVICE bs=1M conv=fsync, with DEVICE Primary and not mounted"),
    }))
}
