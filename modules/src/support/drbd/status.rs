//! What one end's kernel says of a resource: the answer of `drbdsetup events2 --now --statistics`, which DRBD 8.4 and 9
//! give in the same form. Not what the configuration says, and not the other end's own answer.

use std::str::FromStr;

use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;

use super::states::{ConnectionState, DiskState, ReplicationState, Role};

/// Why an answer does not become a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unread {
    /// A word or line that is not understood, in words.
    Unclear(Text),
    /// It is understood, and there is more than one volume or peer: what is done to the one would be done to all.
    TooMuch {
        /// How many volumes there are.
        devices: usize,
        /// How many peers.
        connections: usize,
    },
}

impl From<Text> for Unread {
    fn from(words: Text) -> Self {
        Self::Unclear(words)
    }
}

/// A resource with one volume and one peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Status {
    /// The role here.
    pub(crate) role: Role,
    /// The disk here.
    pub(crate) disk: DiskState,
    /// The backing disk, by the name with which it was attached; `None` of 8.4, which does not tell it, and without a disk.
    pub(crate) backing: Option<String>,
    /// The size of the replicated device in KiB; `None` without statistics.
    pub(crate) size_kib: Option<u64>,
    /// The connection to the peer.
    pub(crate) connection: ConnectionState,
    /// The peer's role, as seen from here.
    pub(crate) peer_role: Role,
    /// The peer's disk, as seen from here.
    pub(crate) peer_disk: DiskState,
    /// What the replication does.
    pub(crate) replication: ReplicationState,
    /// KiB that differ or may differ; `None` without statistics.
    pub(crate) out_of_sync_kib: Option<u64>,
    /// How much of a running resync is done, in percent.
    pub(crate) done: Option<f64>,
    /// Estimated seconds to the end of a running resync.
    pub(crate) eta_seconds: Option<u64>,
    /// Why I/O is suspended, in DRBD's words: `user`, `no-data`, `fencing`, `quorum`. Empty if it is not.
    pub(crate) suspended: Vec<String>,
    /// Whether DRBD expects that this end can be promoted; `None` of 8.4, which does not say.
    pub(crate) may_promote: Option<bool>,
    /// Whether this end has quorum, which it does where none is asked for; `None` of 8.4, which knows no quorum.
    pub(crate) quorum: Option<bool>,
}

impl Status {
    /// Reads the answer for one resource; `None` if the kernel does not have it.
    ///
    /// # Errors
    /// What is not understood, or more than is known here.
    pub(crate) fn parse(text: &str, resource: &str) -> Result<Option<Self>, Unread> {
        let mut status = None;
        let (mut devices, mut connections) = (0, 0);
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some("exists"), Some(object)) = (words.next(), words.next()) else { continue };
            let pairs: Vec<(&str, &str)> = words.filter_map(|word| word.split_once(':')).collect();
            let get = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            if get("name") != Some(resource) {
                continue;
            }
            if object == "resource" {
                let suspended = get("suspended").unwrap_or("no").split(',').filter(|word| *word != "no");
                status = Some(Self {
                    suspended: suspended.map(str::to_owned).collect(),
                    may_promote: get("may_promote").map(|word| word == "yes"),
                    ..Self::alone(word(line, "role", get("role"))?)
                });
                continue;
            }
            let status = status
                .as_mut()
                .ok_or_else(|| text!("drbd.events-order", "`{line}` comes before its resource", line = line))?;
            match object {
                "device" => {
                    devices += 1;
                    status.disk = word(line, "disk", get("disk"))?;
                    status.backing = get("backing_dev").filter(|name| *name != "none").map(str::to_owned);
                    status.size_kib = number(get("size"));
                    status.quorum = get("quorum").map(|word| word == "yes");
                }
                "connection" => {
                    connections += 1;
                    status.connection = word(line, "connection", get("connection"))?;
                    status.peer_role = word(line, "role", get("role"))?;
                }
                "peer-device" => {
                    status.replication = word(line, "replication", get("replication"))?;
                    status.peer_disk = word(line, "peer-disk", get("peer-disk"))?;
                    status.out_of_sync_kib = number(get("out-of-sync"));
                    status.done = number(get("done"));
                    status.eta_seconds = number(get("eta"));
                }
                _ => {}
            }
        }
        if devices > 1 || connections > 1 {
            return Err(Unread::TooMuch { devices, connections });
        }
        Ok(status)
    }

    /// A resource without disk and peer.
    fn alone(role: Role) -> Self {
        Self {
            role,
            disk: DiskState::Diskless,
            backing: None,
            size_kib: None,
            connection: ConnectionState::StandAlone,
            peer_role: Role::Unknown,
            peer_disk: DiskState::DUnknown,
            replication: ReplicationState::Off,
            out_of_sync_kib: None,
            done: None,
            eta_seconds: None,
            suspended: Vec::new(),
            may_promote: None,
            quorum: None,
        }
    }

    /// Whether the backing disk is attached.
    pub(crate) fn attached(&self) -> bool {
        use DiskState::{Attaching, Detaching, Diskless, Failed};
        !matches!(self.disk, Diskless | Attaching | Detaching | Failed)
    }

    /// Whether the ends are connected.
    pub(crate) fn connected(&self) -> bool {
        self.connection == ConnectionState::Connected
    }

    /// How much is in sync, in percent: of the running resync if the kernel says so, of the whole device otherwise.
    pub(crate) fn percent(&self) -> Option<f64> {
        self.done.or_else(|| {
            let (size, out) = (self.size_kib.filter(|size| *size > 0)?, self.out_of_sync_kib?);
            #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
            let share = out.min(size) as f64 / size as f64;
            Some(100.0 * (1.0 - share))
        })
    }
}

fn word<T: FromStr<Err = Text>>(line: &str, key: &str, value: Option<&str>) -> Result<T, Text> {
    value.ok_or_else(|| text!("drbd.events-field", "`{line}` has no `{key}`", line = line, key = key))?.parse()
}

fn number<T: FromStr>(value: Option<&str>) -> Option<T> {
    value.and_then(|value| value.parse().ok())
}

#[cfg(test)]
mod tests;
