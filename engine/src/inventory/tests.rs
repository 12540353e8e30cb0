//! Bad inventories: each fault with its place.

use std::path::Path;

use insta::assert_snapshot;

use super::*;

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, source: &SecretSource) -> Result<String, String> {
        match source {
            SecretSource::Env(name) if name == "GOOD" => Ok("hunter2".to_owned()),
            other => Err(format!("{other:?} is not there")),
        }
    }
}

const GOOD: &str = include_str!("../../../inventories/example.yml");

fn faults(text: &str) -> String {
    let read = |_: &Path| Ok(text.to_owned());
    load(Path::new("i.yml"), &read, &NoSecrets)
        .map(|_| "no fault".to_owned())
        .unwrap_or_else(|faults| faults.to_string())
}

#[test]
fn the_example_is_the_manuals_table() {
    let read = |_: &Path| Ok(GOOD.to_owned());
    let inventory = load(Path::new("i.yml"), &read, &NoSecrets).expect("a good inventory");
    let pair = &inventory.pairs[1];
    let (own, peer) = (&pair.members["primary"], &pair.members["standby"]);
    assert_eq!((own.address.as_str(), own.port, own.node_id), ("172.16.1.2", 7790, 1));
    assert_eq!((peer.address.as_str(), peer.hostname.as_str(), peer.node_id), ("172.16.2.2", "worker02", 2));
    assert_eq!((inventory.active().name.as_str(), inventory.peer_of("primary").name.as_str()), ("primary", "standby"));
}

#[test]
fn every_collision_is_a_fault_with_its_place() {
    let cases = [
        GOOD.replace("standby: {node: worker01, node_id: 2}", "standby: {node: worker01, node_id: 1}"),
        GOOD.replace("standby: {node: worker02, node_id: 2}", "standby: {node: worker2, node_id: 2}"),
        GOOD.replace("primary: {node: worker02, node_id: 1}", "primary: {node: worker01, node_id: 1}"),
        GOOD.replace("passive: standby", "passive: stanby"),
        GOOD.replace("passive: standby", "passive: primary"),
        GOOD.replace("172.16.1.5", "172.16.1.4"),
        GOOD.replace("resource: etcd1", "resource: etcd0"),
        GOOD.replace("node: worker03, node_id: 1", "node: worker03, node_id: 17"),
        GOOD.replace("      standby: {node: worker03, node_id: 2}\n", ""),
        GOOD.replace("roles:", "secrets: {password: {env: MISSING}}\nroles:"),
        GOOD.replace("roles:", "rolls: {}\nroles:"),
        GOOD.replacen("user: root", "user: root, password: pasword", 1)
            .replace("roles:", "secrets: {password: {env: GOOD}}\nroles:"),
    ];
    let all: Vec<String> = cases.iter().map(|text| faults(text)).collect();
    assert_snapshot!(all.join("\n---\n"), @r##"
    i.yml:35:42: `primary` and `standby` have the same node_id 1
    ---
    i.yml:42:23: site `standby` has no node `worker2`
    ---
    i.yml:37:11: `etcd0` and `etcd1` both use port 7790 on primary/worker01
    i.yml:38:13: `etcd0` and `etcd1` both use device /dev/drbd0 on primary/worker01
    i.yml:39:11: `etcd0` and `etcd1` both use disk /dev/sdc on primary/worker01
    ---
    i.yml:25:35: role `passive` names the site `stanby`, which does not exist
    ---
    i.yml:25:35: `primary` cannot be active and passive at once
    ---
    i.yml:12:27: `worker05` and `worker04` have the same address 172.16.1.4
    ---
    i.yml:36:15: pairs 0 and 1 have the same resource `etcd0`
    ---
    i.yml:48:42: node_id 17 is out of range
    ---
    i.yml:48:7: pair `etcd2` has no member on `standby`
    ---
    i.yml:25:21: secret `password`: Env("MISSING") is not there
    ---
    i.yml:25:1: unknown key `rolls` in an inventory
    ---
    i.yml:6:33: `password` is the name of a secret, and no secret is named `pasword`
    "##);
}

#[test]
fn what_cannot_be_meant_is_a_fault() {
    let with = |from: &str, to: &str| GOOD.replacen(from, to, 1);
    let disk = |disk: &str| with("disk: /dev/sdc", &format!("disk: {disk}"));
    let device = |device: &str| with("device: /dev/drbd0", &format!("device: {device}"));
    let cases = [
        with("resource: etcd0", "resource: all"),
        with("port: 7790", "port: 0"),
        device("/dev/"),
        device("/dev/drbd"),
        device("/dev/drbd_etcd"),
        device("/dev/drbd/by-res/etcd0/0"),
        device("/dev/drbd01"),
        device("/dev/drbd1048576"),
        disk("/dev/"),
        disk("/dev/../etc/passwd"),
        disk("/dev/sd c"),
        disk("/dev/drbd1"),
        disk("\"\""),
        with("address: 172.16.2.1", "address: 172.16.1.1"),
        with("address: 172.16.2.1", "address: 172.16.1.6"),
        with("address: 172.16.2.1", "address: \"::ffff:172.16.1.1\""),
        with("address: 172.16.2.6", "address: \"\""),
        with("address: 172.16.2.6", "address: \"172.16.2.6:22\""),
        with("address: 172.16.2.6", "address: root@w6"),
        with("address: 172.16.2.6", "address: 0.0.0.0"),
        with("{address: 172.16.2.6}", "{address: 172.16.2.6, hostname: \"\"}"),
        with("{node: worker01, node_id: 2}", "{node: worker01, node_id: 2, address: 172.16.1.1}"),
        with("{node: worker02, node_id: 1}", "{node: worker02, node_id: 1, address: 172.16.1.1, port: 7791}"),
        with("{node: worker02, node_id: 1}", "{node: worker02, node_id: 1, address: 239.0.0.1}"),
        GOOD.replace("context: primary", "context: primary, uid: a-b")
            .replace("context: standby", "context: standby, uid: a-b"),
    ];
    let all: Vec<String> = cases.iter().map(|text| faults(text)).collect();
    assert_snapshot!(all.join("\n---\n"));
}

#[test]
fn one_address_may_be_two_hosts() {
    let twice = GOOD.replace("172.16.2.6", "172.16.1.6");
    assert!(faults(&twice).contains("are one host"), "{}", faults(&twice));
    let jump = twice.replacen("user: root", "user: root, jump: gate@bastion", 1);
    let port = twice.replacen("port: 6233", "port: 22", 1);
    let local = twice.replace("    ssh: {", "    connection: local\n    ssh: {");
    for text in [jump, port, local] {
        assert_eq!(faults(&text), "no fault", "{text}");
    }
}

#[test]
fn secrets_become_variables_whose_values_are_known_to_be_secret() {
    let text = GOOD.replace("roles:", "secrets: {password: {env: GOOD}}\nroles:");
    let inventory = load(Path::new("i.yml"), &move |_: &Path| Ok(text.clone()), &NoSecrets).expect("an inventory");
    assert_eq!(inventory.vars["password"], "hunter2");
    assert_eq!(inventory.secrets.iter().collect::<Vec<_>>(), [("password", "hunter2")]);
    assert!(!format!("{inventory:?}").contains("hunter2"), "{inventory:?}");
}
