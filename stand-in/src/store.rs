//! The directory that all hosts share: one file with the state of all of them, and a lock around each access.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use cutover_sandbox::stand_in::StandIn;
use serde::{Deserialize, Serialize};

use crate::devices::Device;
use crate::disk::Place;

/// The version of the file. Another one is refused.
const VERSION: u32 = 1;
/// The rate of resyncs of a new stand-in, in bytes per second.
const RATE: u64 = 100_000_000;

/// The directory, locked.
pub(crate) struct Store {
    /// The directory.
    pub(crate) dir: PathBuf,
    /// Its content.
    pub(crate) state: State,
    _lock: File,
}

/// The state of all hosts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    /// The simulated state of DRBD.
    pub(crate) drbd: StandIn,
    /// The real resources of each host.
    pub(crate) hosts: Vec<Real>,
}

/// The real resources of a host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Real {
    /// The host.
    pub(crate) id: (String, String),
    /// The boot of the host that they belong to.
    pub(crate) boot: crate::boot::Boot,
    /// Its disks, by the paths in its configuration.
    pub(crate) disks: BTreeMap<String, Place>,
    /// The devices that can be opened, by resource.
    pub(crate) devices: BTreeMap<String, Device>,
}

impl Store {
    /// Locks a directory, which is created if it is missing, and reads its content.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.with_context(|| format!("the directory {} cannot be made", dir.display()))?;
        let lock = dir.join("lock");
        let locked = File::options().create(true).append(true).open(&lock).and_then(|file| file.lock().map(|()| file));
        let lock = locked.with_context(|| format!("{} cannot be locked", lock.display()))?;
        let path = dir.join("state.json");
        let state = match fs::read_to_string(&path) {
            Ok(text) => {
                let state: State = serde_json::from_str(&text).with_context(|| {
                    format!(
                        "{} cannot be read: `cutover-drbd-stand-in clear` of its own version removes it",
                        path.display()
                    )
                })?;
                ensure!(state.version == VERSION, "{} is of version {}, not {VERSION}", path.display(), state.version);
                state
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                State { version: VERSION, drbd: StandIn::new(crate::now(), RATE), hosts: Vec::new() }
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        Ok(Self { dir: dir.to_owned(), state, _lock: lock })
    }

    /// Writes the content, as a whole or not at all.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let (new, path) = (self.dir.join("state.json.new"), self.dir.join("state.json"));
        let text = serde_json::to_string(&self.state)?;
        let written =
            File::create(&new).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
        let stored = written.and_then(|()| fs::rename(&new, &path));
        stored.with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Removes the content.
    pub(crate) fn clear(self) -> anyhow::Result<()> {
        for name in ["state.json", "state.json.new"] {
            remove(&self.dir.join(name), |path| fs::remove_file(path))?;
        }
        remove(&self.nodes(), |path| fs::remove_dir_all(path))
    }

    /// The directory of the device nodes by which every host reaches the disks of every other.
    pub(crate) fn nodes(&self) -> PathBuf {
        self.dir.join("nodes")
    }

    /// The real resources of a host.
    pub(crate) fn host(&self, id: &(String, String)) -> Option<&Real> {
        self.state.hosts.iter().find(|host| host.id == *id)
    }

    /// The real resources of a host, mutable.
    pub(crate) fn host_mut(&mut self, id: &(String, String)) -> &mut Real {
        let index = self.state.hosts.iter().position(|host| host.id == *id).unwrap_or_else(|| {
            self.state.hosts.push(Real { id: id.clone(), ..Real::default() });
            self.state.hosts.len() - 1
        });
        &mut self.state.hosts[index]
    }
}

fn remove(path: &Path, how: impl FnOnce(&Path) -> std::io::Result<()>) -> anyhow::Result<()> {
    match how(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}
