//! What etcdctl prints with `-w json`, read leniently: fields that are zero, false or empty are left out, and versions differ
//! in which fields there are. Ids are numbers there and hexadecimal everywhere else, also here.

use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Header {
    cluster_id: u64,
    member_id: u64,
    revision: u64,
}

/// What one endpoint says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Endpoint {
    /// Its URL.
    pub(super) url: String,
    /// The cluster's id.
    pub(super) cluster_id: String,
    /// The member's id.
    pub(super) member_id: String,
    /// The store's revision.
    pub(super) revision: u64,
    /// The leader's id, if it knows one.
    pub(super) leader: Option<String>,
    /// The raft term.
    pub(super) term: u64,
    /// etcd's version.
    pub(super) version: String,
    /// The size of its database, in bytes.
    pub(super) db_size: u64,
}

/// Reads `endpoint status`.
pub(super) fn endpoints(text: &str) -> Result<Vec<Endpoint>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Item {
        #[serde(rename = "Endpoint")]
        url: String,
        #[serde(rename = "Status")]
        status: Status,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Status {
        header: Header,
        version: String,
        db_size: u64,
        leader: u64,
        raft_term: u64,
    }
    let endpoint = |Item { url, status }: Item| Endpoint {
        url,
        cluster_id: hex(status.header.cluster_id),
        member_id: hex(status.header.member_id),
        revision: status.header.revision,
        leader: (status.leader != 0).then(|| hex(status.leader)),
        term: status.raft_term,
        version: status.version,
        db_size: status.db_size,
    };
    Ok(serde_json::from_str::<Vec<Item>>(text)?.into_iter().map(endpoint).collect())
}

/// The hash of one endpoint's store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Hash {
    /// Its URL.
    pub(super) url: String,
    /// The revision the store has: not always the one that was hashed.
    pub(super) revision: u64,
    /// The hash.
    pub(super) hash: u64,
    /// The revision that history was compacted to; -1 if it never was.
    pub(super) compact_revision: i64,
}

/// Reads `endpoint hashkv`.
pub(super) fn hashes(text: &str) -> Result<Vec<Hash>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Item {
        #[serde(rename = "Endpoint")]
        url: String,
        #[serde(rename = "HashKV")]
        answer: Answer,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        header: Header,
        hash: u64,
        compact_revision: i64,
    }
    let hash = |Item { url, answer }: Item| Hash {
        url,
        revision: answer.header.revision,
        hash: answer.hash,
        compact_revision: answer.compact_revision,
    };
    Ok(serde_json::from_str::<Vec<Item>>(text)?.into_iter().map(hash).collect())
}

/// A member, as the cluster lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Member {
    /// Its id.
    pub(super) id: String,
    /// Its name; empty if it never started.
    pub(super) name: String,
    /// Where clients reach it.
    pub(super) urls: Vec<String>,
}

/// Reads `member list`.
pub(super) fn members(text: &str) -> Result<Vec<Member>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        members: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        #[serde(rename = "ID")]
        id: u64,
        #[serde(default)]
        name: String,
        #[serde(rename = "clientURLs", default)]
        urls: Vec<String>,
    }
    let member = |Item { id, name, urls }: Item| Member { id: hex(id), name, urls };
    Ok(serde_json::from_str::<Answer>(text)?.members.into_iter().map(member).collect())
}

/// Reads `alarm list`: `CORRUPT on 628170c800dbcee`.
pub(super) fn alarms(text: &str) -> Result<Vec<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        alarms: Vec<Item>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Item {
        #[serde(rename = "memberID")]
        member: u64,
        alarm: u64,
    }
    let name = |alarm: u64| match alarm {
        1 => "NOSPACE".to_owned(),
        2 => "CORRUPT".to_owned(),
        other => format!("alarm {other}"),
    };
    let alarm = |item: Item| format!("{} on {}", name(item.alarm), hex(item.member));
    Ok(serde_json::from_str::<Answer>(text)?.alarms.into_iter().map(alarm).collect())
}

/// Reads the count of `get`.
pub(super) fn count(text: &str) -> Result<u64, serde_json::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        count: u64,
    }
    Ok(serde_json::from_str::<Answer>(text)?.count)
}

fn hex(id: u64) -> String {
    format!("{id:x}")
}
