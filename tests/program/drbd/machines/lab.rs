//! The machines of tests/lab/drbd as a test uses them: power, link, commands, playbooks, a witness. Not how they are made.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Where `machines up 1` put the running lab.
const VARIABLE: &str = "CUTOVER_DRBD_LAB";

/// The file system's directory, on both sides.
pub(crate) const MOUNT: &str = "/data/vmdata/hpvolumes/etcd-0";

/// Makes a machine as it was before anything of DRBD was done on it. What mounts at boot may be at work: it is stopped first,
/// then the mount that it may have asked systemd for.
const BLANK: &str = r#"
test ! -e /usr/lib/drbd/real-drbdsetup-84 || mv /usr/lib/drbd/real-drbdsetup-84 /usr/lib/drbd/drbdsetup-84
systemctl stop 'cutover-*.service'
systemctl stop '*hpvolumes*.mount'
findmnt -n -o TARGET -S /dev/drbd0 | while read -r target; do umount $target; done
systemctl disable -q drbd@etcd0.target drbd.service
systemctl stop drbd@etcd0.target
for try in 1 2 3 4 5; do
    drbdadm down etcd0 || drbdsetup down etcd0
    left=$(drbdsetup events2 --now | grep -v '^exists -')
    test -n "$left" || break
    sleep 1
