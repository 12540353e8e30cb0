//! Every `events2` answer in the records of real DRBD 9.2.14 and 8.4.11.

use super::*;

/// The answers of `drbdsetup events2` in a record, each with its command.
fn answers(record: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = record;
    while let Some((_, tail)) = rest.split_once("$ drbdsetup events2 ") {
        let (command, tail) = tail.split_once('\n').unwrap();
        let (answer, tail) = tail.split_once("[rc=").unwrap();
        found.push((command.to_owned(), answer.to_owned()));
        rest = tail;
    }
    found
}

#[test]
fn every_recorded_answer_is_read() {
    let nine = answers(include_str!("../fixtures/drbd-9.2.14.txt"));
    let eight = answers(include_str!("../fixtures/drbd-8.4.11.txt"));
    assert_eq!((nine.len(), eight.len()), (6, 6));
    let shown = nine.iter().map(|answer| ("9", answer)).chain(eight.iter().map(|answer| ("8.4", answer)));
    let shown = shown.map(|(generation, (command, answer))| {
        let status = Status::parse(answer, "etcd0").unwrap();
        let text = status.map_or("not in the kernel".to_owned(), |status| serde_json::to_string(&status).unwrap());
        format!("{generation}: {command}\n  {text}\n")
    });
    insta::assert_snapshot!(shown.collect::<String>());
}

#[test]
fn what_a_later_record_has_is_read_too() {
    let answers = answers(include_str!("../fixtures/drbd-9.2.18.txt"));
    let read = answers.iter().map(|(_, answer)| Status::parse(answer, "etcd0").unwrap().unwrap()).collect::<Vec<_>>();
    assert_eq!(read.len(), 14);
    let diskless = read.iter().find(|status| status.disk == DiskState::Diskless).unwrap();
    assert_eq!((diskless.role, diskless.attached(), &diskless.backing), (Role::Primary, false, &None));
    assert_eq!(diskless.size_kib, Some(131_032), "of the peer's disk");
    let left = read.iter().find(|status| status.disk == DiskState::Outdated).unwrap();
    assert_eq!((left.role, left.may_promote, left.quorum), (Role::Secondary, Some(false), Some(true)));
    let source = read.iter().find(|status| status.replication == ReplicationState::SyncSource).unwrap();
    assert_eq!((source.peer_role, source.peer_disk), (Role::Primary, DiskState::Inconsistent));
    assert_eq!(read[0].backing.as_deref(), Some("/dev/disk/by-id/virtio-primary-worker01"));
    assert!(read.iter().any(|status| status.may_promote == Some(true)));
}

#[test]
fn other_resources_are_passed_over() {
    let text = "exists resource name:redis0 role:Napping suspended:no\nexists -\n";
    assert_eq!(Status::parse(text, "etcd0"), Ok(None));
    assert_eq!(Status::parse("", "etcd0"), Ok(None));
}

#[test]
fn what_is_not_understood_is_named() {
    let resource = "exists resource name:etcd0 role:Secondary\n";
    let device = "exists device name:etcd0 volume:0 minor:0 disk:UpToDate\n";
    let cases = [
        ("exists resource name:etcd0 role:Napping\n".to_owned(), "`Napping` is not a role"),
        ("exists resource name:etcd0 suspended:no\n".to_owned(), "has no `role`"),
        (device.to_owned(), "comes before its resource"),
        (format!("{resource}exists device name:etcd0 disk:Sleepy\n"), "`Sleepy` is not a disk state"),
    ];
    for (text, words) in cases {
        let Err(Unread::Unclear(error)) = Status::parse(&text, "etcd0") else { panic!("{text} is understood") };
        assert!(error.contains(words), "{error}");
    }
    let two = Status::parse(&format!("{resource}{device}{device}"), "etcd0");
    assert_eq!(two, Err(Unread::TooMuch { devices: 2, connections: 0 }));
}

#[test]
fn what_holds_writes_up_is_read() {
    let read = |suspended: &str, quorum: &str| {
        let text = format!(
            "exists resource name:etcd0 role:Primary suspended:{suspended}\n\
             exists device name:etcd0 volume:0 minor:0 disk:UpToDate {quorum}\n"
        );
        let status = Status::parse(&text, "etcd0").unwrap().unwrap();
        (status.suspended, status.quorum)
    };
    assert_eq!(read("no", ""), (Vec::new(), None));
    assert_eq!(read("no", "quorum:yes"), (Vec::new(), Some(true)));
    assert_eq!(read("user,quorum", "quorum:no"), (vec!["user".to_owned(), "quorum".to_owned()], Some(false)));
}

#[test]
fn the_share_in_sync_is_the_kernels_or_reckoned() {
    let mut status = Status { size_kib: Some(200), out_of_sync_kib: Some(50), ..Status::alone(Role::Secondary) };
    assert_eq!(status.percent(), Some(75.0));
    status.done = Some(0.29);
    assert_eq!(status.percent(), Some(0.29));
    assert_eq!(Status::alone(Role::Secondary).percent(), None);
}
