//! The ends of a resource as a configuration file has them, each with all its volumes: what two files can be compared by,
//! however they are written.

use super::tree::{Item, read};

/// A host of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// The names of the section: `on NAME...`.
    pub(crate) names: Vec<String>,
    /// Its volumes. One without a number is number 0.
    pub(crate) volumes: Vec<Volume>,
    /// The address and port, without the family: `172.16.1.1:7790`, `[fd01::1]:7790`.
    pub(crate) address: Option<String>,
    /// The number of the host, as it is written.
    pub(crate) node_id: Option<String>,
}

/// A volume of a host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Volume {
    /// Its number, as it is written.
    pub(crate) number: String,
    /// The minor number of its device.
    pub(crate) minor: Option<String>,
    /// Its backing disk.
    pub(crate) disk: Option<String>,
}

impl End {
    /// The ends of a resource: its `on` sections, with what stands in the resource for all of them.
    pub(crate) fn all(resource: &Item) -> Vec<Self> {
        resource.sections("on").map(|on| Self::of(resource, on)).collect()
    }

    fn of(resource: &Item, on: &Item) -> Self {
        let mut volumes: Vec<Volume> = Vec::new();
        for section in [on, resource] {
            let own = std::iter::once((String::from("0"), section));
            let numbered = section.sections("volume").map(|volume| (volume.value(), volume));
            for (number, item) in own.chain(numbered) {
                let (minor, disk) =
                    (item.statement("device").and_then(|device| minor(&device)), item.statement("disk"));
                if minor.is_none() && disk.is_none() {
                    continue;
                }
                match volumes.iter_mut().find(|volume| volume.number == number) {
                    // What stands nearer counts.
                    Some(known) => {
                        known.minor = known.minor.take().or(minor);
                        known.disk = known.disk.take().or(disk);
                    }
                    None => volumes.push(Volume { number, minor, disk }),
                }
            }
        }
        let address = on.statement("address").and_then(|address| address.split(' ').next_back().map(str::to_owned));
        let names = on.words.get(1..).unwrap_or_default().to_vec();
        Self { names, volumes, address, node_id: on.statement("node-id") }
    }
}

/// The backing disk that a file names for a resource's first volume on a host.
pub(crate) fn disk_of(text: &str, resource: &str, host: &str) -> Option<String> {
    let items = read(text);
    let it = items.iter().find(|item| item.keyword() == "resource" && item.value() == resource)?;
    let end = End::all(it).into_iter().find(|end| end.names.iter().any(|name| name == host))?;
    end.volumes.into_iter().find_map(|volume| volume.disk)
}

/// The minor number of `/dev/drbd0`, `minor 0` or `/dev/drbd_data minor 0`.
fn minor(device: &str) -> Option<String> {
    let mut words = device.split(' ');
    let last = words.next_back()?;
    match words.next_back() {
        Some(_) => Some(last.to_owned()),
        None => last.strip_prefix("/dev/").unwrap_or(last).strip_prefix("drbd").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_all_hosts_counts_for_each() {
        let text = "resource r { device minor 3; on a { disk /dev/sda; address ipv4 10.0.0.1:7; node-id 1; }\n\
                    on b { volume 0 { device /dev/drbd_x minor 4; disk /dev/sdb; } volume 1 { disk /dev/sdc; } } }";
        let ends = End::all(&read(text)[0]);
        let shown: Vec<_> = ends
            .iter()
            .flat_map(|end| end.volumes.iter().map(|volume| (end.names[0].as_str(), volume)))
            .map(|(host, Volume { number, minor, disk })| {
                format!("{host} {number} {} {}", minor.as_deref().unwrap_or("-"), disk.as_deref().unwrap_or("-"))
            })
            .collect();
        assert_eq!(shown, ["a 0 3 /dev/sda", "b 0 4 /dev/sdb", "b 1 - /dev/sdc"]);
        assert_eq!((ends[0].address.as_deref(), ends[0].node_id.as_deref()), (Some("10.0.0.1:7"), Some("1")));
        assert_eq!(disk_of(text, "r", "b").as_deref(), Some("/dev/sdb"));
        assert_eq!(
            (disk_of(text, "r", "c"), disk_of(text, "s", "b"), disk_of("resorce", "r", "b")),
            (None, None, None)
        );
        assert_eq!(minor("/dev/drbd12").as_deref(), Some("12"));
        assert_eq!(minor("drbd12").as_deref(), Some("12"));
    }
}