done
set -e
test -z "$left" || { echo "$left"; fuser -vm /dev/drbd0; exit 1; } >&2
rm -f /etc/systemd/system/*hpvolumes* /etc/systemd/system/*.wants/*hpvolumes* /etc/drbd.d/cke_*
systemctl daemon-reload
wipefs -aq /dev/vdb
dd if=/dev/zero of=/dev/vdb bs=68K count=1 conv=fsync status=none
dmesg -C
"#;

/// Lets the next `connect` of drbdsetup take longer than drbdadm waits for it.
const SLOW: &str = r#"
set -e
cd /usr/lib/drbd
mv drbdsetup-84 real-drbdsetup-84
cat >drbdsetup-84 <<'END'
#!/bin/sh
cd /usr/lib/drbd
[ "$1" = connect ] || exec ./real-drbdsetup-84 "$@"
mv real-drbdsetup-84 drbdsetup-84
sleep 12
exec ./drbdsetup-84 "$@"
END
chmod +x drbdsetup-84
"#;

/// The lab, with one pair.
pub(crate) struct Lab {
    directory: PathBuf,
    runs: tempfile::TempDir,
}

/// The output of `cutover run`, and its exit code.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
    /// The content of its journal.
    pub(crate) events: String,
}

impl Ran {
    /// Expects an exit code and words in the output.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text);
        for word in words {
            assert!(self.text.contains(word), "no `{word}` in\n{}", self.text);
        }
        self
    }
}

impl Lab {
    /// The lab that runs, all machines on, the link whole.
    pub(crate) fn find() -> Self {
        let directory = std::env::var_os(VARIABLE).map(PathBuf::from);
        let directory = directory.unwrap_or_else(|| {
            panic!(
                "{VARIABLE} is not set: run `tests/lab/run drbd scenarios`, or `tests/lab/run drbd --dir DIR up 1` and set it to DIR"
            )
        });
        let lab = Self { directory, runs: tempfile::tempdir().expect("a directory") };
        let text = fs::read_to_string(lab.inventory("inventory")).expect("a lab that is up");
        assert_eq!(text.matches("resource:").count(), 1, "these tests are for a lab of one pair");
        for site in ["primary", "standby"] {
            lab.machines(&["start", site, "worker01"]);
        }
        lab.machines(&["heal"]);
        lab
    }

    /// The lab with machines that know nothing of DRBD yet.
    pub(crate) fn blank() -> Self {
        let lab = Self::find();
        for site in ["primary", "standby"] {
            lab.on(site, BLANK);
        }
        lab
    }

    /// The lab with a pair in sync, mounted on `primary`, where the marker is.
    pub(crate) fn prepared() -> Self {
        let lab = Self::blank();
        lab.run("prepare", "inventory", &[]).expect(0, &[]);
        lab
    }

    /// Makes the next connecting on a site take longer than drbdadm waits.
    pub(crate) fn slow(&self, site: &str) {
        self.on(site, SLOW);
    }

    fn inventory(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.yml"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/run"));
        command.args(["drbd", "--dir"]).arg(&self.directory).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs `tests/lab/run drbd` to its end.
    #[track_caller]
    pub(crate) fn machines(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the lab's program runs");
        assert!(output.status.success(), "machines {arguments:?}: {}", words(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a shell script on the machine of a site; returns its output.
    #[track_caller]
    pub(crate) fn on(&self, site: &str, script: &str) -> String {
        self.machines(&["ssh", site, "worker01", script])
    }

    /// The messages of a site's kernel about DRBD since it was booted or this test began.
    #[track_caller]
    pub(crate) fn log(&self, site: &str) -> String {
        self.on(site, "dmesg -t | grep drbd")
    }

    /// Runs a playbook of the lab, with `inventory` or with `swapped` roles.
    pub(crate) fn run(&self, playbook: &str, inventory: &str, extra: &[&str]) -> Ran {
        let playbook = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/lab/drbd/playbooks/{playbook}.yml"));
        let run_dir = tempfile::tempdir_in(self.runs.path()).expect("a directory");
        let mut command = self.command(&["exec", env!("CARGO_BIN_EXE_cutover"), "run"]);
        command.arg(playbook).arg("-i").arg(self.inventory(inventory)).arg("--run-dir").arg(run_dir.path());
        command.args(["--output", "plain", "--color", "never"]);
        for word in extra {
            command.args(["-e", word]);
        }
        let output = command.output().expect("cutover runs");
        let journals = fs::read_dir(run_dir.path()).expect("the run's directory");
        let journals = journals.map(|entry| fs::read_to_string(entry.expect("an entry").path().join("events.jsonl")));
        let events = journals.map(Result::unwrap_or_default).collect();
        Ran { code: output.status.code(), text: words(&output), events }
    }

    /// Looks until a site's resource is as wanted: words of `drbdsetup events2`.
    #[track_caller]
    pub(crate) fn until(&self, site: &str, wanted: &[&str], limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            let seen = self.on(site, "drbdsetup events2 --now --statistics etcd0");
            if wanted.iter().all(|word| seen.contains(word)) {
                return;
            }
            assert!(Instant::now() < end, "{site} is not {wanted:?} after {limit:?}:\n{seen}");
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// What is mounted from the DRBD device on a site.
    pub(crate) fn mounted(&self, site: &str) -> String {
        self.on(site, "findmnt -n -o TARGET -S /dev/drbd0 || true").trim().to_owned()
    }

    /// Compares every block of both ends, and expects no difference.
    #[track_caller]
    pub(crate) fn verify(&self) {
        self.on("primary", "dmesg -C; drbdadm verify etcd0");
        self.until("primary", &["replication:Established", "out-of-sync:0 "], Duration::from_secs(120));
        let log = self.log("primary");
        assert!(log.contains("Online verify done") && !log.contains("Out of sync"), "{log}");
    }

    /// Begins to watch for two Primaries.
    pub(crate) fn witness(&self) -> Witness {
        let path = self.runs.path().join("witness");
        let out = File::create(&path).expect("a file");
        let child = self.command(&["watch"]).stdout(out).spawn().expect("the witness runs");
        let witness = Witness { child, path };
        let end = Instant::now() + Duration::from_secs(60);
        while ["primary", "standby"].iter().any(|site| !witness.saw(site)) {
            assert!(Instant::now() < end, "the witness sees too little:\n{}", witness.seen());
            thread::sleep(Duration::from_millis(100));
        }
        witness
    }

    /// Begins to write numbered records on a site, each synced before it counts; goes on after those that are there.
    pub(crate) fn writer(&self, site: &str) -> Writer {
        let script = format!(
            "n=$(wc -l 2>/dev/null < {MOUNT}/records || echo 0); while n=$((n+1)); printf 'record %08d\\n' $n >> {MOUNT}/records && sync -d {MOUNT}/records; do echo $n; done"
        );
        let mut child =
            self.command(&["ssh", site, "worker01", &script]).stdout(Stdio::piped()).spawn().expect("ssh runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let synced = Arc::new(Mutex::new(0));
        let last = Arc::clone(&synced);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *last.lock().expect("no panic in between") = line.parse().expect("a number");
            }
        });
        let writer = Writer { child, synced };
        let end = Instant::now() + Duration::from_secs(30);
        while writer.synced() == 0 {
            assert!(Instant::now() < end, "nothing is written on {site}");
            thread::sleep(Duration::from_millis(20));
        }
        writer
    }

    /// Expects the first `synced` records on a site's mounted file system, whole and in order.
    #[track_caller]
    pub(crate) fn records(&self, site: &str, synced: usize) -> usize {
        let text = self.on(site, &format!("cat {MOUNT}/records"));
        let records: Vec<&str> = text.lines().collect();
        assert!(records.len() >= synced, "{} records, and {synced} were synced", records.len());
        for (index, record) in records[..synced].iter().enumerate() {
            assert_eq!(*record, format!("record {:08}", index + 1));
        }
        records.len()
    }
}

/// A program that writes until its machine is gone or it is stopped.
pub(crate) struct Writer {
    child: Child,
    synced: Arc<Mutex<usize>>,
}

impl Writer {
    /// The last record that was synced.
    pub(crate) fn synced(&self) -> usize {
        *self.synced.lock().expect("no panic in between")
    }

    /// Waits for so many more.
    #[track_caller]
    pub(crate) fn go_on(&self, more: usize) {
        let (from, end) = (self.synced(), Instant::now() + Duration::from_secs(60));
        while self.synced() < from + more {
            assert!(Instant::now() < end, "only {} of {more} records in a minute", self.synced() - from);
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that watches both roles by itself.
pub(crate) struct Witness {
    child: Child,
    path: PathBuf,
}

impl Witness {
    /// All it wrote.
    pub(crate) fn seen(&self) -> String {
        fs::read_to_string(&self.path).unwrap_or_default()
    }

    fn saw(&self, site: &str) -> bool {
        self.seen().lines().any(|line| line.contains(site) && !line.ends_with("unknown"))
    }

    /// Ends the watch: there were never two Primaries.
    #[track_caller]
    pub(crate) fn saw_one_at_most(mut self) {
        assert!(self.child.try_wait().expect("a child").is_none(), "{}", self.seen());
    }

    /// Expects it to find two Primaries.
    #[track_caller]
    pub(crate) fn finds_two(mut self) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < end, "{}", self.seen());
            thread::sleep(Duration::from_millis(100));
        }
        assert!(self.seen().contains("TWO PRIMARIES"), "{}", self.seen());
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
