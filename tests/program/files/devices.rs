//! Devices that are named by a link, in every module that takes one.

use serde_json::json;

use super::trees::{Mounts, Scratch, stages, write};

#[tokio::test(start_paused = true)]
async fn a_device_may_be_named_by_a_link() {
    let scratch = Scratch::new();
    let root = scratch.path("there");
    for stage in stages().await {
        let (mut link, mut other) = (scratch.path("disk"), scratch.path("other"));
        stage.must(&["mkdir", "-p", &root]).await;
        let _gone = Mounts(vec![root.clone()]);
        let (device, _loop) = if stage.name == "sandbox" {
            let by_id = |disk: &str| format!("/dev/disk/by-id/scsi-0SIM_primary-worker01-{disk}");
            (link, other) = (by_id("sdc"), by_id("sdb1"));
            ("/dev/sdc".to_owned(), None)
        } else {
            let image = scratch.path("image");
            stage.must(&["truncate", "-s", "256M", &image]).await;
            let found = stage.run(&["losetup", "-f", "--show", &image]).await;
            if !found.success() {
                eprintln!("SKIPPED: needs root and a loop device");
                continue;
            }
            let device = found.stdout.trim().to_owned();
            (device.clone(), Some(Loop(device)))
        };
        stage.must(&["mkfs.ext4", "-q", &device]).await;
        if stage.name == "host" {
            stage.must(&["ln", "-sfn", &device, &link]).await;
            stage.must(&["ln", "-sfn", "/dev/null", &other]).await;
        }
        let params = json!({"device": link, "path": root, "type": "ext4"});
        stage.converge("mount", &params).await;
        assert!(stage.converge("mount", &params).await.0.is_empty(), "{}", stage.name);
        let (source, copy) = (format!("{root}/data"), format!("{root}/copy"));
        stage.must(&["mkdir", &source]).await;
        write(&stage, &format!("{source}/db"), "snap").await;
        let by = |link: &str| json!({"source": {"path": source, "device": link}, "destination": {"path": copy, "device": link}});
        stage.converge("copy_preserve", &by(&link)).await;
        stage.converge("verify_hash", &by(&link)).await;
        assert_eq!(stage.converge("filesystem", &json!({"device": link})).await.1["type"], "ext4");
        let gone = |link: &str| json!({"path": copy, "state": "absent", "recursive": true, "device": link});
        // A link to something else is another device.
        for (module, params) in [("copy_preserve", by(&other)), ("file", gone(&other))] {
            let refused = stage.refusal(module, &params).await;
            assert!(refused[0].contains(&format!("lies on {device}, not on {other}")), "{}: {refused:?}", stage.name);
        }
        let failure = stage.look("verify_hash", &by(&other)).await.err().unwrap();
        assert!(failure.message.to_string().contains("is the mount missing?"), "{failure:?}");
        stage.converge("file", &gone(&link)).await;
        stage.converge("mount", &json!({"device": link, "path": root, "state": "unmounted"})).await;
        let refused = stage.refusal("disk_check", &json!({"device": link})).await;
        assert!(refused[0].contains("is not spare: it carries ext4"), "{refused:?}");
    }
}

/// A loop device of a test.
struct Loop(String);

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = std::process::Command::new("losetup").args(["-d", &self.0]).status();
    }
}
