//! Data generations: the identifiers by which DRBD tells which end holds newer data, and what they say of two ends.

use std::borrow::Cow;
use std::fmt;

use cutover_engine::text::Arg;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The current identifier of metadata that was just created and has never held data.
const JUST_CREATED: u64 = 4;

/// The identifiers of one end, as `drbdadm get-gi` prints them: current, bitmap, two of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generations {
    current: u64,
    bitmap: u64,
    history: [u64; 2],
}

/// What the identifiers of two ends say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Neither has ever held data.
    BothBlank,
    /// Both hold the same generation.
    Same,
    /// This end's data descends from the peer's.
    OwnNewer,
    /// The peer's data descends from this end's.
    PeerNewer,
    /// Both descend from the same data and have changed since, each on its own.
    SplitBrain,
    /// They have nothing in common.
    Unrelated,
}

impl Generations {
    /// Reads the answer of `drbdadm get-gi`; `None` if there is none in it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.lines().find_map(|line| {
            let mut fields = line.trim().split(':');
            let mut next = || fields.next().filter(|field| field.len() == 16);
            let mut identifier = || u64::from_str_radix(next()?, 16).ok();
            Some(Self { current: identifier()?, bitmap: identifier()?, history: [identifier()?, identifier()?] })
        })
    }

    /// Whether the metadata was just created: the disk has never held replicated data.
    pub(crate) fn just_created(&self) -> bool {
        self.current == JUST_CREATED && self.bitmap == 0 && self.history == [0, 0]
    }

    /// A name for the data: the current identifier. The lowest bit only says that an end was Primary and is left aside.
    pub(crate) fn name(&self) -> String {
        format!("{:016X}", self.current & !1)
    }

    /// Compares this end with the peer. The lowest bit only says that an end was Primary and is left aside.
    pub(crate) fn relation(&self, peer: &Self) -> Relation {
        let plain = |identifier: u64| identifier & !1;
        let (own_current, peer_current) = (plain(self.current), plain(peer.current));
        let past = |end: &Self| [end.bitmap, end.history[0], end.history[1]].map(plain);
        let (own_past, peer_past) = (past(self), past(peer));
        // 8.4 keeps the generation of just created metadata in the history, and all metadata begins with that one.
        let meaningless = |identifier: u64| matches!(identifier, 0 | JUST_CREATED);
        match (self.just_created(), peer.just_created()) {
            (true, true) => Relation::BothBlank,
            (false, true) => Relation::OwnNewer,
            (true, false) => Relation::PeerNewer,
            _ if own_current == peer_current => Relation::Same,
            _ if own_past.contains(&peer_current) => Relation::OwnNewer,
            _ if peer_past.contains(&own_current) => Relation::PeerNewer,
            _ if own_past.iter().any(|identifier| !meaningless(*identifier) && peer_past.contains(identifier)) => {
                Relation::SplitBrain
            }
            _ => Relation::Unrelated,
        }
    }
}

impl fmt::Display for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}:{:016X}:{:016X}:{:016X}", self.current, self.bitmap, self.history[0], self.history[1])
    }
}

impl Serialize for Generations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Generations {
    fn schema_name() -> Cow<'static, str> {
        "Generations".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Data generations as `drbdadm get-gi` prints them: current, bitmap, two of history.",
            "type": "string",
            "pattern": "^[0-9A-F]{16}(:[0-9A-F]{16}){3}$",
        })
    }
}

impl From<Generations> for Arg {
    fn from(generations: Generations) -> Self {
        Self::Value(generations.to_string())
    }
}

impl From<&Generations> for Arg {
    fn from(generations: &Generations) -> Self {
        Self::Value(generations.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded() -> Vec<Generations> {
        let record = include_str!("fixtures/drbd-9.2.14.txt");
        record.split("$ drbdadm get-gi etcd0\n").skip(1).filter_map(Generations::parse).collect()
    }

    #[test]
    fn the_recorded_identifiers_are_read() {
        let shown: Vec<String> = recorded().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "0000000000000004:0000000000000000:0000000000000000:0000000000000000",
                "A27A6AF82A2840C7:75E279FA9C84D38E:F152E6B9D13AFAB0:0000000000000000",
                "191F5EB06D241FF0:75E279FA9C84D38E:89A8AC5E22815B0C:0000000000000000",
            ]
        );
        assert_eq!(Generations::parse("No valid meta data found\n"), None);
        assert_eq!(Generations::parse(""), None);
    }

    #[test]
    fn the_recorded_split_brain_is_one() {
        let [blank, survivor, isolated] = recorded().try_into().unwrap();
        assert!(blank.just_created() && !survivor.just_created());
        assert_eq!(survivor.relation(&isolated), Relation::SplitBrain);
        assert_eq!(blank.relation(&blank), Relation::BothBlank);
        assert_eq!(blank.relation(&survivor), Relation::PeerNewer);
        assert_eq!(survivor.relation(&blank), Relation::OwnNewer);
    }

    #[test]
    fn so_are_those_of_8_4() {
        let record = include_str!("fixtures/drbd-8.4.11.txt");
        let found = record.split("$ drbdadm get-gi etcd0\n").skip(1).filter_map(Generations::parse);
        let [blank, survivor, isolated] = found.collect::<Vec<_>>().try_into().unwrap();
        assert!(blank.just_created());
        assert_eq!(survivor.relation(&isolated), Relation::SplitBrain);
        assert_eq!(isolated.relation(&blank), Relation::OwnNewer);
    }

    #[test]
    fn who_is_newer_shows_in_the_past() {
        let ends = |current, bitmap, history| Generations { current, bitmap, history: [history, 0] };
        let cases = [
            (ends(0x20, 0, 0), ends(0x21, 0, 0), Relation::Same),
            (ends(0x31, 0x20, 0), ends(0x20, 0, 0), Relation::OwnNewer),
            (ends(0x20, 0, 0), ends(0x31, 0x21, 0), Relation::PeerNewer),
            (ends(0x40, 0x30, 0x20), ends(0x20, 0, 0), Relation::OwnNewer),
            (ends(0x40, 0, 0x20), ends(0x50, 0, 0x20), Relation::SplitBrain),
            (ends(0x40, 0, 0), ends(0x50, 0, 0), Relation::Unrelated),
            (ends(0x40, 0, JUST_CREATED), ends(0x50, 0, JUST_CREATED), Relation::Unrelated),
        ];
        for (own, peer, relation) in cases {
            assert_eq!(own.relation(&peer), relation, "{own} {peer}");
        }
    }
}
