//! What `drbd_split_brain` decides, for both ends as data; and its script, on files of this machine.

use super::*;
use crate::support::drbd::testing::{BLANK, DIVERGED, NEWER, SAME, end, seen, unreachable};
use crate::support::tree::Kind;
use crate::testing;

const APART: &str = "Secondary UpToDate StandAlone Unknown DUnknown Off";
const SERVES: &str = "Primary UpToDate StandAlone Unknown DUnknown Off";
const WAITS: &str = "Primary UpToDate Connecting Unknown DUnknown Off";
const TRIES: &str = "Secondary UpToDate Connecting Unknown DUnknown Off";
/// Of a foreign past.
const FOREIGN: &str = "5150000000000000:0000000000000000:5150000000000002:0000000000000000";

fn params(more: &str) -> Params {
    serde_yaml::from_str(&format!("{{victim: active, backup: /data/backup/r1{more}}}"))
        .expect("the parameters are right")
}

fn free() -> Node {
    let directory = Look {
        elsewhere: false,
        errors: 0,
        generation: None,
        kind: Kind::Absent,
        device: "/dev/sda1".to_owned(),
        free: 10 << 30,
        free_inodes: None,
        inodes: 1,
        entries: 0,
        allocated: 0,
        unfinished: None,
        left_out: Vec::new(),
        holders: Vec::new(),
    };
    Node { mounted: Vec::new(), marker: false, directory, image: false }
}

fn show(title: &str, victim: End, survivor: Peer, node: Node) -> String {
    let split = compare::relation(&victim, &survivor) == Some(Relation::SplitBrain);
    let state = State { victim, survivor, node: split.then_some(node) };
    let diff = DrbdSplitBrain.diff(testing::pair_context().facts(), &params(""), &state);
    format!("-- {title}\n{}", testing::show(&diff))
}

fn look(title: &str, victim: End, survivor: Peer) -> String {
    show(title, victim, survivor, free())
}

