//! What two nodes decide when they meet, by their generation identifiers: nothing to do, a resync in one direction, or
//! no connection. DRBD's `uuid_compare` for two nodes; not what follows from it.

use super::super::storage::{JUST_CREATED, Metadata};

/// What one node brings to a meeting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    /// Its metadata.
    pub(crate) metadata: &'a Metadata,
    /// Whether its data is usable: the disk is neither diskless nor Inconsistent.
    pub(crate) usable: bool,
    /// Whether it is to discard its data (`--discard-my-data`).
    pub(crate) discard: bool,
}

/// The decision, as the first of the two nodes sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Both have the same.
    NoSync,
    /// The peer gets what the bitmap marks.
    Source,
    /// The peer gets everything.
    FullSource,
    /// This node gets what the peer's bitmap marks.
    Target,
    /// This node gets everything.
    FullTarget,
    /// Both have data that the other lacks.
    SplitBrain,
    /// They never had the same data.
    Unrelated,
}

/// Compares two nodes.
pub(crate) fn compare(own: Side<'_>, peer: Side<'_>) -> Verdict {
    match by_generations(own, peer) {
        Verdict::Source if peer.metadata.full_sync => Verdict::FullSource,
        Verdict::Target if own.metadata.full_sync => Verdict::FullTarget,
        Verdict::SplitBrain if own.discard && !peer.discard => Verdict::Target,
        Verdict::SplitBrain if peer.discard && !own.discard => Verdict::Source,
        verdict => verdict,
    }
}

fn by_generations(own: Side<'_>, peer: Side<'_>) -> Verdict {
    let ([current, bitmap, ..], [peer_current, peer_bitmap, ..]) =
        (own.metadata.generations, peer.metadata.generations);
    let known = |metadata: &Metadata, uuid: u64| metadata.generations[2..].contains(&uuid);
    match (current == JUST_CREATED, peer_current == JUST_CREATED) {
        (true, true) => return Verdict::NoSync,
        (true, false) => return Verdict::FullTarget,
        (false, true) => return Verdict::FullSource,
        (false, false) => {}
    }
    if current == peer_current {
        return match (own.usable, peer.usable, own.metadata.crashed, peer.metadata.crashed) {
            (true, false, ..) => Verdict::Source,
            (false, true, ..) => Verdict::Target,
            (_, _, true, false) => Verdict::Source,
            (_, _, false, true) => Verdict::Target,
            _ => Verdict::NoSync,
        };
    }
    if current == peer_bitmap {
        return Verdict::Target;
    }
    if known(peer.metadata, current) {
        return Verdict::FullTarget;
    }
    if bitmap == peer_current {
        return Verdict::Source;
    }
    if known(own.metadata, peer_current) {
        return Verdict::FullSource;
    }
    let all =
        |metadata: &Metadata| metadata.generations[1..].iter().copied().filter(|uuid| *uuid != 0).collect::<Vec<_>>();
    if all(own.metadata).iter().any(|uuid| all(peer.metadata).contains(uuid)) {
        return Verdict::SplitBrain;
    }
    Verdict::Unrelated
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Verdict {
        /// The same decision, as the other node sees it.
        fn reversed(self) -> Self {
            match self {
                Self::Source => Self::Target,
                Self::Target => Self::Source,
                Self::FullSource => Self::FullTarget,
                Self::FullTarget => Self::FullSource,
                other => other,
            }
        }
    }

    fn metadata(generations: [u64; 4], crashed: bool) -> Metadata {
        Metadata { generations, crashed, full_sync: false, ..Metadata::new() }
    }

    fn verdict(own: [u64; 4], peer: [u64; 4]) -> Verdict {
        let (own, peer) = (metadata(own, false), metadata(peer, false));
        let side = |metadata| Side { metadata, usable: true, discard: false };
        let (forth, back) = (compare(side(&own), side(&peer)), compare(side(&peer), side(&own)));
        assert_eq!(forth, back.reversed(), "the two nodes disagree");
        forth
    }

    #[test]
    fn generations_decide_the_direction() {
        let cases = [
            ([4, 0, 0, 0], [4, 0, 0, 0], Verdict::NoSync),
            ([4, 0, 0, 0], [10, 0, 0, 0], Verdict::FullTarget),
            ([10, 0, 0, 0], [10, 0, 12, 0], Verdict::NoSync),
            ([20, 10, 0, 0], [10, 0, 0, 0], Verdict::Source),
            ([30, 20, 10, 0], [10, 0, 0, 0], Verdict::FullSource),
            ([20, 10, 0, 0], [30, 10, 0, 0], Verdict::SplitBrain),
            ([20, 0, 10, 0], [30, 10, 0, 0], Verdict::SplitBrain),
            ([20, 0, 0, 0], [30, 0, 0, 0], Verdict::Unrelated),
            ([20, 0, 0, 0], [30, 0, 8, 0], Verdict::Unrelated),
        ];
        for (own, peer, expected) in cases {
            assert_eq!(verdict(own, peer), expected, "{own:?} meets {peer:?}");
        }
    }

    #[test]
    fn a_crashed_primary_is_the_source_and_a_discarding_side_the_target() {
        let (crashed, other) = (metadata([10, 0, 0, 0], true), metadata([10, 0, 0, 0], false));
        let side = |metadata, discard| Side { metadata, usable: true, discard };
        assert_eq!(compare(side(&crashed, false), side(&other, false)), Verdict::Source);
        let (a, b) = (metadata([20, 10, 0, 0], false), metadata([30, 10, 0, 0], false));
        assert_eq!(compare(side(&a, true), side(&b, false)), Verdict::Target);
        assert_eq!(compare(side(&a, false), side(&b, true)), Verdict::Source);
        assert_eq!(compare(side(&a, true), side(&b, true)), Verdict::SplitBrain);
        // Without split brain the option changes nothing: the generations are clear.
        let behind = metadata([10, 0, 0, 0], false);
        assert_eq!(compare(side(&a, true), side(&behind, false)), Verdict::Source);
    }
}
