//! DRBD 8.4: other grammar, other words, the same life.

use super::{P, Pair, S};

#[tokio::test(start_paused = true)]
async fn eight_answers_as_the_lab_saw_it() {
    let pair = Pair::new("8.4.11");
    let version = pair.ask(P, "drbdadm --version").await;
    assert!(
        version.contains("DRBDADM_API_VERSION=1\nDRBD_KERNEL_VERSION_CODE=0x08040b\nDRBDADM_VERSION_CODE=0x091600\n"),
        "{version}"
    );
    for site in [P, S] {
        assert_eq!(
            pair.ask(site, "drbdadm create-md etcd0").await,
            "initializing activity log\nWriting meta data...\nNew drbd meta data block successfully created.\n"
        );
    }
    assert!(
        pair.refused(P, "drbdadm attach etcd0").await.starts_with("0: Failure: (127) Device minor not allocated\n")
    );
    pair.all_well(P, &["drbdadm up etcd0"]).await;
    assert!(pair.refused(P, "drbdadm attach etcd0").await.starts_with("Device '0' is configured!\n"));
    assert_eq!(pair.ask(P, "drbdadm cstate etcd0").await, "WFConnection\n");
    assert_eq!(pair.ask(P, "drbdadm role etcd0").await, "Secondary/Unknown\n");
    assert_eq!(
        pair.ask(P, "drbdsetup events2 --now --statistics").await,
        "exists resource name:etcd0 role:Secondary suspended:no write-ordering:flush
exists connection name:etcd0 peer-node-id:0 conn-name:peer connection:Connecting role:Unknown congested:no
exists device name:etcd0 volume:0 minor:0 disk:Inconsistent size:131032 read:0 written:0 al-writes:0 bm-writes:0 upper-pending:0 lower-pending:0 al-suspended:yes blocked:no
exists peer-device name:etcd0 peer-node-id:0 conn-name:peer volume:0 replication:Off peer-disk:DUnknown resync-suspended:no received:0 sent:0 out-of-sync:131032 pending:0 unacked:0
exists -
"
    );
    let json = pair.refused(P, "drbdsetup status --json").await;
    assert!(
        json.starts_with("status: unrecognized option '--json'\n\nUSAGE: ") && json.ends_with("[exit code 20]"),
        "{json}"
    );
    pair.all_well(S, &["drbdadm up etcd0"]).await;
    pair.wait(2).await;
    let refused = pair.refused(P, "drbdadm primary etcd0").await;
    assert!(
        refused.starts_with("0: State change failed: (-2) Need access to UpToDate data\n")
            && refused.ends_with("[exit code 17]"),
        "{refused}"
    );
    pair.all_well(P, &["drbdadm primary --force etcd0"]).await;
    pair.wait(1).await;
    let status = pair.ask(P, "drbdadm status etcd0").await;
    let expected = "etcd0 role:Primary\n  disk:UpToDate\n  peer role:Secondary\n    replication:SyncSource peer-disk:Inconsistent done:";
    assert!(status.starts_with(expected), "{status}");
    pair.wait(10).await;
    let refused = pair.refused(S, "drbdadm primary etcd0").await;
    assert!(
        refused.starts_with("0: State change failed: (-1) Multiple primaries not allowed by config\n"),
        "{refused}"
    );
    pair.all_well(P, &["mkfs.ext4 -q /dev/drbd0", "mount /dev/drbd0 /mnt"]).await;
    let refused = pair.refused(P, "drbdadm secondary etcd0").await;
    assert_eq!(
        refused,
        "0: State change failed: (-12) Device is held open by someone\nCommand 'drbdsetup-84 secondary 0' terminated with exit code 11\n[exit code 11]"
    );
    assert!(pair.ask(P, "blkid -p -o export /dev/vdb").await.contains("VERSION=v08\n"));
    let generations = pair.ask(P, "drbdadm get-gi etcd0").await;
    assert!(generations.ends_with(":1:1:1:1:0:0:0\n"), "{generations}");
}

#[tokio::test(start_paused = true)]
async fn nine_says_which_kernel_runs() {
    let version = Pair::new("9.2.14").ask(P, "drbdadm --version").await;
    let expected = "DRBDADM_API_VERSION=2\nDRBD_KERNEL_VERSION_CODE=0x09020e\nDRBD_KERNEL_VERSION=9.2.14\nDRBDADM_VERSION_CODE=0x091600\nDRBDADM_VERSION=9.22.0\n";
    assert!(version.ends_with(expected), "{version}");
}
