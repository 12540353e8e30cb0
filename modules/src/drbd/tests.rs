//! What the three modules ask of a node and of its peer, and what they make of answers that real tools gave.

use cutover_engine::failure::FailureClass;
use cutover_engine::module::{AnyModule, Context};
use cutover_engine::world::TransportFault;
use serde_json::json;

use crate::support::drbd::script::Script;
use crate::testing::show;

/// Asks a module, and returns what it sent and what it decided.
async fn ask(module: &dyn AnyModule, params: serde_json::Value, script: Script) -> String {
    let cx: Context = script.context();
    let bound = module.bind(params).expect("the parameters are right");
    let answer = match bound.look(&cx).await {
        Ok(probed) => format!("{}state: {}\n", show(&probed.diff), probed.state),
        Err(failure) => format!("{:?}: {failure}\n", failure.class),
    };
    cx.trace().into_iter().map(|line| line + "\n").collect::<String>() + &answer
}

/// The answers to `drbdsetup events2` and `drbdadm get-gi`.
fn end(events: &str, generations: &str) -> String {
    format!(
        "$ drbdsetup events2 --now --statistics etcd0\n{events}\n[rc=0]\n\
         $ drbdadm get-gi etcd0\n{generations}:1:1:1:1:0:0:0:0:0:0:0:1\n[rc=0]\n"
    )
}

/// The survivor of the record, after the peer was killed.
fn survivor() -> String {
    let events = "exists resource name:etcd0 role:Secondary suspended:no may_promote:yes promotion_score:10101\n\
                  exists connection name:etcd0 peer-node-id:1 conn-name:remote_172.16.1.1 connection:Connecting role:Unknown\n\
                  exists device name:etcd0 volume:0 minor:0 backing_dev:/dev/vdb disk:UpToDate client:no quorum:yes\n\
                  exists peer-device name:etcd0 peer-node-id:1 conn-name:remote_172.16.1.1 volume:0 replication:Off peer-disk:DUnknown\n\
                  exists -";
    end(events, crate::support::drbd::testing::NEWER)
}

/// A node where DRBD is installed and nothing was done yet, in the words of the real tools.
const FRESH: &str = "$ drbdadm --version
DRBDADM_API_VERSION=2
DRBD_KERNEL_VERSION_CODE=0x09020e
DRBD_KERNEL_VERSION=9.2.14
DRBDADM_VERSION_CODE=0x091600
DRBDADM_VERSION=9.22.0
[rc=0]
$ hostname
worker01
[rc=0]
$ cat /etc/drbd.d/cke_etcd0.res
cat: /etc/drbd.d/cke_etcd0.res: No such file or directory
[rc=1]
$ drbdadm dump etcd0
'etcd0' not defined in your config (for this host).
[rc=1]
$ drbdadm -c - sh-nop
[rc=0]
$ readlink -f /dev/sdc
/dev/sdc
[rc=0]
$ blockdev --getsize64 /dev/sdc
21474836480
[rc=0]
$ blkid -p -o export /dev/sdc
[rc=2]
$ wipefs -n /dev/sdc
[rc=0]
$ cmp -s -n 69632 /dev/zero /dev/sdc
[rc=0]
$ drbdadm get-gi etcd0
'etcd0' not defined in your config (for this host).
[rc=1]
$ drbdsetup events2 --now
exists -
[rc=0]
";

const UNKNOWN: &str = "$ drbdsetup events2 --now --statistics etcd0
# No currently configured DRBD found.
[rc=10]
";

#[tokio::test]
async fn a_fresh_node_is_looked_at_before_it_is_changed() {
    let module = &super::drbd_resource::DrbdResource;
    let peer = "$ blockdev --getsize64 /dev/sdc\n21474836480\n[rc=0]\n";
    let script = || Script::default().at("primary/worker01", FRESH).at("primary/worker01", UNKNOWN);
    let met = ask(module, json!({"create_metadata": true}), script().at("standby/worker01", peer)).await;
    insta::assert_snapshot!(met);
    // What the peer's disk is like is not known then; it is not a reason against this end.
    let fault = TransportFault::Unreachable("no route to host".into());
    let alone = ask(module, json!({"create_metadata": true}), script().fault("standby/worker01", fault)).await;
    assert!(alone.contains("drbdadm create-md etcd0") && alone.contains("\"peer_bytes\":null"), "{alone}");
}

#[tokio::test]
async fn a_module_that_is_not_loaded_has_no_resource() {
    let unloaded = "$ drbdsetup events2 --now --statistics etcd0\nFailed to modprobe drbd (No such file or directory)\n[rc=20]\n\
                    $ drbdsetup events2 --now\nFailed to modprobe drbd (No such file or directory)\n[rc=20]\n";
    let script = Script::default().at("primary/worker01", FRESH).at("primary/worker01", unloaded);
    let shown = ask(&super::drbd_resource::DrbdResource, json!({}), script).await;
    assert!(shown.contains("has no DRBD metadata for etcd0"), "{shown}");
    let broken = "$ drbdsetup events2 --now --statistics etcd0\nsomething else\n[rc=20]\n";
    let script = Script::default().at("primary/worker01", broken);
    let shown = ask(&super::drbd_sync::DrbdSync, json!({}), script).await;
    assert!(shown.contains("Failed: `drbdsetup events2 --now --statistics etcd0` ended with exit code 20"), "{shown}");
}

