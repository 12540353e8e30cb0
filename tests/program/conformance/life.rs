//! What is lived through in both worlds: modules doing their work and the commands they send, on a directory and a blank
//! disk of the test's own.

use cutover_engine::action::Action;
use cutover_engine::module::Diff;
use cutover_engine::world::{Command, Place};
use serde_json::{Value, json};

use cutover_testkit::stage::Stage;

/// Where it happens.
pub(crate) struct Ground {
    /// A directory that exists and is empty, on worker01 and worker02.
    pub(crate) directory: String,
    /// A blank disk of 64 MiB on worker01.
    pub(crate) device: String,
    /// The address of worker02.
    pub(crate) peer: String,
}

/// Lives through everything.
pub(crate) async fn live(stage: &Stage, ground: &Ground) {
    files(stage, &ground.directory).await;
    trees(stage, &ground.directory).await;
    disk(stage, ground).await;
    services(stage, &ground.directory).await;
    machine(stage, ground).await;
}

/// Drives a module to its end; the world records how it got there.
async fn done(stage: &Stage, module: &str, params: Value) {
    stage.converge(module, &params).await;
}

/// Runs lines of which words are split at spaces and `~` stands for the directory.
async fn lines(stage: &Stage, directory: &str, lines: &[&str]) {
    for line in lines {
        let line = line.replace('~', directory);
        stage.run(&line.split(' ').collect::<Vec<_>>()).await;
    }
}

async fn files(stage: &Stage, directory: &str) {
    let at = |name: &str| format!("{directory}/{name}");
    done(stage, "file", json!({"path": at("conf"), "state": "directory", "mode": "0750"})).await;
    done(stage, "file", json!({"path": at("conf"), "state": "directory", "mode": "0755"})).await;
    done(stage, "file", json!({"path": at("conf/res"), "content": "resource etcd0 {\n}\n"})).await;
    done(stage, "file", json!({"path": at("conf/res"), "content": "other\n"})).await;
    done(stage, "file", json!({"path": at("conf/marker"), "state": "touch", "mode": "0644"})).await;
    done(stage, "file", json!({"path": at("conf/marker"), "state": "touch", "mode": "0600"})).await;
    done(stage, "file", json!({"path": at("conf/marker"), "immutable": true, "state": "touch"})).await;
    lines(stage, directory, &["rm -f -- ~/conf/marker", "lsattr -d -- ~/conf/marker"]).await;
    done(stage, "file", json!({"path": at("conf/marker"), "immutable": false, "state": "touch"})).await;
    done(stage, "file", json!({"path": at("conf/marker"), "state": "absent"})).await;
    done(stage, "file", json!({"path": at("empty/deep"), "state": "directory"})).await;
    done(stage, "file", json!({"path": at("empty/deep"), "state": "absent"})).await;
    done(stage, "file", json!({"path": at("conf/own"), "content": "a", "owner": 54321, "group": 54321})).await;
    done(stage, "file", json!({"path": at("conf/own"), "content": "a", "owner": 0, "mode": "0600"})).await;
    done(stage, "file", json!({"path": at("conf"), "state": "absent", "recursive": true})).await;
    let more = [
        "ls -A ~",
        "ls -A ~/none",
        "cat ~/none",
        "cat -- ~/none",
        "test -d ~/empty",
        "test -d ~/none",
        "test -e ~/empty",
        "test -e ~/none",
        "readlink -f ~/empty",
        "readlink -f ~/none",
        "readlink -f ~/none/deeper",
        "readlink -f /dev/null",
        "readlink -f -- /dev/null",
        "mkdir -p -- ~/empty",
        "chmod -- 0700 ~/none",
        "rmdir -- ~/none",
        "rmdir ~/none",
        "rmdir --ignore-fail-on-non-empty -- ~/none",
        "rmdir --ignore-fail-on-non-empty -- ~",
        "chown -- 1000:1000 ~/none",
        "touch -d @1700000000 ~/none/deeper",
        "mv -T ~/none ~/empty",
        "mkdir -m 0755 ~/empty",
        "mount -o remount,noatime ~/empty",
        "rmdir -- ~/empty",
        "rm -f -- ~/none",
        "rm -rf --one-file-system -- ~/none",
        "chattr +i ~/none",
        "chattr -i ~/none",
        "lsattr -d ~/none",
        "mountpoint -q ~",
        "mountpoint -q ~/none",
        "find ~/none -mindepth 1 -maxdepth 1 -printf x",
        "du -s -B1 -D ~/none",
        "du -s --inodes -D ~/none",
        "df -B1 --output=avail,itotal,iavail ~/none",
        "df -B1 --output=avail,itotal,iavail ~",
        "findmnt -n -o SOURCE -T ~/none",
        "findmnt -n -P -o SOURCE,TARGET -T ~/none",
        "umount ~",
        "umount ~/none",
    ];
    lines(stage, directory, &more).await;
}

