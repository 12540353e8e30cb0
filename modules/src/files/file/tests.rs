use cutover_engine::module::Diff;
use cutover_engine::world::Place;
use serde_json::{Value, json};

use super::{Found, Params, check, remove, write};
use crate::support::permission::Mode;

fn params(value: Value) -> Params {
    serde_json::from_value(value).unwrap()
}

fn found(kind: &str) -> Found {
    Found {
        kind: kind.to_owned(),
        mode: Mode(0o640),
        owner: ["1001".into(), "etcd".into()],
        group: ["0".into(), "root".into()],
        size: 4,
        content: (kind == "f").then(|| "old\n".to_owned()),
        immutable: None,
        entries: (kind == "d").then_some(0),
        mount_point: (kind == "d").then_some(false),
        misplaced: None,
    }
}

/// A diff as a plan shows it.
fn shown(params: Value, found: Option<Found>) -> String {
    let params: Params = serde_json::from_value(params).unwrap();
    check(&params).unwrap();
    let place = Place::node("primary", "w1");
    let diff = match params.state {
        super::Wanted::Absent => remove::diff(&params, &place, found.as_ref()),
        _ => write::diff(&params, &place, found.as_ref()),
    };
    match diff {
        Diff::InSync => "in sync".to_owned(),
        Diff::Blocked(reasons) => {
            format!("blocked: {}", reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
        Diff::Change(changes) => {
            let lines = changes.iter().flat_map(|change| {
                let action = |mark: &str, action: &cutover_engine::action::Action| format!("  {mark} {action}");
                let does = change.actions.iter().map(move |it| action("do  ", it));
                let undo = change.undo.iter().flatten().map(move |it| action("undo", it));
                let preview = change.preview.iter().flat_map(|text| text.lines()).map(|line| format!("  | {line}"));
                [format!("{} ({:?})", change.summary, change.class)].into_iter().chain(does).chain(undo).chain(preview)
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn a_new_file_is_written_in_one_step() {
    let wanted = json!({"path": "/etc/x.res", "content": "a\nb\n", "owner": "etcd", "mode": "0600"});
    insta::assert_snapshot!(shown(wanted, None), @r"
    create /etc/x.res (4 bytes) (Idempotent)
      do   primary/w1$ cutover-write-file /etc/x.res 0600 etcd <<< (4 bytes)
      undo primary/w1$ rm -f -- /etc/x.res
      | @@ line 1 @@
      | +a
      | +b
    ");
}

#[test]
fn a_changed_file_shows_its_lines_and_can_be_put_back() {
    let mut there = found("f");
    there.content = Some("same\nold\nend\n".to_owned());
    insta::assert_snapshot!(shown(json!({"path": "/etc/x", "content": "same\nnew\nmore\nend\n"}), Some(there)), @r"
    replace the content of /etc/x (18 bytes) (Idempotent)
      do   primary/w1$ cutover-write-file /etc/x '' '' <<< (18 bytes)
      undo primary/w1$ cutover-write-file /etc/x '' '' <<< (13 bytes)
      | @@ line 2 @@
      | -old
      | +new
      | +more
    ");
}

#[test]
fn owner_and_mode_are_compared_by_name_or_number() {
    let there = || Some(found("f"));
    let same = json!({"path": "/x", "state": "touch", "owner": 1001, "group": "root", "mode": "0640"});
    assert_eq!(shown(same, there()), "in sync");
    assert_eq!(shown(json!({"path": "/x", "state": "touch", "owner": "etcd"}), there()), "in sync");
    insta::assert_snapshot!(shown(json!({"path": "/x", "state": "touch", "group": 1002}), there()), @r"
    change the owner of /x from 1001:0 to :1002 (Idempotent)
      do   primary/w1$ chown -- :1002 /x
      do   primary/w1$ chmod -- 00640 /x
      undo primary/w1$ chown -- 1001:0 /x
      undo primary/w1$ chmod -- 00640 /x
    ");
    insta::assert_snapshot!(shown(json!({"path": "/x", "state": "touch", "mode": "2750"}), there()), @r"
    change the mode of /x from 0640 to 2750 (Idempotent)
      do   primary/w1$ chmod -- 02750 /x
      undo primary/w1$ chmod -- 00640 /x
    ");
}

#[test]
fn an_immutable_file_is_opened_for_the_change_and_closed_again() {
    let locked = Found { immutable: Some(true), ..found("f") };
    let wanted = json!({"path": "/x", "content": "new\n", "immutable": true});
    insta::assert_snapshot!(shown(wanted, Some(locked.clone())), @r"
    clear the immutable attribute of /x (Idempotent)
      do   primary/w1$ chattr -i -- /x
      undo primary/w1$ chattr +i -- /x
    replace the content of /x (4 bytes) (Idempotent)
      do   primary/w1$ cutover-write-file /x '' '' <<< (4 bytes)
      undo primary/w1$ cutover-write-file /x '' '' <<< (4 bytes)
      | @@ line 1 @@
      | -old
      | +new
    set the immutable attribute of /x (Idempotent)
      do   primary/w1$ chattr +i -- /x
      undo primary/w1$ chattr -i -- /x
    ");
    assert_eq!(shown(json!({"path": "/x", "content": "old\n", "immutable": true}), Some(locked)), "in sync");
}

#[test]
fn directories_and_files_do_not_replace_each_other() {
    let wanted = |state| json!({"path": "/data/x", "state": state});
    assert_eq!(shown(wanted("directory"), Some(found("f"))), "blocked: /data/x is a regular file, not a directory");
    assert_eq!(shown(wanted("touch"), Some(found("d"))), "blocked: /data/x is a directory, not a regular file");
    assert_eq!(shown(wanted("touch"), Some(found("l"))), "blocked: /data/x is a symbolic link, not a regular file");
    assert_eq!(shown(wanted("directory"), Some(found("l"))), "blocked: /data/x is a symbolic link, not a directory");
    insta::assert_snapshot!(shown(json!({"path": "/data/x/", "state": "directory", "mode": "0700"}), None), @r"
    make the directory /data/x (Idempotent)
      do   primary/w1$ mkdir -p -- /data/x
      do   primary/w1$ chmod -- 00700 /data/x
      undo primary/w1$ rmdir --ignore-fail-on-non-empty -- /data/x
    ");
}

#[test]
fn removing_refuses_all_that_could_be_a_mistake() {
    let absent = |path: &str, recursive| json!({"path": path, "state": "absent", "recursive": recursive});
    let full = |mount_point| Found { entries: Some(3), mount_point: Some(mount_point), ..found("d") };
    assert_eq!(shown(absent("/data/x", false), None), "in sync");
    assert_eq!(
        shown(absent("/data", false), Some(full(true))),
        "blocked: /data is a top-level directory; /data is a mount point; unmount it first; /data is not empty (3 \
         entries); say `recursive: true` to remove them"
    );
    assert_eq!(shown(absent("/data/", true), Some(full(false))), "blocked: /data is a top-level directory");
    assert_eq!(shown(absent("/dev/sdc", true), Some(found("b"))), "blocked: /dev/sdc is a device");
    let elsewhere = Found { misplaced: Some("/dev/sda1".into()), ..full(false) };
    let guarded = json!({"path": "/data/x", "state": "absent", "recursive": true, "device": "/dev/drbd0"});
    assert_eq!(shown(guarded, Some(elsewhere)), "blocked: /data/x lies on /dev/sda1, not on /dev/drbd0");
    insta::assert_snapshot!(shown(absent("/data/x", true), Some(full(false))), @r"
    remove the directory /data/x with the 3 entries in it (AtMostOnce)
      do   primary/w1$ rm -rf --one-file-system -- /data/x
    ");
    insta::assert_snapshot!(shown(absent("/data/x", true), Some(found("d"))), @r"
    remove the empty directory /data/x (Idempotent)
      do   primary/w1$ rmdir -- /data/x
      undo primary/w1$ mkdir -p -- /data/x
      undo primary/w1$ chown -- 1001:0 /data/x
      undo primary/w1$ chmod -- 0640 /data/x
    ");
    insta::assert_snapshot!(shown(absent("/data/x", false), Some(Found { immutable: Some(true), ..found("f") })), @r"
    remove /data/x (Idempotent)
      do   primary/w1$ chattr -i -- /data/x
      do   primary/w1$ rm -f -- /data/x
      undo primary/w1$ cutover-write-file /data/x 0640 1001:0 <<< (4 bytes)
    ");
}

#[test]
fn contradictions_are_found_before_anything_is_looked_at() {
    for (value, pointer) in [
        (json!({"path": "x", "state": "touch"}), "/path"),
        (json!({"path": "/", "state": "absent"}), "/path"),
        (json!({"path": "/a/../b", "state": "absent"}), "/path"),
        (json!({"path": "/x"}), "/path"),
        (json!({"path": "/x", "state": "touch", "content": ""}), "/content"),
        (json!({"path": "/x", "state": "absent", "mode": "0600"}), "/state"),
        (json!({"path": "/x", "state": "touch", "recursive": true}), "/recursive"),
    ] {
        assert_eq!(check(&params(value.clone())).unwrap_err().pointer.as_deref(), Some(pointer), "{value}");
    }
}
