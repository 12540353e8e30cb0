//! States in the words of drbd-utils, as several of its programs print them.

use crate::machine::drbd::{DrbdResource, JUST_CREATED, Metadata};

/// The name of a role; of a peer's that is not known, too.
pub(super) fn role(primary: Option<bool>) -> &'static str {
    match primary {
        Some(true) => "Primary",
        Some(false) => "Secondary",
        None => "Unknown",
    }
}

/// The state that a disk's metadata tells, while no kernel has it attached.
pub(super) fn disk_state(metadata: &Metadata) -> String {
    let state = match (metadata.consistent, metadata.up_to_date) {
        (false, _) => "Inconsistent",
        (true, false) => "Outdated",
        (true, true) => "Consistent",
    };
    format!("{state}\n")
}

/// The generation identifiers and flags, as get-gi prints them; `own` if the disk is attached.
pub(super) fn generations(metadata: &Metadata, own: Option<&DrbdResource>, legacy: bool) -> String {
    let primary = own.map_or(metadata.primary, |own| own.primary);
    let mut uuids = metadata.generations;
    uuids[0] |= u64::from(primary);
    let uuids = uuids.map(|uuid| format!("{uuid:016X}")).join(":");
    let crashed = metadata.crashed || primary;
    let full_sync = metadata.full_sync && metadata.current() != JUST_CREATED;
    let (consistent, up_to_date, connected) = (metadata.consistent, metadata.up_to_date, metadata.connected);
    let flags: &[bool] = if legacy {
        &[consistent, up_to_date, primary, connected, full_sync, false, metadata.crashed]
    } else {
        &[
            consistent,
            up_to_date,
            primary,
            crashed,
            metadata.clean,
            false,
            false,
            connected,
            false,
            false,
            full_sync,
            metadata.seen,
        ]
    };
    let flags = flags.iter().map(|flag| u8::from(*flag).to_string()).collect::<Vec<_>>().join(":");
    format!("{uuids}:{flags}\n")
}
