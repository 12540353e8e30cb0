//! Whole trees, copied and verified by real programs on this machine and by the sandbox's: both must preserve everything, find
//! every difference, and refuse the same things.

use cutover_testkit::stage::Stage;
use serde_json::{Value, json};

/// A directory of this test alone, at the same path in both worlds.
pub(super) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

pub(super) async fn stages() -> [Stage; 2] {
    [Stage::host(), Stage::sandbox()]
}

async fn is_root(stage: &Stage) -> bool {
    stage.must(&["id", "-u"]).await.trim() == "0"
}

/// A tree with one of everything; returns whether it has extended attributes as well.
pub(super) async fn build(stage: &Stage, root: &str) -> bool {
    let at = |name: &str| format!("{root}/{name}");
    stage.must(&["mkdir", "-p", &at("member/wal"), &at("member/snap"), &at("lost+found"), &at("empty")]).await;
    for name in ["member/snap/db", "with space", "back\\slash", "new\nline", "münchen", "-dash"] {
        write(stage, &at(name), &format!("content of {name}")).await;
    }
    write(stage, &at("lost+found/#12"), "no data").await;
    stage.must(&["truncate", "-s", "200000", &at("sparse")]).await;
    stage.must(&["ln", &at("member/snap/db"), &at("member/wal/0.wal")]).await;
    stage.must(&["ln", &at("member/snap/db"), &at("a-link")]).await;
    stage.must(&["ln", "-s", "member/snap/db", &at("soft")]).await;
    stage.must(&["ln", "-s", "/nowhere at all", &at("dangling")]).await;
    stage.must(&["mkfifo", &at("fifo")]).await;
    stage.must(&["chmod", "4711", &at("with space")]).await;
    stage.must(&["chmod", "1770", &at("empty")]).await;
    if is_root(stage).await {
        stage.must(&["chown", "-R", "1001:1002", &at("member")]).await;
        stage.must(&["chown", "1003:1003", root]).await;
    }
    stage.must(&["chmod", "2750", &at("member")]).await;
    stage.must(&["chmod", "0600", &at("member/snap/db")]).await;
    let paths = [
        "fifo",
        "soft",
        "dangling",
        "sparse",
        "-dash",
        "münchen",
        "new\nline",
        "back\\slash",
        "with space",
        "empty",
        "lost+found/#12",
        "lost+found",
        "member/snap/db",
        "member/snap",
        "member/wal",
        "member",
    ];
    for (index, path) in paths.iter().enumerate() {
        let time = format!("@{}.12345678{index:x}", 1_700_000_000 + index).replace(['a', 'b', 'c', 'd', 'e', 'f'], "0");
        stage.must(&["touch", "-h", "-d", &time, &at(path)]).await;
    }
    let has_attributes = stage.run(&["setfattr", "-n", "user.origin", "-v", "cutover", &at("sparse")]).await.success();
    if has_attributes {
        stage.must(&["setfattr", "-n", "user.root", "-v", "yes", root]).await;
    } else {
        eprintln!("SKIPPED extended attributes: setfattr does not work here");
    }
    stage.must(&["chmod", "0711", root]).await;
    stage.must(&["touch", "-d", "@1600000000.000000001", root]).await;
    has_attributes
}

pub(super) async fn write(stage: &Stage, path: &str, text: &str) {
    let params = json!({"path": path, "content": text});
    stage.converge("file", &params).await;
}

pub(super) fn trees(source: &str, destination: &str) -> Value {
    json!({"source": {"path": source}, "destination": {"path": destination}})
}

pub(super) fn to_other_node(source: &str, destination: &str) -> Value {
    json!({"source": {"node": "worker01", "path": source}, "destination": {"node": "worker02", "path": destination}})
}

