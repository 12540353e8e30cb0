//! What is odd about files, beyond what they are: flags of `chattr`, names that are not text, paths that are too long.

use std::os::unix::ffi::OsStrExt as _;

use cutover_testkit::stage::Stage;
use serde_json::json;

use super::trees::{Scratch, is_refused, stages, to_other_node, trees, write};

#[tokio::test(start_paused = true)]
async fn flags_are_refused_unless_their_loss_is_accepted() {
    for stage in stages().await {
        // Whoever cleans up could not remove what is immutable.
        let flag = if stage.name == "sandbox" { "i" } else { "S" };
        let set = async |stage: &Stage, root: &str| {
            stage.run(&["chattr", &format!("+{flag}"), &format!("{root}/wal")]).await.success()
        };
        is_refused(&stage, &set, &format!("wal has the flags `{flag}` (lsattr)")).await;
        let scratch = Scratch::new();
        let (source, copy) = (scratch.path("source"), scratch.path("copy"));
        stage.must(&["mkdir", "-p", &format!("{source}/wal")]).await;
        write(&stage, &format!("{source}/db"), "snap").await;
        if !set(&stage, &source).await {
            eprintln!("SKIPPED on {}: the file system has no flags", stage.name);
            continue;
        }
        for params in [trees(&source, &copy), to_other_node(&source, &scratch.path("other"))] {
            let with = |flags: &str| {
                let mut params = params.clone();
                params["accept_flags"] = json!(flags);
                params
            };
            assert!(stage.refusal("copy_preserve", &with("aP")).await[0].contains("accept the loss by"));
            stage.converge("copy_preserve", &with(&format!("P{flag}"))).await;
            stage.converge("verify_hash", &with(flag)).await;
        }
        stage.converge("disk_check", &json!({"to_copy": [source], "accept_flags": flag})).await;
        stage.must(&["chattr", &format!("-{flag}"), &format!("{source}/wal")]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn names_of_any_bytes_are_copied_and_compared() {
    let scratch = Scratch::new();
    let (source, host) = (scratch.path("source"), Stage::host());
    let root = std::path::Path::new(&source);
    std::fs::create_dir(root).unwrap();
    let all: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    for name in [&all[..], b"\xff\xfe", b"*", b"-n", b"$(false)", b"a\\nb", b" ", b"%s"] {
        std::fs::write(root.join(std::ffi::OsStr::from_bytes(name)), "content").unwrap();
    }
    for (params, copy) in
        [(trees(&source, &scratch.path("copy")), "copy"), (to_other_node(&source, &scratch.path("other")), "other")]
    {
        let (_, result) = host.converge("copy_preserve", &params).await;
        assert_eq!(result["files"], 8);
        host.converge("verify_hash", &params).await;
        std::fs::remove_file(std::path::Path::new(&scratch.path(copy)).join(std::ffi::OsStr::from_bytes(&all)))
            .unwrap();
        let refused = host.refusal("verify_hash", &params).await;
        assert!(refused[0].ends_with("differ in 2 paths"), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_too_long_is_named_before_anything_is_stopped() {
    let scratch = Scratch::new();
    let (source, host) = (scratch.path("source"), Stage::host());
    host.must(&["mkdir", "-p", &source]).await;
    write(&host, &format!("{source}/db"), "snap").await;
    let deep = r#"chdir $ARGV[0]; for (1 .. 20) { mkdir "d" x 250 or die; chdir "d" x 250 or die }"#;
    if !host.run(&["perl", "-e", deep, &source]).await.success() {
        eprintln!("SKIPPED: needs perl");
        return;
    }
    let expected = format!("primary/worker01:{source}/{}/", "d".repeat(250));
    for (module, params) in [
        ("disk_check", json!({"to_copy": [source]})),
        ("copy_preserve", trees(&source, &scratch.path("copy"))),
        ("copy_preserve", to_other_node(&source, &scratch.path("copy"))),
    ] {
        let refused = host.refusal(module, &params).await;
        assert!(refused[0].starts_with(&expected), "{module}: {refused:?}");
        assert!(refused[0].contains("... is longer than the 4096 bytes"), "{module}: {refused:?}");
    }
    assert!(host.look("verify_hash", &json!({"path": source})).await.is_err());
}
