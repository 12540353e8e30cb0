//! File systems and mounts on a real loop device, and the same on a sandbox's disk: the modules must behave the same. The real
//! half needs root and a free loop device, and is reported as skipped without them.

use std::path::{Path, PathBuf};
use std::process::Command;

use cutover_testkit::stage::Stage;
use serde_json::{Value, json};

/// A loop device over a file in a directory of its own; both are gone afterwards, whatever happened.
struct Loop {
    directory: PathBuf,
    device: String,
}

impl Loop {
    /// Sets it up; `None`, with the reason on standard error, where that is not possible.
    fn new() -> Option<Self> {
        let directory = std::env::temp_dir().join(format!("cutover-disks-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("probe")).unwrap();
        let mut this = Self { directory, device: String::new() };
        let probe = this.directory.join("probe");
        let image = this.directory.join("image");
        std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        let immutable = run("chattr", &["+i".as_ref(), probe.as_ref()]).is_some();
        run("chattr", &["-i".as_ref(), probe.as_ref()]);
        let device = run("losetup", &["--find".as_ref(), "--show".as_ref(), image.as_ref()]);
        match device {
            Some(device) if immutable => {
                this.device = device.trim().to_owned();
                Some(this)
            }
            _ => {
                println!("SKIPPED: needs root, a free loop device and a file system that knows chattr +i");
                None
            }
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let path = self.directory.join("mnt");
        run("umount", &[path.as_ref()]);
        run("chattr", &["-i".as_ref(), path.as_ref()]);
        if !self.device.is_empty() {
            run("losetup", &["-d".as_ref(), self.device.as_ref()]);
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Runs a program; its standard output if it succeeded.
fn run(program: &str, args: &[&Path]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Takes a blank disk through its life and returns all messages of the modules, with `/DISK` and `/DIR` in place of paths.
async fn life(stage: &Stage, device: &str, directory: &str) -> String {
    let path = format!("{directory}/mnt");
    let mut messages = Vec::new();
    stage.must(&["mkdir", "-p", &format!("{path}/old/deep")]).await;
    let mount = |more: Value| {
        let mut params = json!({"device": device, "path": path});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    messages.extend(stage.converge("disk_check", &json!({"device": device, "min_bytes": "1MB"})).await.0);
    messages.extend(stage.refusal("mount", &mount(json!({}))).await);
    let (changes, result) = stage.converge("filesystem", &json!({"device": device, "label": "etcd"})).await;
    messages.extend(changes);
    let uuid = result["uuid"].as_str().unwrap().to_owned();
    messages.extend(stage.converge("filesystem", &json!({"device": device})).await.0);
    messages.extend(stage.refusal("filesystem", &json!({"device": device, "type": "xfs"})).await);
    messages.extend(stage.refusal("disk_check", &json!({"device": device})).await);
    messages.extend(stage.refusal("mount", &mount(json!({"uuid": "1234-5678"}))).await);
    let sealed = json!({"underlay": "sealed", "uuid": uuid, "options": ["noatime"]});
    let (changes, result) = stage.converge("mount", &mount(sealed.clone())).await;
    messages.extend(changes);
    messages.push(format!("{} {} {}", result["mounted"], result["type"], result["options"]));
    messages.extend(stage.converge("mount", &mount(sealed)).await.0);
    messages.extend(stage.refusal("disk_check", &json!({"device": device})).await);
    let elsewhere = json!({"device": device, "path": directory});
    messages.extend(stage.refusal("mount", &elsewhere).await);
    messages.push(format!("inside: {}", stage.must(&["ls", "-A", &path]).await.trim()));
    stage.must(&["touch", &format!("{path}/written")]).await;
    messages.extend(stage.converge("mount", &mount(json!({"state": "unmounted", "underlay": "sealed"}))).await.0);
    let refused = stage.run(&["touch", &format!("{path}/beneath")]).await;
    messages.push(refused.stderr.replace(['\u{2018}', '\u{2019}'], "'"));
    messages.extend(stage.converge("mount", &mount(json!({"state": "unmounted", "underlay": "open"}))).await.0);
    messages.push(format!("beneath: {}", stage.must(&["ls", "-A", &path]).await.trim()));
    messages.join("\n").replace(&uuid, "UUID").replace(device, "/DISK").replace(directory, "/DIR")
}

/// Sizes differ between the worlds.
fn without_sizes(messages: &str) -> String {
    let size = |word: &str| {
        word.trim_start_matches('(').chars().next().is_some_and(|first| first.is_ascii_digit()) && word.contains("B,")
    };
    messages.split(' ').map(|word| if size(word) { "(SIZE," } else { word }).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_disk_in_the_sandbox() {
    let messages = life(&Stage::sandbox(), "/dev/sdc", "/mnt/test").await;
    insta::assert_snapshot!(without_sizes(&messages));
}

#[test]
fn a_real_disk_lives_the_same_life() {
    let Some(real) = Loop::new() else { return };
    let runtime = |paused| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(paused).build().unwrap()
    };
    let directory = real.directory.to_str().unwrap();
    let on_host = runtime(false).block_on(async { life(&Stage::host(), &real.device, directory).await });
    let in_sandbox = runtime(true).block_on(async { life(&Stage::sandbox(), "/dev/sdc", "/mnt/test").await });
    assert_eq!(without_sizes(&on_host), without_sizes(&in_sandbox));
}