#[tokio::test(start_paused = true)]
async fn a_copy_on_one_node_keeps_everything() {
    let scratch = Scratch::new();
    let (source, destination) = (scratch.path("source"), scratch.path("there/copy"));
    let mut digests = Vec::new();
    for stage in stages().await {
        let has_attributes = build(&stage, &source).await;
        let (changes, result) = stage.converge("copy_preserve", &trees(&source, &destination)).await;
        assert_eq!(changes.len(), 1, "{}: {changes:?}", stage.name);
        let (again, verified) = stage.converge("verify_hash", &trees(&source, &destination)).await;
        assert!(again.is_empty());
        assert_eq!(verified["digest"], result["digest"]);
        assert_eq!(result["files"], 9, "{}: {result}", stage.name);
        assert!(!stage.run(&["test", "-e", &format!("{destination}/lost+found")]).await.success());
        digests.push((has_attributes && is_root(&stage).await, verified));
    }
    // Without root the owners differ, because in the sandbox everybody is root.
    match digests.as_slice() {
        [(true, host), (true, sandbox)] => {
            assert_eq!(host["digest"], sandbox["digest"], "the sandbox lists the tree otherwise than this machine");
            assert_eq!(host["bytes"], sandbox["bytes"]);
        }
        _ => eprintln!("SKIPPED comparing digests of host and sandbox: no extended attributes, or not root"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_to_another_node_keeps_everything() {
    let scratch = Scratch::new();
    let (source, destination) = (scratch.path("source"), scratch.path("copy"));
    for stage in stages().await {
        build(&stage, &source).await;
        let params = to_other_node(&source, &destination);
        let (changes, result) = stage.converge("copy_preserve", &params).await;
        assert_eq!(changes.len(), 1, "{}: {changes:?}", stage.name);
        let (_, verified) = stage.converge("verify_hash", &params).await;
        assert_eq!(verified["digest"], result["digest"]);
        assert_eq!(verified["what"], format!("primary/worker01:{source} and primary/worker02:{destination}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_own_unfinished_copy_is_taken_up_again_and_another_one_is_not() {
    let scratch = Scratch::new();
    let (source, other, destination) = (scratch.path("source"), scratch.path("other"), scratch.path("copy"));
    for stage in stages().await {
        build(&stage, &source).await;
        build(&stage, &other).await;
        let params = trees(&source, &destination);
        let probed = stage.look("copy_preserve", &params).await.unwrap();
        let cutover_engine::module::Diff::Change(changes) = probed.diff else { panic!("{:?}", probed.diff) };
        // The connection is lost after the second of three actions, and somebody even added a file.
        for action in &changes[0].actions[..2] {
            assert!(stage.act(action).await.success());
        }
        write(&stage, &format!("{destination}/stray"), "half").await;
        let refused = stage.refusal("copy_preserve", &trees(&other, &destination)).await;
        assert_eq!(
            refused,
            [format!(
                "primary/worker01:{destination} holds an unfinished copy of primary/worker01:{source}; remove it if it \
                 is not needed"
            )]
        );
        let refused = stage.refusal("copy_preserve", &trees(&destination, &scratch.path("third"))).await;
        assert!(refused[0].contains("is itself an unfinished copy of"), "{refused:?}");
        let (changes, _) = stage.converge("copy_preserve", &params).await;
        assert!(changes[0].starts_with("copy again, the last attempt was interrupted"), "{changes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn foreign_data_at_the_destination_is_never_touched() {
    let scratch = Scratch::new();
    let (source, destination) = (scratch.path("source"), scratch.path("copy"));
    for stage in stages().await {
        build(&stage, &source).await;
        stage.must(&["mkdir", "-p", &destination]).await;
        write(&stage, &format!("{destination}/precious"), "mine").await;
        let refused = stage.refusal("copy_preserve", &trees(&source, &destination)).await;
        assert!(refused[0].contains("is not empty and differs from"), "{refused:?}");
        assert!(refused.contains(&"precious: only in the second tree".to_owned()), "{refused:?}");
        // Even if the data comes between the look and the copy, the script itself refuses.
        let empty = scratch.path("elsewhere");
        let probed = stage.look("copy_preserve", &trees(&source, &empty)).await.unwrap();
        let cutover_engine::module::Diff::Change(changes) = probed.diff else { panic!("{:?}", probed.diff) };
        stage.must(&["mkdir", "-p", &empty]).await;
        write(&stage, &format!("{empty}/precious"), "mine").await;
        let output = stage.act(&changes[0].actions[0]).await;
        assert_eq!(output.exit, cutover_engine::world::Exit::Code(3), "{}: {output:?}", stage.name);
        assert_eq!(stage.must(&["cat", &format!("{empty}/precious")]).await, "mine");
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_difference_is_seen() {
    let scratch = Scratch::new();
    let (source, copy) = (scratch.path("source"), scratch.path("copy"));
    for stage in stages().await {
        build(&stage, &source).await;
        let params = trees(&source, &copy);
        let at = |name: &str| format!("{copy}/{name}");
        let spoil: &[(&str, Vec<&str>)] = &[
            ("mode", vec!["chmod", "0755", "member"]),
            ("time", vec!["touch", "-d", "@5", "münchen"]),
            ("link target", vec!["ln", "-sfn", "elsewhere", "soft"]),
            ("missing in the second tree", vec!["rm", "fifo"]),
            ("only in the second tree", vec!["mkdir", "nested"]),
            ("size", vec!["truncate", "-s", "200001", "sparse"]),
        ];
        for (what, argv) in spoil {
            stage.must(&["rm", "-rf", &copy]).await;
            stage.converge("copy_preserve", &params).await;
            let path = at(argv[argv.len() - 1]);
            let argv: Vec<&str> = argv[..argv.len() - 1].iter().copied().chain([path.as_str()]).collect();
            stage.must(&argv).await;
            let refused = stage.refusal("verify_hash", &params).await;
            assert!(refused.iter().any(|line| line.contains(what)), "{}: {what}: {refused:?}", stage.name);
            let refused = stage.refusal("copy_preserve", &params).await;
            assert!(refused[0].contains("is not empty and differs"), "{}: {what}: {refused:?}", stage.name);
        }
        // The same names with the same contents, but no longer one file.
        stage.must(&["rm", "-rf", &copy]).await;
        stage.converge("copy_preserve", &params).await;
        let time = stage.must(&["stat", "-c", "%Y", &at("a-link")]).await;
        stage.must(&["mv", &at("a-link"), &at("fifo2")]).await;
        write(&stage, &at("a-link"), "content of member/snap/db").await;
        stage.must(&["rm", &at("fifo2")]).await;
        stage.must(&["touch", "-d", &format!("@{}", time.trim()), &at("a-link")]).await;
        let refused = stage.refusal("verify_hash", &params).await;
        assert!(refused.iter().any(|line| line.contains("hard link (a-link, none)")), "{}: {refused:?}", stage.name);
        // The same bytes count, the same times, another content.
        stage.must(&["rm", "-rf", &copy]).await;
        stage.converge("copy_preserve", &params).await;
        let time = stage.must(&["stat", "-c", "%Y", &at("-dash")]).await;
        write(&stage, &at("-dash"), "CONTENT of -dash").await;
        stage.must(&["touch", "-d", &format!("@{}", time.trim()), &at("-dash")]).await;
        let refused = stage.refusal("verify_hash", &params).await;
        assert!(refused.iter().any(|line| line.starts_with("-dash: ") && line.contains("sha256 (")), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_root_directory_left_with_the_wrong_time_is_put_right() {
    let scratch = Scratch::new();
    let (source, copy) = (scratch.path("source"), scratch.path("copy"));
    for stage in stages().await {
        build(&stage, &source).await;
        stage.converge("copy_preserve", &trees(&source, &copy)).await;
        stage.must(&["chmod", "0755", &copy]).await;
        stage.must(&["touch", "-d", "@9", &copy]).await;
        let (changes, _) = stage.converge("copy_preserve", &trees(&source, &copy)).await;
        let expected =
            format!("set the owner, mode and time of primary/worker01:{copy} to those of primary/worker01:{source}");
        assert_eq!(changes, [expected], "{}", stage.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tree_in_use_an_empty_one_and_a_full_disk_are_refused() {
    let scratch = Scratch::new();
    let source = scratch.path("source");
    let [host, sandbox] = stages().await;
    build(&host, &source).await;
    build(&sandbox, &source).await;
    let held = std::fs::File::open(format!("{source}/member/snap/db")).unwrap();
    let refused = host.refusal("copy_preserve", &trees(&source, &scratch.path("copy"))).await;
    let own = format!(" {} ", std::process::id());
    assert!(refused[0].contains("is in use by ") && refused[0].contains(&own), "{refused:?}");
    drop(held);
    for stage in [host, sandbox] {
        stage.must(&["mkdir", "-p", &scratch.path("nothing/lost+found")]).await;
        let refused = stage.refusal("copy_preserve", &trees(&scratch.path("nothing"), &scratch.path("copy"))).await;
        assert_eq!(refused, [format!("primary/worker01:{} is empty", scratch.path("nothing"))]);
        let refused = stage.refusal("copy_preserve", &trees(&scratch.path("missing"), &scratch.path("copy"))).await;
        assert_eq!(refused, [format!("primary/worker01:{} does not exist", scratch.path("missing"))]);
        let mut params = trees(&source, &scratch.path("copy"));
        params["min_free"] = json!("8000TB");
        assert!(stage.refusal("copy_preserve", &params).await[0].contains(" free on "));
        params = trees(&source, &scratch.path("copy"));
        params["destination"]["device"] = json!("/dev/drbd0");
        assert!(stage.refusal("copy_preserve", &params).await[0].contains("not on /dev/drbd0: is the mount missing?"));
    }
}

/// Mounts of a test, unmounted again newest first.
pub(super) struct Mounts(pub(super) Vec<String>);

impl Drop for Mounts {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // Not every test came to mount it.
            let _ = std::process::Command::new("umount").arg(path).stderr(std::process::Stdio::null()).status();
        }
    }
}

/// All that copies or compares a tree refuses it once something was put into it, and names that. `put` answers `false` where
/// it cannot be done.
pub(super) async fn is_refused(stage: &Stage, put: impl AsyncFn(&Stage, &str) -> bool, words: &str) {
    let scratch = Scratch::new();
    let (source, copy) = (scratch.path("source"), scratch.path("copy"));
    stage.must(&["mkdir", "-p", &format!("{source}/wal")]).await;
    write(stage, &format!("{source}/db"), "snap").await;
    let _gone = Mounts(vec![format!("{source}/wal")]);
    stage.converge("copy_preserve", &trees(&source, &copy)).await;
    stage.converge("verify_hash", &trees(&source, &copy)).await;
    stage.converge("disk_check", &json!({"to_copy": [source]})).await;
    if !put(stage, &source).await {
        eprintln!("SKIPPED on {}: nothing of this kind can be made here: {words}", stage.name);
        return;
    }
    let expected = format!("primary/worker01:{source}/{words}");
    let other = scratch.path("other");
    for (module, params) in [
        ("copy_preserve", trees(&source, &copy)),
        ("copy_preserve", trees(&source, &other)),
        ("copy_preserve", to_other_node(&source, &other)),
        // What is in the copy is not compared either.
        ("copy_preserve", trees(&copy, &source)),
        ("verify_hash", trees(&source, &copy)),
        ("verify_hash", trees(&copy, &source)),
        ("verify_hash", json!({"path": source})),
        ("disk_check", json!({"to_copy": [source]})),
    ] {
        let refused = stage.refusal(module, &params).await;
        assert!(refused.iter().any(|line| line.starts_with(&expected)), "{}: {module}: {refused:?}", stage.name);
    }
    // Unless it lies where nobody looks.
    let aside = json!({"to_copy": [source], "exclude": [words.split(['/', ' ']).next()]});
    stage.converge("disk_check", &aside).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_copy_does_not_carry_is_refused_by_all_that_copy_or_compare() {
    let device = |letter: &'static str, major: &'static str, minor: &'static str| {
        async move |stage: &Stage, root: &str| {
            stage.run(&["mknod", &format!("{root}/wal/a device"), letter, major, minor]).await.success()
        }
    };
    for stage in stages().await {
        is_refused(&stage, device("b", "7", "0"), "wal/a device is a block device").await;
        is_refused(&stage, device("c", "1", "3"), "wal/a device is a character device").await;
    }
    let left =
        async |_: &Stage, root: &str| std::os::unix::net::UnixListener::bind(format!("{root}/wal/.sock")).is_ok();
    is_refused(&Stage::host(), &left, "wal/.sock is a socket").await;
    let sandbox =
        cutover_sandbox::Sandbox::new(cutover_testkit::inventory::three_workers(), Default::default(), 1).unwrap();
    let stage = Stage::of("sandbox", std::sync::Arc::new(sandbox.clone()), cutover_testkit::inventory::three_workers());
    let left = async |_: &Stage, root: &str| sandbox.leave_socket("primary", "worker01", &format!("{root}/wal/.sock"));
    is_refused(&stage, &left, "wal/.sock is a socket").await;
}

#[tokio::test(start_paused = true)]
async fn a_mount_further_down_is_refused() {
    let disk = async |stage: &Stage, root: &str| {
        let wal = format!("{root}/wal");
        if stage.name == "sandbox" {
            stage.must(&["mkfs.ext4", "-q", "/dev/sdc"]).await;
            return stage.run(&["mount", "/dev/sdc", &wal]).await.success();
        }
        stage.run(&["mount", "-t", "tmpfs", "tmpfs", &wal]).await.success()
    };
    for stage in stages().await {
        is_refused(&stage, &disk, "wal is a mount point").await;
    }
    // Of the same file system: only the mount table shows it.
    let bind = async |stage: &Stage, root: &str| {
        stage.must(&["mkdir", "-p", &format!("{root}.more")]).await;
        stage.run(&["mount", "--bind", &format!("{root}.more"), &format!("{root}/wal")]).await.success()
    };
    is_refused(&Stage::host(), &bind, "wal is a mount point").await;
    // What is mounted beside it, or is the directory itself, does not matter.
    let scratch = Scratch::new();
    let source = scratch.path("source");
    let host = Stage::host();
    let _gone = Mounts(vec![source.clone(), format!("{source}2")]);
    for path in [&source, &format!("{source}2")] {
        host.must(&["mkdir", "-p", path]).await;
        if !host.run(&["mount", "-t", "tmpfs", "tmpfs", path]).await.success() {
            eprintln!("SKIPPED: nothing can be mounted here");
            return;
        }
    }
    write(&host, &format!("{source}/db"), "snap").await;
    host.converge("disk_check", &json!({"to_copy": [source]})).await;
    host.converge("verify_hash", &json!({"path": source})).await;
}

#[tokio::test(start_paused = true)]
async fn a_subvolume_is_refused() {
    let scratch = Scratch::new();
    let (image, root) = (scratch.path("image"), scratch.path("fs"));
    let host = Stage::host();
    let _gone = Mounts(vec![root.clone()]);
    host.must(&["mkdir", "-p", &root]).await;
    host.must(&["truncate", "-s", "200M", &image]).await;
    let made = host.run(&["mkfs.btrfs", "-q", &image]).await.success();
    if !made || !host.run(&["mount", "-o", "loop", &image, &root]).await.success() {
        eprintln!("SKIPPED: needs root, btrfs-progs, a loop device and a kernel with btrfs");
        return;
    }
    let source = format!("{root}/data");
    host.must(&["mkdir", &source]).await;
    write(&host, &format!("{source}/db"), "snap").await;
    host.converge("disk_check", &json!({"to_copy": [source]})).await;
    host.must(&["btrfs", "subvolume", "create", &format!("{source}/wal")]).await;
    write(&host, &format!("{source}/wal/0.wal"), "acknowledged").await;
    for (module, params) in [
        ("disk_check", json!({"to_copy": [source]})),
        ("copy_preserve", trees(&source, &scratch.path("copy"))),
        ("verify_hash", json!({"path": source})),
    ] {
        let refused = host.refusal(module, &params).await;
        let expected = format!("primary/worker01:{source}/wal lies on another device and is not mounted");
        assert!(refused.iter().any(|line| line.starts_with(&expected)), "{module}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn large_files_are_hashed_and_holes_stay_holes() {
    let scratch = Scratch::new();
    let (source, copy) = (scratch.path("source"), scratch.path("copy"));
    for stage in stages().await {
        let at = |root: &str, name: &str| format!("{root}/{name}");
        stage.must(&["mkdir", "-p", &source]).await;
        for name in ["one", "two\nlines", "back\\slash"] {
            stage.must(&["truncate", "-s", "5M", &at(&source, name)]).await;
        }
        stage.converge("copy_preserve", &trees(&source, &copy)).await;
        let blocks = stage.must(&["stat", "-c", "%b", &at(&copy, "one")]).await;
        assert_eq!(blocks, "0\n", "{}", stage.name);
        if stage.name == "host" {
            let device = std::fs::OpenOptions::new().write(true).open(at(&copy, "two\nlines")).unwrap();
            std::os::unix::fs::FileExt::write_at(&device, b"x", 4_000_000).unwrap();
            stage.must(&["touch", "-r", &at(&source, "two\nlines"), &at(&copy, "two\nlines")]).await;
            let refused = stage.refusal("verify_hash", &trees(&source, &copy)).await;
            assert_eq!(refused.len(), 2, "{refused:?}");
            assert!(refused[1].starts_with("two\\nlines: sha256 ("), "{refused:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn access_lists_are_preserved_and_compared() {
    let scratch = Scratch::new();
    let (source, copy) = (scratch.path("source"), scratch.path("copy"));
    let [host, _] = stages().await;
    build(&host, &source).await;
    if !host.run(&["setfacl", "-m", "u:1005:rw", &format!("{source}/-dash")]).await.success() {
        eprintln!("SKIPPED access lists: setfacl does not work here");
        return;
    }
    host.must(&["setfacl", "-d", "-m", "u:1005:rwx", &format!("{source}/empty")]).await;
    for params in [trees(&source, &copy), to_other_node(&source, &scratch.path("other"))] {
        host.converge("copy_preserve", &params).await;
    }
    host.must(&["setfacl", "-b", &format!("{copy}/-dash")]).await;
    let refused = host.refusal("verify_hash", &trees(&source, &copy)).await;
    assert!(refused[1].contains("system.posix_acl_access (0x"), "{refused:?}");
}