async fn trees(stage: &Stage, directory: &str) {
    let at = |name: &str| format!("{directory}/{name}");
    lines(stage, directory, &["mkdir -p ~/tree/member/wal ~/tree/lost+found", "ln -s member ~/tree/soft"]).await;
    done(stage, "file", json!({"path": at("tree/member/db"), "content": "data\n", "mode": "0600"})).await;
    let times = ["member/db", "member/wal", "member", "soft", "lost+found"].map(|name| at(&format!("tree/{name}")));
    for path in times.iter().chain([&at("tree")]) {
        stage.must(&["touch", "-h", "-d", "@1700000000.25", path]).await;
    }
    let trees = |from: &str, to: &str| json!({"source": {"path": at(from)}, "destination": {"path": at(to)}});
    let nodes = |from: &str, to: &str| {
        json!({
            "source": {"node": "worker01", "path": at(from)},
            "destination": {"node": "worker02", "path": at(to)},
        })
    };
    for mut trial in [trees("tree", "copies/here"), nodes("tree", "elsewhere")] {
        trial["trial"] = json!(true);
        let probed = stage.look("copy_preserve", &trial).await.unwrap();
        let Diff::Run(changes) = &probed.diff else { panic!("{}: {:?}", stage.name, probed.diff) };
        let changes = changes.clone();
        let done = stage.apply(&changes).await;
        probed.judge(&done).unwrap();
    }
    done(stage, "copy_preserve", trees("tree", "copies/here")).await;
    done(stage, "verify_hash", trees("tree", "copies/here")).await;
    done(stage, "file", json!({"path": at("copies/here"), "state": "directory", "mode": "0700"})).await;
    done(stage, "copy_preserve", trees("tree", "copies/here")).await;
    done(stage, "copy_preserve", nodes("tree", "elsewhere")).await;
    done(stage, "verify_hash", nodes("tree", "elsewhere")).await;
    stage.must(&["touch", &at("tree/new")]).await;
    stage.refusal("verify_hash", &trees("tree", "copies/here")).await;
    stage.refusal("copy_preserve", &trees("none", "copies/there")).await;
}

