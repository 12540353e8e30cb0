//! File systems that another node has to mount: what mkfs makes here, and the kernel and tools there know, or not.

use std::sync::Arc;

use cutover_engine::failure::Failure;
use cutover_engine::module::{Class, Diff};
use cutover_sandbox::{Sandbox, WorldSpec};
use cutover_testkit::inventory::three_workers;
use cutover_testkit::stage::Stage;
use serde_json::{Value, json};

/// Tries it from worker01 to worker02.
async fn tried(stage: &Stage, kind: &str, options: Value) -> Result<Value, Failure> {
    let params = json!({"type": kind, "options": options, "mount_on": {"node": "worker02"}});
    let probed = stage.look("filesystem_check", &params).await.unwrap();
    let Diff::Run(changes) = &probed.diff else { panic!("{}: {:?}", stage.name, probed.diff) };
    assert_eq!(changes[0].class, Class::Transient);
    let changes = changes.clone();
    let done = stage.apply(&changes).await;
    let judged = probed.judge(&done);
    judged.map(|()| probed.result(&done))
}

/// The sandbox, with a worker02 that does not know some features.
fn without(features: &[&str]) -> Stage {
    let mut spec = WorldSpec::default();
    let features = features.iter().map(|feature| (*feature).to_owned()).collect();
    spec.unknown_features.insert("primary/worker02".to_owned(), features);
    let sandbox = Sandbox::new(three_workers(), spec, 1).unwrap();
    Stage::of("sandbox", Arc::new(sandbox), three_workers())
}

/// The temporary directories that are left.
async fn left(stage: &Stage) -> usize {
    stage.must(&["ls", "-A", "/tmp"]).await.lines().filter(|name| name.starts_with("cutover-filesystem")).count()
}

#[tokio::test(start_paused = true)]
async fn what_is_made_here_can_be_mounted_there() {
    for stage in [Stage::host(), Stage::sandbox()] {
        if stage.name == "host" && !stage.run(&["losetup", "-f"]).await.success() {
            eprintln!("SKIPPED: needs root and a loop device");
            continue;
        }
        let result = tried(&stage, "ext4", json!(["-m", "1"])).await.unwrap();
        assert_eq!(result["mounted_by"]["place"], "primary/worker02", "{result}");
        for end in ["made_by", "mounted_by"] {
            assert!(result[end]["mkfs"].as_str().unwrap().starts_with("mke2fs 1."), "{result}");
            assert!(result[end]["fsck"].as_str().unwrap().starts_with("e2fsck 1."), "{result}");
            assert!(!result[end]["kernel"].as_str().unwrap().is_empty());
        }
        assert_eq!(left(&stage).await, 0, "{}", stage.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kernel_that_does_not_mount_it_is_found_on_this_machine() {
    let host = Stage::host();
    let features = std::fs::read_to_string("/sys/fs/ext4/features/casefold").unwrap_or_default();
    if features.contains("supported") || !host.run(&["losetup", "-f"]).await.success() {
        eprintln!("SKIPPED: needs root, a loop device, and a kernel that does not know casefold");
        return;
    }
    let failure = tried(&host, "ext4", json!(["-O", "casefold"])).await.unwrap_err();
    let words = failure.message.to_string();
    assert!(words.contains("is not usable on primary/worker02: the kernel of primary/worker02 ("), "{words}");
    let lines: Vec<String> = failure.details.iter().map(ToString::to_string).collect();
    assert!(lines.iter().any(|line| line.contains("wrong fs type")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("casefold")), "{lines:?}");
    assert_eq!(left(&host).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_features_that_are_not_known_there_are_named() {
    let stage = without(&["metadata_csum_seed", "orphan_file", "nrext64"]);
    let cases = [
        ("ext4", json!([]), "the kernel of primary/worker02 (5.4.0-100-generic) does not know metadata_csum_seed"),
        (
            "ext4",
            json!(["-O", "^metadata_csum_seed"]),
            "e2fsck 1.47.0 (5-Feb-2023) of primary/worker02 does not know orphan_file",
        ),
        ("xfs", json!([]), "the kernel of primary/worker02 (5.4.0-100-generic) does not know nrext64"),
    ];
    for (kind, options, words) in cases {
        let failure = tried(&stage, kind, options).await.unwrap_err();
        assert!(failure.message.to_string().ends_with(words), "{}", failure.message);
        assert!(failure.help.is_some_and(|help| help.to_string().contains("options")));
    }
    tried(&stage, "ext4", json!(["-O", "^metadata_csum_seed,^orphan_file"])).await.unwrap();
    tried(&stage, "xfs", json!(["-i", "nrext64=0"])).await.unwrap();
}
