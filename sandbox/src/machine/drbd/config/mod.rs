//! drbdadm's configuration: `/etc/drbd.d/global_common.conf` and `/etc/drbd.d/*.res` of a machine, read, checked and
//! printed in drbdadm's own words. It knows resources of two `on` sections with one volume each, and says so of
//! anything else.

mod check;
mod dump;
mod known;
mod parse;
mod token;

use super::{Connection, DiskState, DrbdResource, Endpoint, Options, Peer, Replication};
use crate::machine::Machine;

/// Where resource files are.
const DIRECTORY: &str = "/etc/drbd.d";

/// A configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Config {
    /// The resources, in the order of their files.
    pub(crate) resources: Vec<Resource>,
    /// What `common` sets for all of them.
    common: Vec<Section>,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Its name.
    pub(crate) name: String,
    /// The file and line of its definition.
    pub(crate) at: (String, usize),
    /// What holds for both hosts.
    volume: Volume,
    /// Its `on` sections.
    pub(crate) hosts: Vec<Host>,
    /// Its `options`, `net`, `disk`, `startup` and `handlers` sections.
    sections: Vec<Section>,
}

/// An `on` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// The host's name.
    pub(crate) name: String,
    /// The line of the section.
    line: usize,
    /// `node-id`.
    node_id: Option<u32>,
    volume: Volume,
    /// `address`: the family, the IP address, the port.
    address: Option<(String, Endpoint)>,
}

/// `device`, `disk` and `meta-disk`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Volume {
    device: Option<(String, u32)>,
    disk: Option<String>,
    meta_disk: bool,
}

/// A section of options.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    name: &'static str,
    options: Vec<(String, String)>,
}

impl Config {
    /// Reads a machine's configuration. `legacy`: as drbdadm does for DRBD 8.4.
    ///
    /// # Errors
    /// What drbdadm prints, before it exits with code 10.
    pub(crate) fn load(machine: &Machine, legacy: bool) -> Result<Self, String> {
        let names = machine.list_dir(DIRECTORY).unwrap_or_default();
        let (mut common, mut rest) = (Vec::new(), Vec::new());
        for name in names {
            match name.as_str() {
                "global_common.conf" => common.push(name),
                _ if name.ends_with(".res") => rest.push(name),
                _ => {}
            }
        }
        let mut config = Self::default();
        for name in common.into_iter().chain(rest) {
            let path = format!("{DIRECTORY}/{name}");
            let bytes = machine.read_file(&path).map_err(|errno| format!("{path}: {errno}\n"))?;
            // While it parses, drbdadm names a file as /etc/drbd.conf includes it.
            config.read(&format!("drbd.d/{name}"), &String::from_utf8_lossy(&bytes), legacy)?;
        }
        for resource in &mut config.resources {
            resource.at.0.insert_str(0, "/etc/");
        }
        config.check(machine, legacy)?;
        Ok(config)
    }

    /// Tests a text alone, as `drbdadm -c - sh-nop` does with its standard input.
    ///
    /// # Errors
    /// What drbdadm prints, before it exits with code 10.
    pub(crate) fn test(machine: &Machine, text: &str, legacy: bool) -> Result<(), String> {
        let mut config = Self::default();
        config.read("STDIN", text, legacy)?;
        config.check(machine, legacy).map_err(|words| {
            let end = if legacy { "" } else { "command sh-nop exited with code 10\n" };
            words + end
        })
    }

    /// The resource of a name that has an `on` section for a host.
    pub(crate) fn find(&self, name: &str, hostname: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == name && resource.me(hostname).is_some())
    }

    /// The value of an option of a resource, `common` included.
    fn option<'a>(&'a self, resource: &'a Resource, section: &str, option: &str) -> Option<&'a str> {
        let sections = resource.sections.iter().chain(&self.common).filter(|there| there.name == section);
        let mut options = sections.flat_map(|section| &section.options);
        options.find(|(name, _)| name == option).map(|(_, value)| value.as_str())
    }

    /// What is set otherwise than by default, `common` included.
    fn set(&self, resource: &Resource) -> Vec<(String, String, String)> {
        let sections = resource.sections.iter().chain(&self.common);
        let mut found: Vec<(String, String, String)> = Vec::new();
        for (section, (name, value)) in
            sections.flat_map(|section| section.options.iter().map(move |option| (section.name, option)))
        {
            let known = found.iter().any(|(_, other, _)| other == name);
            if !known && !known::is_default(name, value) {
                found.push((section.to_owned(), name.clone(), value.clone()));
            }
        }
        found
    }

    /// The resource as a kernel gets it on a host; `None` if the configuration lacks something it needs.
    pub(crate) fn kernel(&self, resource: &Resource, hostname: &str, legacy: bool) -> Option<DrbdResource> {
        let (me, peer) = (resource.me(hostname)?, resource.peer(hostname)?);
        let (device, minor) = resource.device(me)?.clone();
        let set = |section, name| self.option(resource, section, name).unwrap_or("no");
        let options = Options {
            two_primaries: set("net", "allow-two-primaries") == "yes",
            verify: self.option(resource, "net", "verify-alg").is_some(),
            outdates: !legacy || ["net", "disk"].iter().any(|section| set(section, "fencing").starts_with("resource")),
            quorum: !matches!(set("options", "quorum"), "no" | "off"),
            fails_writes: set("options", "on-no-quorum") == "io-error",
            set: self.set(resource),
        };
        let peer = Peer {
            name: if legacy { "peer".to_owned() } else { peer.name.clone() },
            node_id: if legacy { 0 } else { resource.node_id(peer) },
            endpoint: peer.address.as_ref()?.1.clone(),
            last: (false, DiskState::DUnknown),
            outdated: false,
        };
        Some(DrbdResource {
            name: resource.name.clone(),
            device,
            minor,
            disk: resource.disk(me)?.to_owned(),
            primary: false,
            node_id: resource.node_id(me),
            local: me.address.as_ref()?.1.clone(),
            peer,
            options,
            disk_state: DiskState::Diskless,
            connection: Connection::StandAlone,
            replication: Replication::Off,
            meeting: None,
            lost: None,
            discard: false,
            paused: false,
            progress: None,
            opened_ns: None,
            sent_kib: 0,
            received_kib: 0,
        })
    }
}

impl Resource {
    /// The section of a host itself.
    pub(crate) fn me(&self, hostname: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == hostname)
    }

    /// The section of the other host.
    pub(crate) fn peer(&self, hostname: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name != hostname)
    }

    /// A host's number: what is written, or its place in the order of names.
    pub(crate) fn node_id(&self, host: &Host) -> u32 {
        let before = self.hosts.iter().filter(|other| other.name < host.name).count();
        host.node_id.unwrap_or_else(|| u32::try_from(before).unwrap_or(0))
    }

    /// A host's device and its minor number.
    pub(crate) fn device<'a>(&'a self, host: &'a Host) -> Option<&'a (String, u32)> {
        host.volume.device.as_ref().or(self.volume.device.as_ref())
    }

    /// A host's backing disk.
    pub(crate) fn disk<'a>(&'a self, host: &'a Host) -> Option<&'a str> {
        host.volume.disk.as_deref().or(self.volume.disk.as_deref())
    }

    /// The options of a section, as they are written.
    pub(crate) fn options(&self, section: &str) -> impl Iterator<Item = &(String, String)> {
        self.sections.iter().filter(move |there| there.name == section).flat_map(|there| &there.options)
    }
}

impl Host {
    /// The address: family, IP address and port.
    pub(crate) fn address(&self) -> Option<&(String, Endpoint)> {
        self.address.as_ref()
    }
}