#[tokio::test]
async fn a_peer_that_does_not_answer_is_a_finding_and_no_failure() {
    let faults = [
        TransportFault::Unreachable("no route to host".into()),
        TransportFault::TimedOut("no answer in 10s".into()),
        TransportFault::Lost("broken pipe".into()),
    ];
    for fault in faults {
        let script = || Script::default().at("primary/worker01", &survivor()).fault("standby/worker01", fault.clone());
        let role = ask(&super::drbd_role::DrbdRole, json!({"role": "primary"}), script()).await;
        let words = fault.to_string();
        assert!(role.contains("cannot be asked whether it is still Primary") && role.contains(&words), "{role}");
        let fenced = json!({"role": "primary", "fenced": "J. Doe: power is off"});
        let role = ask(&super::drbd_role::DrbdRole, fenced, script()).await;
        assert!(
            role.contains("primary/worker01$ drbdadm primary etcd0") && role.contains("J. Doe: power is off"),
            "{role}"
        );
        let sync = ask(&super::drbd_sync::DrbdSync, json!({"until": "connected"}), script()).await;
        assert!(sync.contains("waiting: etcd0 on primary/worker01 is Connecting") && sync.contains(&words), "{sync}");
    }
    let stopped =
        Script::default().at("primary/worker01", &survivor()).fault("standby/worker01", TransportFault::Cancelled);
    let cx = stopped.context();
    let bound = AnyModule::bind(&super::drbd_role::DrbdRole, json!({"role": "primary"})).unwrap();
    assert_eq!(bound.look(&cx).await.err().map(|failure| failure.class), Some(FailureClass::Stopped));
}

#[tokio::test]
async fn a_peer_that_is_up_again_and_diverged_is_a_split_brain() {
    let events = "exists resource name:etcd0 role:Secondary suspended:no\n\
                  exists connection name:etcd0 peer-node-id:2 conn-name:remote_172.16.2.1 connection:StandAlone role:Unknown\n\
                  exists device name:etcd0 volume:0 minor:0 disk:UpToDate size:131032\n\
                  exists -";
    let script = Script::default()
        .at("primary/worker01", &survivor())
        .at("standby/worker01", &end(events, crate::support::drbd::testing::DIVERGED));
    let role = ask(&super::drbd_role::DrbdRole, json!({"role": "primary"}), script.clone()).await;
    assert!(role.contains("split brain suspected: both ends have changed"), "{role}");
    let sync = ask(&super::drbd_sync::DrbdSync, json!({}), script).await;
    assert!(sync.contains("split brain suspected: both ends have changed"), "{sync}");
}

#[tokio::test]
async fn the_first_promotion_looks_at_both_disks() {
    let met = "exists resource name:etcd0 role:Secondary suspended:no\n\
               exists connection name:etcd0 peer-node-id:2 conn-name:x connection:Connected role:Secondary\n\
               exists device name:etcd0 volume:0 minor:0 disk:Inconsistent size:131032\n\
               exists peer-device name:etcd0 peer-node-id:2 conn-name:x volume:0 replication:Established peer-disk:Inconsistent\n\
               exists -";
    // As the real wipefs lists a disk with just created metadata.
    let wipefs = "$ wipefs -n /dev/sdc\nDEVICE OFFSET    TYPE UUID            LABEL\nsdc    0x3fff03c drbd a6c01d1904ce9f1 \n[rc=0]\n";
    let end = end(met, crate::support::drbd::testing::BLANK) + wipefs;
    let script = Script::default().at("primary/worker01", &end).at("standby/worker01", &end);
    let first = json!({"role": "primary", "initial": true});
    let shown = ask(&super::drbd_role::DrbdRole, first.clone(), script.clone()).await;
    insta::assert_snapshot!(shown);
    let data = "$ wipefs -n /dev/sdc\nDEVICE OFFSET    TYPE UUID            LABEL\nsdc    0x438 ext4 51ee\nsdc    0x3fff03c drbd a6c0 \n[rc=0]\n";
    let shown = ask(&super::drbd_role::DrbdRole, first, script.at("standby/worker01", data)).await;
    assert!(
        shown.contains("blocked: /dev/sdc on standby/worker01 carries something beside DRBD's metadata"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_demotion_asks_who_holds_the_device_and_leaves_the_peer_alone() {
    let leads = "exists resource name:etcd0 role:Primary suspended:no\n\
                 exists connection name:etcd0 peer-node-id:2 conn-name:x connection:Connected role:Secondary\n\
                 exists device name:etcd0 volume:0 minor:0 disk:UpToDate size:131032\n\
                 exists peer-device name:etcd0 peer-node-id:2 conn-name:x volume:0 replication:Established peer-disk:UpToDate\n\
                 exists -";
    let mounts = "$ readlink -f /dev/drbd0\n/dev/drbd0\n[rc=0]\n\
                  $ findmnt -P -o TARGET,SOURCE,FSTYPE,OPTIONS\n\
                  TARGET=\"/\" SOURCE=\"/dev/sda1\" FSTYPE=\"ext4\" OPTIONS=\"rw\"\n\
                  TARGET=\"/mnt/x\" SOURCE=\"/dev/drbd0\" FSTYPE=\"ext4\" OPTIONS=\"rw,relatime\"\n[rc=0]\n\
                  $ cutover-holders /mnt/x\n409\tetcd\topen\t/mnt/x/member/snap/db\n[rc=0]\n";
    let script = Script::default().at("primary/worker01", &(end(leads, crate::support::drbd::testing::SAME) + mounts));
    let shown = ask(&super::drbd_role::DrbdRole, json!({"role": "secondary"}), script).await;
    insta::assert_snapshot!(shown);
}
