//! Two hosts on this machine with the stand-in as their DRBD, distinguished by their environment, with disks and devices in a
//! directory of their own. Everything is removed afterwards, whatever happened.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The sites; both have a host worker01.
pub(crate) const SITES: [&str; 2] = ["primary", "standby"];

/// The two hosts.
pub(crate) struct Lab {
    pub(crate) dir: tempfile::TempDir,
    /// The disks' paths.
    pub(crate) disks: Vec<String>,
    loops: bool,
}

/// The programs of the stand-in, at a path where they have their names.
fn programs(dir: &Path) -> PathBuf {
    dir.join("bin")
}

impl Lab {
    /// Two hosts whose disks are files, without devices: as much as is possible without root.
    pub(crate) fn without_devices(bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(programs(dir.path())).unwrap();
        for program in ["drbdadm", "drbdsetup", "drbdmeta", "journalctl"] {
            symlink(env!("CARGO_BIN_EXE_cutover-drbd-stand-in"), programs(dir.path()).join(program)).unwrap();
        }
        let mut lab = Self { dir, disks: Vec::new(), loops: false };
        for site in SITES {
            for name in ["etc", "mnt"] {
                fs::create_dir_all(lab.path(site).join(name)).unwrap();
            }
            fs::File::create(lab.path(site).join("disk")).unwrap().set_len(bytes).unwrap();
            lab.disks.push(lab.path(site).join("disk").to_string_lossy().into_owned());
        }
        lab.configure();
        lab
    }

    /// Two hosts with loop devices as disks; `None`, with the reason on standard error, where that is not possible.
    pub(crate) fn new() -> Option<Self> {
        let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if !root || !Path::new("/dev/loop-control").exists() {
            eprintln!("SKIPPED: needs root and loop devices");
            return None;
        }
        let mut lab = Self::without_devices(64 << 20);
        lab.loops = true;
        for (index, site) in SITES.iter().enumerate() {
            let file = lab.path(site).join("disk");
            lab.disks[index] = must("losetup", &["--find", "--show", &file.to_string_lossy()]).trim().to_owned();
        }
        lab.configure();
        Some(lab)
    }

    /// The index of a site.
    pub(crate) fn path(&self, site: &str) -> PathBuf {
        self.dir.path().join(site)
    }

    /// The device of a host.
    pub(crate) fn device(&self, site: &str) -> String {
        self.path(site).join("drbd0").to_string_lossy().into_owned()
    }

    fn configure(&self) {
        for (own, peer) in [(0, 1), (1, 0)] {
            let host = |name: &str, index: usize| {
                let (device, disk, id) = (self.device(SITES[index]), &self.disks[index], index + 1);
                format!(
                    "    on {name} {{\n        device {device} minor 0;\n        disk {disk};\n        address 172.16.{id}.1:7790;\n        node-id {id};\n    }}\n"
                )
            };
            let (me, other) = (host("worker01", own), host(&format!("remote_172.16.{}.1", peer + 1), peer));
            let options = "    net {\n        protocol C;\n        allow-two-primaries no;\n    }\n    options {\n        auto-promote no;\n    }\n";
            let text = format!("resource etcd0 {{\n{options}{me}{other}}}\n");
            fs::write(self.path(SITES[own]).join("etc/cke_etcd0.res"), text).unwrap();
        }
    }

    /// A command line on a host.
    pub(crate) fn command(&self, site: &str, line: &str) -> Command {
        let mut words = line.split(' ');
        let mut command = Command::new(programs(self.dir.path()).join(words.next().unwrap()));
        command.args(words).stdin(Stdio::null());
        command.env("CUTOVER_STAND_IN_DIR", self.dir.path().join("state"));
        command.env("CUTOVER_STAND_IN_MACHINE", format!("{site}/worker01"));
        command.env("CUTOVER_STAND_IN_CONFIG", self.path(site).join("etc"));
        if !self.loops {
            command.env("CUTOVER_STAND_IN_DEVICES", "none");
        }
        command
    }

    /// Runs a command line on a host.
    pub(crate) fn run(&self, site: &str, line: &str) -> Output {
        self.command(site, line).output().unwrap()
    }

    /// Runs command lines on a host that must succeed; returns the output of the last one.
    pub(crate) fn all_well(&self, site: &str, lines: &[&str]) -> String {
        let mut stdout = String::new();
        for line in lines {
            let output = self.run(site, line);
            assert!(output.status.success(), "{site}$ {line}: {output:?}");
            stdout = String::from_utf8(output.stdout).unwrap();
        }
        stdout
    }

    /// The exit code and first line of output of a command line that must be refused.
    pub(crate) fn refused(&self, site: &str, line: &str) -> (i32, String) {
        let output = self.run(site, line);
        let words = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
        assert!(!output.status.success(), "{site}$ {line}");
        (output.status.code().unwrap(), words)
    }

    /// Waits until a command line on a host prints something.
    pub(crate) fn until(&self, site: &str, line: &str, expected: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let stdout = self.all_well(site, &[line]);
            if stdout.trim_end() == expected {
                return;
            }
            assert!(Instant::now() < end, "{site}$ {line}: {stdout}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Brings both hosts up, in sync, with the first one Primary.
    pub(crate) fn synchronise(&self) {
        for site in SITES {
            self.all_well(site, &["drbdadm create-md etcd0", "drbdadm up etcd0"]);
        }
        self.until(SITES[0], "drbdadm cstate etcd0", "Connected");
        self.all_well(SITES[0], &["drbdadm primary --force etcd0"]);
        self.until(SITES[1], "drbdadm dstate etcd0", "UpToDate/UpToDate");
    }

    /// The directory that a host mounts its device at.
    pub(crate) fn mount_point(&self, site: &str) -> PathBuf {
        self.path(site).join("mnt")
    }

    /// Mounts a host's device.
    pub(crate) fn mount(&self, site: &str) {
        must("mount", &[&self.device(site), &self.mount_point(site).to_string_lossy()]);
    }

    /// Unmounts it.
    pub(crate) fn umount(&self, site: &str) {
        must("umount", &[&*self.mount_point(site).to_string_lossy()]);
    }

    /// Whether a host's device is there.
    pub(crate) fn has_device(&self, site: &str) -> bool {
        fs::metadata(self.device(site)).is_ok_and(|metadata| metadata.file_type().is_block_device())
    }

    /// Runs the stand-in itself, which must succeed.
    pub(crate) fn stand_in(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover-drbd-stand-in"));
        command.arg("--dir").arg(self.dir.path().join("state")).args(words);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !self.loops {
            return;
        }
        for site in SITES {
            let _ = Command::new("umount").arg(self.mount_point(site)).stderr(Stdio::null()).status();
        }
        let state = self.dir.path().join("state");
        let _ = Command::new(env!("CARGO_BIN_EXE_cutover-drbd-stand-in")).arg("--dir").arg(state).arg("clear").status();
        for disk in self.disks.iter().filter(|disk| disk.starts_with("/dev/loop")) {
            let _ = Command::new("losetup").args(["--detach", disk]).status();
        }
    }
}

/// Runs a program that must succeed; returns its output.
pub(crate) fn must(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