async fn disk(stage: &Stage, ground: &Ground) {
    let (device, path) = (ground.device.as_str(), format!("{}/mnt", ground.directory));
    let mount = |more: Value| {
        let mut params = json!({"device": device, "path": path});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    done(stage, "file", json!({"path": path, "state": "directory"})).await;
    done(stage, "disk_check", json!({"device": device, "min_bytes": "1MB"})).await;
    stage.refusal("mount", &mount(json!({}))).await;
    done(stage, "file", json!({"path": format!("{path}/beneath"), "content": "older\n"})).await;
    done(stage, "filesystem", json!({"device": device})).await;
    stage.refusal("disk_check", &json!({"device": device})).await;
    done(stage, "mount", mount(json!({"underlay": "sealed"}))).await;
    done(stage, "mount", mount(json!({"underlay": "sealed", "options": ["noatime"]}))).await;
    stage.run(&["findmnt", "-n", "-P", "-o", "SOURCE,TARGET", "-T", &format!("{path}/lost+found")]).await;
    done(stage, "file", json!({"path": format!("{path}/data/deep"), "state": "directory"})).await;
    done(stage, "disk_check", json!({"path": path, "min_free": "1MB", "fits": [format!("{path}/data")]})).await;
    stage.refusal("disk_check", &json!({"device": device})).await;
    let data = format!("{path}/data");
    let remove = json!({"path": data, "state": "absent", "recursive": true, "device": device});
    done(stage, "file", remove).await;
    done(stage, "mount", mount(json!({"state": "unmounted", "underlay": "sealed"}))).await;
    done(stage, "mount", mount(json!({"state": "unmounted", "underlay": "open"}))).await;
    stage.run(&["ls", "-A", &path]).await;
    lines(stage, "/dev/no-such-disk", &["blkid -p -o export ~", "blockdev --getsize64 ~", "wipefs -n ~"]).await;
    lines(stage, "/dev/no-such-disk", &["lsblk -P -b -o NAME,TYPE ~", "cmp -s -n 4 /dev/zero ~", "mkfs.ext4 -q ~"])
        .await;
    stage.run(&["mount", "-t", "ext4", "/dev/no-such-disk", &path]).await;
    stage.run(&["mount", "-t", "ext4", device, &format!("{path}/none")]).await;
}

/// The names of the test's own units.
pub(crate) fn units(directory: &str) -> [String; 2] {
    let name = directory.trim_start_matches('/').replace('/', "-");
    [format!("{name}.mount"), format!("{name}.service")]
}

/// Unit files, as `mount` keeps them; switching them on and off, as systemd does it even where it does not run.
async fn services(stage: &Stage, directory: &str) {
    let units = units(directory);
    let text = "[Unit]\nDescription=conformance\n\n[Install]\nWantedBy=multi-user.target\n";
    let node = Place::node("primary", "worker01");
    for unit in &units {
        let path = format!("/etc/systemd/system/{unit}");
        stage.run(&["cat", &path]).await;
        stage.run(&["systemctl", "is-enabled", unit]).await;
        let tee = Command::new(["tee", &format!("{path}.new")]).stdin(text);
        stage.act(&Action::Exec { place: node.clone(), command: tee }).await;
        stage.run(&["mv", "-f", "-T", &format!("{path}.new"), &path]).await;
        stage.run(&["cat", &path]).await;
        stage.run(&["systemctl", "is-enabled", unit]).await;
    }
    for verb in ["enable", "enable", "disable", "disable"] {
        stage.run(&["systemctl", verb, &units[0], &units[1]]).await;
        stage.run(&["systemctl", "is-enabled", &units[0]]).await;
    }
    stage.run(&["systemctl", "enable", &units[0]]).await;
    stage.run(&["systemctl", "disable", &units[0]]).await;
    for unit in &units {
        stage.run(&["rm", "-f", &format!("/etc/systemd/system/{unit}.new")]).await;
        stage.run(&["rm", "-f", &format!("/etc/systemd/system/{unit}")]).await;
    }
    stage.run(&["systemctl", "enable", &units[0], &units[1]]).await;
}

async fn machine(stage: &Stage, ground: &Ground) {
    stage.run(&["hostname"]).await;
    stage.run(&["ss", "-l", "-t", "-n", "-p"]).await;
    let second = Command::new(["sleep", "1"]);
    stage.act(&Action::Exec { place: Place::Controller, command: second }).await;
    let params = json!({
        "to": ground.peer, "ping": {"count": 2, "max_rtt": "5s", "max_loss": 0}, "tcp": [9],
        "throughput": {"min": "1kB/s", "seconds": 1, "port": 7791},
    });
    match stage.look("net_check", &params).await.unwrap().diff {
        Diff::Run(changes) => drop(stage.apply(&changes).await),
        other => panic!("{}: {other:?}", stage.name),
    }
}