#[test]
fn the_victims_changes_are_given_up_after_they_were_saved() {
    let shown = [
        look("both StandAlone, the survivor serves", end(APART, NEWER), seen(SERVES, DIVERGED)),
        look("the victim is Primary, not mounted", end(SERVES, NEWER), seen(SERVES, DIVERGED)),
        look("only the survivor is StandAlone", end(TRIES, NEWER), seen(SERVES, DIVERGED)),
        look("only the victim is StandAlone", end(APART, NEWER), seen(WAITS, DIVERGED)),
        show(
            "the image is there, and little room",
            end("Secondary UpToDate StandAlone Unknown DUnknown Off out-of-sync:52", NEWER),
            seen(SERVES, DIVERGED),
            Node { image: true, directory: Look { free: 5, ..free().directory }, ..free() },
        ),
        look("both try to meet", end(TRIES, NEWER), seen(WAITS, DIVERGED)),
        look(
            "the victim syncs",
            end("Secondary Inconsistent Connected Primary UpToDate SyncTarget done:3", DIVERGED),
            seen("Primary UpToDate Connected Secondary Inconsistent SyncSource", DIVERGED),
        ),
        look(
            "the ends have just met",
            end("Secondary Outdated Connected Primary UpToDate Established", NEWER),
            seen("Primary UpToDate Connected Secondary Outdated Established", DIVERGED),
        ),
        look(
            "one end is connected already",
            end(TRIES, NEWER),
            seen("Primary UpToDate Connected Secondary Outdated WFBitMapS", DIVERGED),
        ),
        look(
            "done",
            end("Secondary UpToDate Connected Primary UpToDate Established", SAME),
            seen("Primary UpToDate Connected Secondary UpToDate Established", SAME),
        ),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn what_would_lose_more_or_the_wrong_is_refused() {
    let user = User { pid: "7".into(), command: "etcd".into(), how: "mount".into(), path: "/data".into() };
    let mounted = |users| vec![("/data/vmdata/hpvolumes/etcd-0".to_owned(), users)];
    let survivor = || seen(SERVES, DIVERGED);
    let at = |words: &str| format!("{words} StandAlone Unknown DUnknown Off");
    let on = |title: &str, node: Node| show(title, end(SERVES, NEWER), survivor(), node);
    let directory =
        |kind, free_bytes| Node { directory: Look { kind, free: free_bytes, ..free().directory }, ..free() };
    let shown = [
        look("the survivor cannot be asked", end(APART, NEWER), unreachable()),
        look("the victim is not up", end("down", NEWER), survivor()),
        look("the survivor is not up", end(APART, NEWER), seen("down", DIVERGED)),
        look("generations cannot be read", end(APART, ""), survivor()),
        look("nor there", end(APART, NEWER), seen(SERVES, "")),
        look("disconnected, same data", end(APART, SAME), seen(APART, SAME)),
        look("disconnected, the survivor is newer", end(TRIES, SAME), seen(SERVES, NEWER)),
        look("disconnected, the victim is newer", end(APART, NEWER), seen(TRIES, SAME)),
        look("trying to meet, the survivor is newer", end(TRIES, SAME), seen(WAITS, NEWER)),
        look("two blank disks", end(APART, BLANK), seen(APART, BLANK)),
        look("nothing in common", end(APART, NEWER), seen(SERVES, FOREIGN)),
        look("the survivor's disk is Inconsistent", end(APART, NEWER), seen(&at("Secondary Inconsistent"), DIVERGED)),
        look("the survivor's disk is Outdated", end(APART, NEWER), seen(&at("Secondary Outdated"), DIVERGED)),
        look("the victim has no disk", end(&at("Secondary Diskless"), NEWER), survivor()),
        on("mounted", Node { mounted: mounted(Vec::new()), ..free() }),
        on("in use, and with the marker", Node { mounted: mounted(vec![user]), marker: true, ..free() }),
        on("no directory", directory(Kind::Other, 10 << 30)),
        on("no room", directory(Kind::Directory, 100 << 20)),
        on("in memory", Node { directory: Look { device: "tmpfs".to_owned(), ..free().directory }, ..free() }),
        look(
            "the wrong way",
            end("Secondary UpToDate Connected Primary Inconsistent SyncSource", NEWER),
            seen("Primary Inconsistent Connected Secondary UpToDate SyncTarget", NEWER),
        ),
        look(
            "the wrong way, seen from one end",
            end(TRIES, NEWER),
            seen("Secondary UpToDate Connected Secondary UpToDate WFBitMapT", DIVERGED),
        ),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn the_victim_is_named_twice() {
    let cx = testing::pair_context();
    let check = |yaml: &str| {
        let params = serde_yaml::from_str::<Params>(yaml).unwrap();
        DrbdSplitBrain::judge(&params).and_then(|()| params.check_victim(cx.facts(), cx.inventory()))
    };
    assert!(check("{victim: active, backup: /data/backup}").is_ok());
    let failure = check("{victim: passive, backup: /data/backup}").unwrap_err();
    assert_eq!(failure.pointer.as_deref(), Some("/victim"));
    assert!(failure.message.contains("`victim: passive` is standby, but the step's target is"), "{failure:?}");
    for path in ["backup", "/", "/data/../etc", "/data/./x"] {
        let failure = check(&format!("{{victim: active, backup: {path}}}")).unwrap_err();
        assert_eq!(failure.pointer.as_deref(), Some("/backup"), "{path}");
    }
    let failure = check("{victim: active, backup: /b, marker: x}").unwrap_err();
    assert_eq!(failure.pointer.as_deref(), Some("/marker"));
    assert!(serde_yaml::from_str::<Params>("{victim: primary, backup: /b}").is_err());
}

#[test]
fn an_image_is_made_once_and_proven() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (disk, image) = (path("disk"), path("a b/etcd0.img"));
    let mut data = vec![0_u8; 3 << 20];
    data[5] = 7;
    data[(2 << 20) + 4097] = 9;
    std::fs::write(&disk, &data).unwrap();
    let bytes = (3 << 20) - 8192;
    let run = || {
        let words = ["-c", backup::SCRIPT, "cutover-image", &disk, &bytes.to_string(), &image];
        let output = std::process::Command::new("sh").args(words).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, made, words) = run();
    assert_eq!((code, words.as_str()), (Some(0), ""));
    assert_eq!(std::fs::read(&image).unwrap(), data[..bytes]);
    let done = |stdout: String| {
        let exit = cutover_engine::world::Exit::Code(0);
        Done::Output(cutover_engine::world::Output { exit, stdout, stderr: String::new() })
    };
    let report = backup::read(&done(made)).unwrap();
    assert_eq!((&report.image, report.made), (&image, true));
    let sum = std::fs::read_to_string(format!("{image}.sha256")).unwrap();
    assert_eq!(sum, format!("{}  etcd0.img\n", report.sha256));
    let mut check = std::process::Command::new("sha256sum");
    check.args(["-c", "--quiet", "etcd0.img.sha256"]).current_dir(path("a b"));
    assert!(check.status().unwrap().success());
    let names = || std::fs::read_dir(path("a b")).unwrap().count();
    assert_eq!(names(), 2, "nothing is left beside it");

    // What lies behind the replicated part, DRBD's own, may change.
    *data.last_mut().unwrap() = 1;
    std::fs::write(&disk, &data).unwrap();
    let (code, stdout, _) = run();
    assert_eq!((code, backup::read(&done(stdout)).unwrap().made), (Some(0), false));
    data[6] = 8;
    std::fs::write(&disk, &data).unwrap();
    let (code, _, words) = run();
    assert_eq!(code, Some(3));
    assert!(words.contains("is not what is on") && words.contains("move it away"), "{words}");
    data[6] = 0;
    assert_eq!(std::fs::read(&image).unwrap(), data[..bytes], "it is as it was");

    // A disk that is shorter than it should be is not proven, and nothing looks as if it were.
    std::fs::remove_file(&image).unwrap();
    std::fs::write(&disk, &data[..4096]).unwrap();
    assert_eq!(run().0, Some(1));
    assert!(!std::path::Path::new(&image).exists() && !std::path::Path::new(&format!("{image}.partial")).exists());
}
