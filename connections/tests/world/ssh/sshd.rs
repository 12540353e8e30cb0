//! A real sshd on a free loopback port, run as the current user with keys of its own, and the world of an inventory that
//! leads to it. Ended by pid when it is dropped.

use std::collections::HashSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover_connections::RealWorld;
use cutover_engine::inventory::{SecretSource, Secrets, load};
use cutover_engine::world::{Command, Output, Place, Transport, TransportFault, World as _, collect};

/// A running sshd.
pub(crate) struct Sshd {
    folder: tempfile::TempDir,
    listener: Child,
    pub(crate) port: u16,
    sshd: PathBuf,
}

/// Starts an sshd with the configuration in its folder, and waits until it listens.
fn listen(sshd: impl AsRef<Path>, folder: &Path, port: u16) -> Child {
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut process = Process::new(sshd.as_ref());
    let listener = process.args(["-D", "-e", "-f"]).arg(folder.join("config")).stderr(log).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "sshd does not listen: {:?}", fs::read_to_string(folder.join("log")));
        std::thread::sleep(Duration::from_millis(20));
    }
    listener
}

/// The text of a test's secret.
struct FixedSecret(String);

impl Secrets for FixedSecret {
    fn resolve(&self, _: &SecretSource) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

impl Sshd {
    /// Starts one; `None`, with a message, if this machine has no sshd.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// Starts one with more lines of configuration.
    pub(crate) fn start_with(more: &str) -> Option<Self> {
        let sshd =
            ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"].iter().find(|path| Path::new(path).exists());
        let Some(sshd) = sshd else {
            println!("SKIPPED: no sshd on this machine; install openssh-server to run this test");
            return None;
        };
        // An sshd of root insists on its privilege separation directory.
        let _ = fs::create_dir("/run/sshd");
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for key in ["host", "id", "other"] {
            keygen(&path(key), "");
        }
        keygen(&path("locked"), "open sesame");
        let public = |key: &str| fs::read_to_string(path(&format!("{key}.pub"))).unwrap();
        fs::write(path("authorized_keys"), public("id") + &public("locked")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(path("known_hosts"), format!("[127.0.0.1]:{port} {}", public("host"))).unwrap();
        let config = format!(
            "{more}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PidFile none\nPasswordAuthentication no\nPermitRootLogin yes\nUseDNS no\n",
            path("host").display(),
            path("authorized_keys").display(),
        );
        fs::write(path("config"), config).unwrap();
        let listener = listen(sshd, folder.path(), port);
        // A user of another name must be able to read the keys' folder.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), mode).unwrap();
        Some(Self { folder, listener, port, sshd: PathBuf::from(sshd) })
    }

    /// Ends it: its port is free.
    pub(crate) fn stop(&mut self) {
        let _ = self.listener.kill();
        let _ = self.listener.wait();
    }

    /// Starts it again on its port, with more lines of configuration.
    pub(crate) fn restart(&mut self, more: &str) {
        self.stop();
        let config = fs::read_to_string(self.path("config")).unwrap();
        let (_, own) = config.split_at(config.find("Port ").unwrap());
        fs::write(self.path("config"), format!("{more}\n{own}")).unwrap();
        self.listener = listen(&self.sshd, self.folder.path(), self.port);
    }

    /// A file of this sshd: `id`, `other`, `locked` (keys), `known_hosts`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A world whose node `site/node` is this sshd, with the right key; `more` are further ssh settings.
    pub(crate) fn world(&self, more: &str) -> RealWorld {
        self.world_with(&format!("user: {}, key: {}, {more}", whoami(), self.path("id").display()))
    }

    /// A world with only these ssh settings, beside port and known hosts; the secret `word` is `open sesame`.
    pub(crate) fn world_with(&self, ssh: &str) -> RealWorld {
        let text = format!(
            "sites:\n  site:\n    ssh: {{port: {}, known_hosts: {}, {ssh}}}\n    nodes: {{node: {{address: 127.0.0.1}}}}\n  \
             other:\n    nodes: {{}}\nroles: {{active: site, passive: other}}\nsecrets: {{word: {{env: WORD}}}}\n",
            self.port,
            self.path("known_hosts").display(),
        );
        let read = move |_: &Path| Ok(text.clone());
        let inventory = load(Path::new("inventory.yml"), &read, &FixedSecret("open sesame".to_owned())).unwrap();
        RealWorld::new(Arc::new(inventory), self.folder.path().to_owned())
    }

    /// A world whose node is reached as `.ssh/config` in this sshd's folder says.
    pub(crate) fn configured(&self) -> RealWorld {
        let text = "sites:\n  site: {ssh: {config: true}, nodes: {node: {address: 127.0.0.1}}}\n  other: {nodes: {}}\n\
                    roles: {active: site, passive: other}\n";
        let read = |_: &Path| Ok(text.to_owned());
        let inventory = load(Path::new("inventory.yml"), &read, &FixedSecret(String::new())).unwrap();
        RealWorld::new(Arc::new(inventory), self.folder.path().to_owned())
    }

    /// Every process below the listener: the sessions and what they have started.
    pub(crate) fn descendants(&self) -> Vec<u32> {
        let mut found = vec![self.listener.id()];
        let mut at = 0;
        while at < found.len() {
            let parent = found[at];
            found.extend(processes().into_iter().filter(|(_, ppid, _)| *ppid == parent).map(|(pid, ..)| pid));
            at += 1;
        }
        found.split_off(1)
    }

    /// Stops accepting new connections, as a host that hangs does, or accepts them again. Existing connections stay.
    pub(crate) fn hang(&self, hangs: bool) {
        signal(if hangs { "-STOP" } else { "-CONT" }, self.listener.id());
    }

    /// Ends the sessions at once, as a host that crashes does.
    pub(crate) fn cut(&self) {
        for (pid, parent, _) in processes() {
            if parent == self.listener.id() {
                kill(pid);
            }
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let sessions = self.descendants();
        let _ = self.listener.kill();
        let _ = self.listener.wait();
        sessions.into_iter().for_each(kill);
    }
}

/// The transport to the sshd's node.
pub(crate) async fn node(world: &RealWorld) -> Result<Arc<dyn Transport>, TransportFault> {
    world.transport(&Place::node("site", "node")).await
}

/// Every process: pid, parent, group.
pub(crate) fn processes() -> Vec<(u32, u32, u32)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parse = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        // A zombie counts as gone: it is only waiting for its parent.
        (state != "Z").then_some((pid, parent, group))
    };
    entries.filter_map(parse).collect()
}

/// The processes of a group.
pub(crate) fn group(id: u32) -> HashSet<u32> {
    processes().into_iter().filter(|(_, _, group)| *group == id).map(|(pid, ..)| pid).collect()
}

/// The group of a process.
pub(crate) fn group_of(pid: u32) -> u32 {
    processes().into_iter().find(|(id, ..)| *id == pid).map(|(_, _, group)| group).unwrap()
}

/// Waits until something holds.
pub(crate) async fn eventually(within: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

pub(crate) fn whoami() -> String {
    let output = Process::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn keygen(path: &Path, passphrase: &str) {
    let mut keygen = Process::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", passphrase, "-f"]).arg(path).stdin(Stdio::null());
    assert!(keygen.status().unwrap().success());
}

pub(crate) fn kill(pid: u32) {
    signal("-KILL", pid);
}

fn signal(name: &str, pid: u32) {
    let _ = Process::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status();
}

pub(crate) fn sh(script: &str) -> Command {
    Command::new(["sh", "-c", script])
}

pub(crate) async fn run(transport: &dyn Transport, script: &str) -> Output {
    collect(transport, &sh(script)).await.unwrap()
}

/// Bytes that look random and hold every value.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
