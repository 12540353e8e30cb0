//! What must never change: the keys and the identity of the etcd cluster, and the files of the volumes. Read by the tests
//! themselves, not by the modules that are under test.

use std::collections::BTreeMap;

use base64::Engine as _;
use cutover_engine::world::{Command, Place};
use serde_json::Value;

use crate::support::stage::Stage;

/// Names the workload.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) namespace: String,
    pub(crate) set: String,
    pub(crate) replicas: usize,
}

impl Default for Workload {
    fn default() -> Self {
        Self { namespace: "common".to_owned(), set: "common-etcd-etcd".to_owned(), replicas: 3 }
    }
}

/// The data of an etcd cluster.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Truth {
    cluster: Value,
    /// Id and name of every member.
    members: Vec<(Value, Value)>,
    /// Keys and values, without the key that the cutover writes itself.
    keys: BTreeMap<String, String>,
}

impl Truth {
    /// The same after one more write was acknowledged.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.keys.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The keys of another one that this one does not have, or not with their values.
    pub(crate) fn lacks(&self, other: &Self) -> Vec<String> {
        other
            .keys
            .iter()
            .filter(|(key, value)| self.keys.get(*key) != Some(*value))
            .map(|(key, _)| key.clone())
            .collect()
    }
}

impl Workload {
    fn pod(&self, site: &str, ordinal: usize) -> Place {
        let pod = format!("{}-{ordinal}", self.set);
        Place::Pod { site: site.to_owned(), namespace: self.namespace.clone(), pod, container: None }
    }

    async fn etcdctl(&self, stage: &Stage, site: &str, ordinal: usize, line: &str) -> Result<Value, String> {
        let words = line.split(' ').map(|word| if word == "''" { "" } else { word });
        let (pod, command) = (self.pod(site, ordinal), Command::new(words));
        let output = stage.try_exec(&pod, &command).await.map_err(|why| format!("{site}: {line}: {why:?}"))?;
        if !output.success() {
            return Err(format!("{site}: {line}: {output:?}"));
        }
        serde_json::from_str(&output.stdout).map_err(|error| format!("{line}: {error}"))
    }

    /// Reads the truth of a running cluster; all its members must agree on it.
    pub(crate) async fn truth(&self, stage: &Stage, site: &str) -> Truth {
        self.read(stage, site).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same, or why there is none.
    pub(crate) async fn read(&self, stage: &Stage, site: &str) -> Result<Truth, String> {
        let hashes = self.etcdctl(stage, site, 0, "etcdctl endpoint hashkv --cluster -w json").await?;
        let hashes: Vec<&Value> = hashes.as_array().into_iter().flatten().map(|one| &one["HashKV"]["hash"]).collect();
        if hashes.len() != self.replicas || !hashes.iter().all(|hash| *hash == hashes[0] && hash.is_number()) {
            return Err(format!("members differ: {hashes:?}"));
        }
        let members = self.etcdctl(stage, site, 0, "etcdctl member list -w json").await?;
        let range = self.etcdctl(stage, site, 0, "etcdctl get '' --prefix -w json").await?;
        let text = |value: &Value| {
            let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap_or_default());
            String::from_utf8(bytes.expect("base64")).expect("text")
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let pairs = list(&range["kvs"]).into_iter().map(|kv| (text(&kv["key"]), text(&kv["value"])));
        let keys = pairs.filter(|(key, _)| key.starts_with('/')).collect();
        let member = |member: &Value| (member["ID"].clone(), member["name"].clone());
        let members_list = list(&members["members"]).iter().map(member).collect();
        Ok(Truth { cluster: members["header"]["cluster_id"].clone(), members: members_list, keys })
    }

    /// Asserts that the service is up on a site with that truth.
    pub(crate) async fn serves(&self, stage: &Stage, site: &str, truth: &Truth) {
        let path = format!("/apis/apps/v1/namespaces/{}/statefulsets/{}", self.namespace, self.set);
        let set = stage.api(site, "GET", &path, None).await;
        assert_eq!(set["spec"]["replicas"], self.replicas, "{site}");
        assert_eq!(set["status"]["readyReplicas"], self.replicas, "{site}: {}", set["status"]);
        assert_eq!(self.truth(stage, site).await, *truth);
    }

    /// The volume and the node of every replica: `(volume, node, directory)`, by ordinal.
    pub(crate) async fn volumes(&self, stage: &Stage, site: &str) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        for ordinal in 0..self.replicas {
            let pod = format!("/api/v1/namespaces/{}/pods/{}-{ordinal}", self.namespace, self.set);
            let pod = stage.api(site, "GET", &pod, None).await;
            let claim =
                format!("/api/v1/namespaces/{}/persistentvolumeclaims/data-{}-{ordinal}", self.namespace, self.set);
            let claim = stage.api(site, "GET", &claim, None).await;
            let name = claim["spec"]["volumeName"].as_str().expect("a bound claim").to_owned();
            let volume = stage.api(site, "GET", &format!("/api/v1/persistentvolumes/{name}"), None).await;
            assert_eq!(volume["status"]["phase"], "Bound", "{name}");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            found.push((name, text(&pod["spec"]["nodeName"]), text(&volume["spec"]["hostPath"]["path"])));
        }
        found
    }
}

/// Everything about the files of a tree by path, its inode numbers aside: what the node's own tools say.
pub(crate) async fn files(stage: &Stage, site: &str, node: &str, path: &str) -> BTreeMap<String, String> {
    let command = Command::script("cutover-manifest", "", [path, "lost+found"]);
    let output = stage.exec(&Place::node(site, node), &command).await;
    assert!(output.success(), "{node}: {path}: {output:?}");
    let raw = base64::engine::general_purpose::STANDARD.decode(output.stdout.trim()).expect("base64");
    let text = String::from_utf8(raw).expect("text");
    let mut parts = text.split('\0').skip(1);
    let mut found = BTreeMap::new();
    let mut hard: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let head = parts.next().expect("a head");
        if head == "hashes" {
            break;
        }
        let (name, link) = (parts.next().expect("a name"), parts.next().expect("a link"));
        // Type, mode, owner, group, size, time, inode, blocks.
        let words: Vec<&str> = head.split(' ').collect();
        let first = hard.entry(words[6].to_owned()).or_insert_with(|| name.to_owned()).clone();
        let line = format!("{} {} -> {link}; same as {first}", words[..6].join(" "), words[7]);
        found.insert(name.to_owned(), line);
    }
    for line in parts.next().expect("hashes").lines() {
        let (hash, name) = line.split_once(" *./").expect("a hash");
        *found.get_mut(name).expect("a file") += hash;
    }
    let mut large = parts.by_ref().take_while(|part| *part != "attributes");
    while let Some(hash) = large.next().filter(|hash| !hash.is_empty()) {
        let name = large.next().expect("a name").trim_start_matches("./");
        *found.get_mut(name).expect("a file") += hash;
    }
    for block in parts.next().expect("attributes").split("# file: ").skip(1) {
        let (name, attributes) = block.split_once('\n').expect("lines");
        let name = if name == "." { "" } else { name };
        *found.get_mut(name).expect("a file") += attributes;
    }
    found
}
