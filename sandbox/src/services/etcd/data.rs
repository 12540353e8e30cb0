//! What an etcd member keeps on disk: who it is, and the keys. A real member's files are binary; here the database's
//! content is this data as JSON, and its size is what the world file says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A member's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Data {
    /// The cluster's id.
    pub(crate) cluster_id: u64,
    /// This member's id.
    pub(crate) member_id: u64,
    /// All members.
    pub(crate) members: Vec<MemberInfo>,
    /// The raft term.
    pub(crate) term: u64,
    /// The raft index.
    pub(crate) index: u64,
    /// The store's revision.
    pub(crate) revision: u64,
    /// The keys.
    pub(crate) keys: BTreeMap<String, Entry>,
    /// The revision that history was compacted to; 0 if it never was.
    #[serde(default)]
    pub(crate) compacted: u64,
    /// What later revisions replaced, oldest first.
    #[serde(default)]
    pub(super) past: Vec<Past>,
}

/// What a revision replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Past {
    /// The revision that replaced it.
    revision: u64,
    /// The key.
    key: String,
    /// What was there before; nothing if the key was new.
    entry: Option<Entry>,
}

/// A member of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberInfo {
    /// Its id.
    pub(crate) id: u64,
    /// Its name.
    pub(crate) name: String,
    /// Where its peers reach it.
    pub(crate) peer_url: String,
    /// Where clients reach it.
    pub(crate) client_url: String,
}

/// A key's value and versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The value.
    pub(crate) value: String,
    /// The revision that created it.
    pub(crate) created: u64,
    /// The revision that last changed it.
    pub(crate) modified: u64,
    /// How often it was written since its creation.
    pub(crate) version: u64,
}

impl Data {
    /// A new, empty member of a static cluster: ids depend on the peers' addresses and the token only, as in etcd.
    pub(crate) fn bootstrap(config: &Config) -> Option<Self> {
        let members = config.members();
        let own = members.iter().find(|member| member.name == config.name)?.id;
        let cluster_id = hash(&members.iter().map(|member| format!("{:x}", member.id)).collect::<Vec<_>>().join(","));
        let index = members.len() as u64;
        let keys = BTreeMap::new();
        let (term, revision, compacted, past) = (1, 1, 0, Vec::new());
        Some(Self { cluster_id, member_id: own, members, term, index, revision, keys, compacted, past })
    }

    /// Which cluster's data it is.
    pub(crate) fn identity(&self) -> String {
        format!("etcd cluster {:x}", self.cluster_id)
    }

    /// A digest of the keys and their values.
    pub(crate) fn keys_digest(&self) -> String {
        let mut digest = Sha256::new();
        for (key, entry) in &self.keys {
            [key.as_bytes(), &[0], entry.value.as_bytes(), &[0]].iter().for_each(|part| digest.update(part));
        }
        cutover_engine::digest::hex(&digest.finalize()[..8])
    }

    /// Writes a key.
    pub(crate) fn put(&mut self, key: &str, value: &str) {
        self.revision += 1;
        self.index += 1;
        let revision = self.revision;
        self.past.push(Past { revision, key: key.to_owned(), entry: self.keys.get(key).cloned() });
        let fresh = Entry { value: String::new(), created: revision, modified: revision, version: 0 };
        let entry = self.keys.entry(key.to_owned()).or_insert(fresh);
        entry.value = value.to_owned();
        entry.modified = revision;
        entry.version += 1;
    }

    /// Deletes a key; says whether it was there.
    pub(crate) fn remove(&mut self, key: &str) -> bool {
        let gone = self.keys.remove(key);
        self.index += 1;
        let there = gone.is_some();
        if there {
            self.revision += 1;
            self.past.push(Past { revision: self.revision, key: key.to_owned(), entry: gone });
        }
        there
    }

