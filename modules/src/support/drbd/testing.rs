//! Ends of a pair as short texts, for the tests of the DRBD modules.

use cutover_engine::text::Text;

use super::end::{End, Peer};
use super::generations::Generations;
use super::status::Status;

/// Generations of disks that have never held data.
pub(crate) const BLANK: &str = "0000000000000004:0000000000000000:0000000000000000:0000000000000000";
/// Generations of two ends in sync.
pub(crate) const SAME: &str = "75E279FA9C84D38E:0000000000000000:F152E6B9D13AFAB0:0000000000000000";
/// Generations of an end that went on alone from [`SAME`].
pub(crate) const NEWER: &str = "A27A6AF82A2840C7:75E279FA9C84D38E:F152E6B9D13AFAB0:0000000000000000";
/// Generations of the other end that went on alone from [`SAME`], too.
pub(crate) const DIVERGED: &str = "191F5EB06D241FF0:75E279FA9C84D38E:89A8AC5E22815B0C:0000000000000000";

/// A status from `role disk connection peer-role peer-disk replication [more pairs]`, through the real parser.
pub(crate) fn status(words: &str) -> Status {
    let mut words = words.split_whitespace();
    let mut next = || words.next().expect("six words");
    let (role, disk, connection, peer_role, peer_disk, replication) = (next(), next(), next(), next(), next(), next());
    let mut more = words.collect::<Vec<_>>().join(" ");
    if !more.contains("out-of-sync:") {
        more += " out-of-sync:0";
    }
    let of = |name: &str| more.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix(':'));
    let (suspended, quorum) = (of("suspended").unwrap_or("no"), of("quorum").unwrap_or("yes"));
    let may = of("may_promote").map(|word| format!(" may_promote:{word}")).unwrap_or_default();
    let text = format!(
        "exists resource name:etcd0 role:{role} suspended:{suspended}{may}\n\
         exists connection name:etcd0 peer-node-id:2 conn-name:remote connection:{connection} role:{peer_role}\n\
         exists device name:etcd0 volume:0 minor:0 disk:{disk} quorum:{quorum} size:131032\n\
         exists peer-device name:etcd0 volume:0 replication:{replication} peer-disk:{peer_disk} {more}\n\
         exists -\n"
    );
    Status::parse(&text, "etcd0").expect("the words are DRBD's").expect("the resource is there")
}

/// An end; `down` for a resource that is not in the kernel. No generations if they are empty.
pub(crate) fn end(words: &str, generations: &str) -> End {
    let status = (words != "down").then(|| status(words));
    End { status, generations: Generations::parse(generations) }
}

/// The other end, which answers.
pub(crate) fn seen(words: &str, generations: &str) -> Peer {
    Peer::Seen(end(words, generations))
}

/// The other end, which does not.
pub(crate) fn unreachable() -> Peer {
    Peer::Unreachable(Text::verbatim("unreachable: no route to host"))
}
