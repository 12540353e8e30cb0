//! systemd units that mount a file system at boot: their names and their text. Not how they get onto a node.

use std::fmt::Write;

/// Where the units go.
pub(crate) const DIRECTORY: &str = "/etc/systemd/system";

/// How a unit begins that was written here.
const MARK: &str = "# Written by cutover.";

/// Whether a unit's text is one that was written here, and not by somebody else.
pub(crate) fn is_ours(text: &str) -> bool {
    text.starts_with(MARK)
}

/// The mount to be made at boot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boot<'a> {
    /// The device.
    pub(crate) device: &'a str,
    /// The directory.
    pub(crate) path: &'a str,
    /// The file system type.
    pub(crate) kind: &'a str,
    /// Mount options.
    pub(crate) options: &'a [String],
    /// The file whose presence says that this node is to be Primary.
    pub(crate) marker: &'a str,
    /// The DRBD resource, if the device is one.
    pub(crate) resource: Option<&'a str>,
    /// Whether to promote the resource too, where nothing else does.
    pub(crate) promote: bool,
}

impl Boot<'_> {
    /// The units by name: the mount and, for a DRBD device, the service that tries again once the resource is Primary.
    ///
    /// If that service promotes too, it waits for the peer: connected, Secondary, and the disk here UpToDate. A node that
    /// comes back alone cannot know whether the other side took over meanwhile, and a split brain is worse than a wait.
    ///
    /// The mount is ordered before kubelet, so that pods find it, but it does not hold kubelet up: on platforms where a pod
    /// promotes the resource, waiting for the Primary role before kubelet would wait for ever. `_netdev` keeps the mount out
    /// of local-fs.target, which comes before the network that DRBD needs.
    pub(crate) fn units(&self) -> Vec<(String, String)> {
        let Self { device, path, kind, marker, resource, promote, .. } = self;
        let mount = unit_name(path, "mount");
        let options = self.options.iter().map(String::as_str).filter(|option| *option != "defaults");
        let options = ["_netdev"].into_iter().chain(options).collect::<Vec<_>>().join(",");
        let mut text = format!("{MARK} The marker says whether this node mounts it at boot.\n");
        let _ = write!(
            text,
            "[Unit]\nDescription=Mount {device} at {path} where it is Primary\nConditionPathExists={marker}\n\
             After=drbd.service\nBefore=kubelet.service\n\n\
             [Mount]\nWhat={device}\nWhere={path}\nType={kind}\nOptions={options}\n\n\
             [Install]\nWantedBy=multi-user.target\n",
            path = percent(path),
            device = percent(device),
            marker = percent(marker),
        );
        let mut units = vec![(mount.clone(), text)];
        if let Some(resource) = resource {
            let mut text = format!(
                "{MARK} Mounts as soon as the resource is Primary, if it was not yet when the mount was tried.\n"
            );
            if *promote {
                text += "# Makes it Primary as soon as its disk is UpToDate and its peer connected and Secondary. To do without the peer,\n\
                         # be sure that it is not Primary, and run `drbdadm primary` by hand.\n";
            }
            let quoted = quote(resource);
            let primary = format!("*' name:{resource} role:Primary'*) systemctl start {};;", quote(&mount));
            let promotion = match promote {
                true => {
                    format!(" *' connection:Connected role:Secondary'*' disk:UpToDate'*) drbdadm primary {quoted};;")
                }
                false => String::new(),
            };
            let script = format!(
                "until mountpoint -q {path}; do test -e {marker} || exit 0; \
                 case $(drbdsetup events2 --now {quoted} 2>/dev/null) in {primary}{promotion} esac; sleep 2; done",
                path = quote(path),
                marker = quote(marker),
            );
            let _ = write!(
                text,
                "[Unit]\nDescription=Mount {path} once {resource} is Primary\nConditionPathExists={marker}\n\
                 After=drbd.service {boot} {mount}\n\n\
                 [Service]\nExecStart=/bin/sh -c \"{script}\"\n\n\
                 [Install]\nWantedBy=multi-user.target\n",
                path = percent(path),
                marker = percent(marker),
                boot = percent(&boot_unit(resource)),
                mount = percent(&mount),
                script = percent(&script).replace('\\', r"\\").replace('"', "\\\"").replace('$', "$$"),
            );
            units.push((format!("cutover-{}", unit_name(path, "service")), text));
        }
        units
    }
}