    /// Forgets what was before a revision because somebody asks for it.
    ///
    /// # Errors
    /// What etcd says of a revision that is still to come, or that history does not reach back to.
    pub(crate) fn compact_to(&mut self, revision: u64) -> Result<(), &'static str> {
        if revision > self.revision {
            return Err("etcdserver: mvcc: required revision is a future revision");
        }
        if revision <= self.compacted {
            return Err("etcdserver: mvcc: required revision has been compacted");
        }
        self.index += 1;
        self.compact(revision);
        Ok(())
    }

    /// Forgets what was before a revision, as the periodic compaction does.
    pub(crate) fn compact(&mut self, revision: u64) {
        self.compacted = revision.min(self.revision);
        self.past.retain(|past| past.revision > revision);
    }

    /// The keys as they were at a revision; 0 is the current one.
    ///
    /// # Errors
    /// What etcd says of a revision that it does not know.
    pub(crate) fn keys_at(&self, revision: u64) -> Result<BTreeMap<String, Entry>, &'static str> {
        if revision > self.revision {
            return Err("etcdserver: mvcc: required revision is a future revision");
        }
        if revision != 0 && revision < self.compacted {
            return Err("etcdserver: mvcc: required revision has been compacted");
        }
        let mut keys = self.keys.clone();
        for past in self.past.iter().rev().filter(|past| revision != 0 && past.revision > revision) {
            match &past.entry {
                Some(entry) => drop(keys.insert(past.key.clone(), entry.clone())),
                None => drop(keys.remove(&past.key)),
            }
        }
        Ok(keys)
    }

    /// The hash of the whole store at a revision (0 is the current one), the same on every member. As in etcd it depends
    /// on how far history was compacted.
    ///
    /// # Errors
    /// What etcd says of a revision that it does not know.
    pub(crate) fn hash_at(&self, revision: u64) -> Result<u32, &'static str> {
        let keys = self.keys_at(revision)?;
        let revision = if revision == 0 { self.revision } else { revision };
        let mut digest = Sha256::new();
        digest.update(revision.to_be_bytes());
        digest.update(self.compacted.to_be_bytes());
        for (key, entry) in &keys {
            digest.update(key.as_bytes());
            digest.update(entry.value.as_bytes());
            [entry.created, entry.modified, entry.version]
                .iter()
                .for_each(|number| digest.update(number.to_be_bytes()));
        }
        Ok(digest.finalize().iter().take(4).fold(0, |hash, byte| hash << 8 | u32::from(*byte)))
    }
}

/// How a member is started: its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// `ETCD_NAME`.
    pub(crate) name: String,
    /// `ETCD_INITIAL_CLUSTER`.
    pub(crate) initial_cluster: String,
    /// `ETCD_INITIAL_CLUSTER_TOKEN`.
    pub(crate) token: String,
    /// The data directory as the container sees it.
    pub(crate) data_dir: String,
}

impl Config {
    /// Reads an environment; `None` if it is not that of an etcd member of a static cluster.
    pub(crate) fn of_env(env: &BTreeMap<String, String>) -> Option<Self> {
        let text = |name: &str| env.get(name).cloned();
        Some(Self {
            name: text("ETCD_NAME")?,
            initial_cluster: text("ETCD_INITIAL_CLUSTER")?,
            token: text("ETCD_INITIAL_CLUSTER_TOKEN").unwrap_or_else(|| "etcd-cluster".to_owned()),
            data_dir: text("ETCD_DATA_DIR").unwrap_or_else(|| "default.etcd".to_owned()),
        })
    }

    /// The members that the initial cluster names.
    pub(crate) fn members(&self) -> Vec<MemberInfo> {
        let pairs = self.initial_cluster.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs
            .map(|(name, peer_url)| MemberInfo {
                id: hash(&format!("{peer_url}{}", self.token)),
                name: name.to_owned(),
                peer_url: peer_url.to_owned(),
                client_url: peer_url.replace(":2380", ":2379"),
            })
            .collect()
    }
}

fn hash(text: &str) -> u64 {
    Sha256::digest(text).iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}
