//! A container of a real engine, made from this machine's own programs without any registry: a root directory with a shell
//! and what a command needs, imported as an image. Container and image are removed when it is dropped.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cutover_connections::RealWorld;
use cutover_engine::inventory::{SecretSource, Secrets, load};
use cutover_engine::world::{Place, Transport, World as _};

/// What the container has in `/bin`.
const PROGRAMS: [&str; 6] = ["sh", "timeout", "cat", "sleep", "grep", "true"];

/// Ways to start a container; the first one that works is used. Without CAP_SYS_RESOURCE a process cannot raise its limits on
/// open files and processes, which podman tries; its default runtime refuses control groups of both versions at once.
const WAYS: [(&str, &[&str], &[&str]); 4] = [
    ("docker", &[], &[]),
    ("podman", &[], &[]),
    ("podman", &[], &["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]),
    ("podman", &["--runtime=runc"], &["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]),
];

/// A running container.
pub(crate) struct Running {
    pub(crate) engine: &'static str,
    pub(crate) name: String,
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: &SecretSource) -> Result<String, String> {
        Err("there are none".to_owned())
    }
}

/// A container of each engine that can run one here. Prints which cannot, and why.
pub(crate) fn each() -> Vec<Running> {
    let (mut running, mut why) = (Vec::new(), Vec::new());
    for engine in ["docker", "podman"] {
        match Running::start(engine) {
            Ok(started) => running.push(started),
            Err(reason) => why.push(format!("{engine} runs no container here: {reason}")),
        }
    }
    let head = if running.is_empty() { "SKIPPED" } else { "SKIPPED part" };
    if !why.is_empty() {
        println!("{head}: {}", why.join("; "));
    }
    running
}

/// The world of an inventory with one node, which is that container.
pub(crate) fn world(engine: &str, name: &str) -> RealWorld {
    let text = format!(
        "sites:\n  site:\n    connection: container\n    vars: {{container_engine: {engine}}}\n    \
         nodes: {{node: {{address: 127.0.0.1, vars: {{container: {name}}}}}}}\n  other: {{nodes: {{}}}}\n\
         roles: {{active: site, passive: other}}\n"
    );
    let inventory = load(Path::new("inventory.yml"), &move |_: &Path| Ok(text.clone()), &NoSecrets).unwrap();
    RealWorld::new(Arc::new(inventory), PathBuf::from("/"))
}

/// The transport to that node.
pub(crate) async fn node(world: &RealWorld) -> Arc<dyn Transport> {
    world.transport(&Place::Node { site: "site".to_owned(), node: "node".to_owned() }).await.unwrap()
}

impl Running {
    fn start(engine: &'static str) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        run(Process::new(engine).arg("info"))?;
        let name = format!("cutover-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // From here on, dropping it removes image and container.
        let running = Self { engine, name };
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let archive = folder.path().join("root.tar");
        root(&folder.path().join("root"), &running.name)?;
        run(Process::new("tar").arg("-C").arg(folder.path().join("root")).arg("-cf").arg(&archive).arg("."))?;
        run(Process::new(engine).arg("import").arg(&archive).arg(running.image()))?;
        let mut failed = Vec::new();
        for (_, global, options) in WAYS.iter().filter(|(of, ..)| *of == engine) {
            let mut process = Process::new(engine);
            process.args(*global).args(["run", "-d", "--network=none", "--name", &running.name]).args(*options);
            match run(process.arg(running.image()).args(["/bin/sleep", "600"])) {
                Ok(_) => return Ok(running),
                Err(reason) => failed.push(reason),
            }
            let _ = Process::new(engine).args(["rm", "-f", &running.name]).output();
        }
        Err(failed.join(", then "))
    }

    fn image(&self) -> String {
        format!("localhost/{}:1", self.name)
    }

    /// The world in which it is a node.
    pub(crate) fn world(&self) -> RealWorld {
        world(self.engine, &self.name)
    }

    /// Ends the container without removing it.
    pub(crate) fn stop(&self) {
        run(Process::new(self.engine).args(["kill", "-s", "KILL", &self.name])).unwrap();
        run(Process::new(self.engine).args(["wait", &self.name])).unwrap();
    }

    /// Whether the engine knows a container of this name.
    pub(crate) fn listed(engine: &str, name: &str) -> bool {
        let names = run(Process::new(engine).args(["ps", "-a", "--format", "{{.Names}}"])).unwrap();
        String::from_utf8_lossy(&names.stdout).lines().any(|line| line == name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its first process ignores TERM, which podman would wait for.
        let _ = Process::new(self.engine).args(["kill", "-s", "KILL", &self.name]).output();
        let _ = Process::new(self.engine).args(["rm", "-f", &self.name]).output();
        let _ = Process::new(self.engine).args(["rmi", "-f", &self.image()]).output();
    }
}

/// Runs a program to its end; the error is its standard error.
fn run(process: &mut Process) -> Result<Output, String> {
    let program = process.get_program().to_string_lossy().into_owned();
    let output = process.output().map_err(|error| format!("cannot start {program}: {error}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{program}: {}", stderr.trim()))?;
    Ok(output)
}

/// Makes the root directory: the programs of this machine with the libraries that `ldd` names, and who it is in `/where`.
fn root(root: &Path, name: &str) -> Result<(), String> {
    let mut files = BTreeSet::new();
    for program in PROGRAMS {
        let dirs = ["/usr/bin", "/bin"].map(|dir| PathBuf::from(dir).join(program));
        let path =
            dirs.into_iter().find(|path| path.exists()).ok_or_else(|| format!("no {program} on this machine"))?;
        let listed = run(Process::new("ldd").arg(&path))?;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        files.extend(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from));
        put(&path, &root.join("bin").join(program))?;
    }
    for file in files {
        put(&file, &root.join(file.strip_prefix("/").unwrap_or(&file)))?;
    }
    for dir in ["dev", "etc", "proc", "sys", "tmp"] {
        fs::create_dir_all(root.join(dir)).map_err(|error| error.to_string())?;
    }
    fs::write(root.join("where"), name).map_err(|error| error.to_string())
}

fn put(from: &Path, to: &Path) -> Result<(), String> {
    to.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| error.to_string())?;
    fs::copy(from, to).map(drop).map_err(|error| format!("cannot copy {}: {error}", from.display()))
}