/// The name that systemd wants for a path, as `systemd-escape -p --suffix=SUFFIX PATH` prints it.
pub(crate) fn unit_name(path: &str, suffix: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    let mut name = String::new();
    for (index, byte) in parts.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name += r"\x2e",
            b'_' | b':' | b'.' => name.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            _ => drop(write!(name, r"\x{byte:02x}")),
        }
    }
    format!("{}.{suffix}", if name.is_empty() { "-" } else { &name })
}

/// drbd-utils' own unit that brings one resource up at boot.
pub(crate) fn boot_unit(resource: &str) -> String {
    format!("drbd@{}", unit_name(resource, "target"))
}

/// systemd expands `%`; a doubled one stands for itself.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

fn quote(text: &str) -> String {
    cutover_engine::world::quote(text)
}

#[cfg(test)]
mod tests {
    use std::process::Command as Process;

    use super::*;

    const PATHS: [&str; 6] = [
        "/data/vmdata/hpvolumes/pvc-66129604-196d",
        "/",
        "/mnt/a b",
        "//mnt//x/",
        "/.hidden/.b",
        "/daten/größe_1:2.3%",
    ];

    #[test]
    fn names_are_those_of_systemd_escape() {
        let ours = PATHS.map(|path| unit_name(path, "mount"));
        assert_eq!(ours[0], r"data-vmdata-hpvolumes-pvc\x2d66129604\x2d196d.mount");
        assert_eq!(ours[1], "-.mount");
        let Ok(output) = Process::new("systemd-escape").args(["-p", "--suffix=mount"]).args(PATHS).output() else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ours);
    }

    #[test]
    fn a_resource_is_an_instance_of_the_unit_of_drbd_utils() {
        assert_eq!(boot_unit("etcd0"), "drbd@etcd0.target");
        assert_eq!(boot_unit("common-etcd.0"), r"drbd@common\x2detcd.0.target");
    }

    #[test]
    fn the_units_say_what_they_do() {
        let options = ["noatime".to_owned(), "defaults".to_owned()];
        let boot = Boot {
            device: "/dev/drbd0",
            path: "/data/vmdata/hpvolumes/etcd-0",
            kind: "ext4",
            options: &options,
            marker: "/etc/drbd.d/cke_etcd0.primary",
            resource: Some("etcd0"),
            promote: true,
        };
        let text = boot.units().into_iter().map(|(name, text)| format!("== {name}\n{text}")).collect::<String>();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn systemd_finds_nothing_wrong_with_the_units() {
        let path = std::env::temp_dir().join(format!("cutover-units-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory can be made");
        let boot = Boot {
            device: "/dev/drbd0",
            path: "/data/volumes/50%-odd name",
            kind: "ext4",
            options: &[],
            marker: "/etc/drbd.d/cke_etcd0.primary",
            resource: Some("etcd0"),
            promote: true,
        };
        let units = boot.units();
        for (name, text) in &units {
            std::fs::write(path.join(name), text).expect("the unit can be written");
        }
        let files = units.iter().map(|(name, _)| path.join(name));
        let verified = Process::new("systemd-analyze").args(["verify", "--man=no"]).args(files).output();
        std::fs::remove_dir_all(&path).expect("the directory can be removed");
        let Ok(output) = verified else { return };
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours: Vec<&str> =
            stderr.lines().filter(|line| line.contains("cutover") || line.contains("data-volumes")).collect();
        assert!(ours.is_empty(), "{stderr}");
    }
}
