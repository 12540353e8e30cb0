//! The words for DRBD's states, of both generations: roles, disks, connections, replication. An unknown word is an error
//! that names it: a state that nobody has thought about is not a ground to act on.

use std::fmt;
use std::str::FromStr;

use cutover_engine::text;
use cutover_engine::text::{Arg, Text};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// Defines an enum whose variants are DRBD's own words, with the sentence for a word that is not one of them.
/// `"word" => Variant` adds a second word for a variant.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $id:literal, $text:literal, {
        $($(#[$variant_doc:meta])* $variant:ident,)+
    } $($alias:literal => $target:ident,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
        pub(crate) enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl FromStr for $name {
            type Err = Text;

            fn from_str(word: &str) -> Result<Self, Text> {
                match word {
                    $(stringify!($variant) => Ok(Self::$variant),)+
                    $($alias => Ok(Self::$target),)*
                    _ => Err(text!($id, $text, word = word)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => stringify!($variant),)+ })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl From<$name> for Arg {
            fn from(word: $name) -> Self {
                Self::Value(word.to_string())
            }
        }

        impl From<&$name> for Arg {
            fn from(word: &$name) -> Self {
                Self::Value(word.to_string())
            }
        }
    };
}

words! {
    /// The role of one end.
    Role, "drbd.unknown-role", "`{word}` is not a role that is known here", {
        /// Its device can be written to.
        Primary,
        /// Its device cannot be opened.
        Secondary,
        /// Of a peer that is not connected.
        Unknown,
    }
}

words! {
    /// The state of one end's disk, as in drbdsetup(8).
    DiskState, "drbd.unknown-disk", "`{word}` is not a disk state that is known here", {
        /// No disk is attached.
        Diskless,
        /// It is being attached.
        Attaching,
        /// It is being detached.
        Detaching,
        /// It had an error.
        Failed,
        /// The ends are agreeing on its state.
        Negotiating,
        /// Its data is not usable: blank, or in the middle of a resync.
        Inconsistent,
        /// Its data is consistent, but older than the peer's.
        Outdated,
        /// Of a peer that is not connected.
        DUnknown,
        /// Its data is consistent; whether it is the newest is not known without the peer.
        Consistent,
        /// Its data is the newest.
        UpToDate,
    }
}

words! {
    /// The state of the connection.
    ConnectionState, "drbd.unknown-connection", "`{word}` is not a connection state that is known here", {
        /// No attempt is made: never connected, disconnected by a person, or dropped after a split brain.
        StandAlone,
        /// It is being taken down.
        Disconnecting,
        /// About to connect.
        Unconnected,
        /// The peer did not answer in time; passing.
        Timeout,
        /// The connection broke; passing.
        BrokenPipe,
        /// The connection broke; passing.
        NetworkFailure,
        /// The connection broke; passing.
        ProtocolError,
        /// The peer closes it; passing.
        TearDown,
        /// It waits for the peer.
        Connecting,
        /// It is there.
        Connected,
    }
    // The kernel of 8.4 calls the two halves of connecting so.
    "WFConnection" => Connecting,
    "WFReportParams" => Connecting,
}

words! {
    /// What the replication does.
    ReplicationState, "drbd.unknown-replication", "`{word}` is not a replication state that is known here", {
        /// Not connected.
        Off,
        /// Every write goes to both ends.
        Established,
        /// A full resync starts, from here.
        StartingSyncS,
        /// A full resync starts, to here.
        StartingSyncT,
        /// A resync starts, from here.
        WFBitMapS,
        /// A resync starts, to here.
        WFBitMapT,
        /// A resync starts, to here.
        WFSyncUUID,
        /// A resync runs, from here.
        SyncSource,
        /// A resync runs, to here.
        SyncTarget,
        /// A verification runs.
        VerifyS,
        /// A verification runs.
        VerifyT,
        /// A resync from here is paused.
        PausedSyncS,
        /// A resync to here is paused.
        PausedSyncT,
        /// The link is congested; this end runs ahead.
        Ahead,
        /// The link is congested; this end lags behind.
        Behind,
    }
}

impl ReplicationState {
    /// Whether this end's disk is being overwritten with the peer's data.
    pub(crate) fn is_target(self) -> bool {
        use ReplicationState::{Behind, PausedSyncT, StartingSyncT, SyncTarget, WFBitMapT, WFSyncUUID};
        matches!(self, StartingSyncT | WFBitMapT | WFSyncUUID | SyncTarget | PausedSyncT | Behind)
    }

    /// Whether the peer's disk is being overwritten with this end's data.
    pub(crate) fn is_source(self) -> bool {
        use ReplicationState::{Ahead, PausedSyncS, StartingSyncS, SyncSource, WFBitMapS};
        matches!(self, StartingSyncS | WFBitMapS | SyncSource | PausedSyncS | Ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_shown_and_unknown_ones_are_named() {
        assert_eq!("SyncTarget".parse(), Ok(ReplicationState::SyncTarget));
        assert_eq!("WFConnection".parse(), Ok(ConnectionState::Connecting));
        assert_eq!(ReplicationState::WFBitMapS.to_string(), "WFBitMapS");
        let error = |error: Result<(), Text>| error.unwrap_err().to_string();
        let disk = error("Napping".parse::<DiskState>().map(|_| ()));
        assert_eq!(disk, "`Napping` is not a disk state that is known here");
        let role = error("primary".parse::<Role>().map(|_| ()));
        assert_eq!(role, "`primary` is not a role that is known here");
        assert_eq!(serde_json::to_value(DiskState::UpToDate).unwrap(), "UpToDate");
    }
}
