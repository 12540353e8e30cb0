//! Other resources of a node that have what this one is to get: its minor, its port, its disk. They are looked for in the kernel and in
//! the configuration, where one that is down shows, too: `drbdadm` refuses all it is asked for as soon as two files claim the same.

use cutover_engine::inventory::PairMember;
use cutover_engine::text;
use cutover_engine::text::Text;

use crate::support::drbd::config::ends::End;
use crate::support::drbd::config::tree::read;
use crate::support::drbd::config::{endpoint, remote};

/// What others have, each once.
#[derive(Debug, Default)]
pub(super) struct Others(Vec<Text>);

impl Others {
    /// What was found, in words.
    pub(super) fn found(self) -> Vec<Text> {
        self.0
    }

    fn add(&mut self, words: Text) {
        if !self.0.contains(&words) {
            self.0.push(words);
        }
    }

    fn minor(&mut self, member: &PairMember, minor: &str, name: &str) {
        if member.device.strip_prefix("/dev/drbd") == Some(minor) {
            let device = &member.device;
            self.add(text!("drbd_resource.minor-taken", "{device} is the device of {name}", device, name));
        }
    }

    fn port(&mut self, member: &PairMember, local: &str, name: &str) {
        if local == endpoint(member) {
            let PairMember { address, port, .. } = member;
            self.add(text!(
                "drbd_resource.port-taken",
                "{address} port {port} is in use by {name}",
                address,
                port,
                name
            ));
        }
    }

    fn disk(&mut self, own: &PairMember, kernel_name: &str, disk: &str, name: &str) {
        if disk == own.disk || disk == kernel_name {
            self.add(text!("drbd_resource.disk-taken", "{disk} is the disk of {name}", disk = &own.disk, name));
        }
    }

    /// Adds those of the kernel, from `drbdsetup events2`. Only DRBD 9 tells ports and disks.
    pub(super) fn of_kernel(&mut self, text: &str, resource: &str, own: &PairMember, kernel_name: &str) {
        for line in text.lines() {
            let pairs: Vec<(&str, &str)> = line.split_whitespace().filter_map(|word| word.split_once(':')).collect();
            let get = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            let Some(name) = get("name").filter(|name| *name != resource) else { continue };
            if let Some(minor) = get("minor") {
                self.minor(own, minor, name);
            }
            if let Some((_, local)) = get("local").and_then(|local| local.split_once(':')) {
                self.port(own, local, name);
            }
            if let Some(disk) = get("backing_dev") {
                self.disk(own, kernel_name, disk, name);
            }
        }
    }

    /// Adds those of the configuration, from `drbdadm dump`. Other hosts' ends count as drbdadm counts them: by the name of the
    /// section, and by address and port.
    pub(super) fn of_configuration(
        &mut self,
        dump: &str,
        resource: &str,
        (own, peer): (&PairMember, &PairMember),
        kernel_name: &str,
    ) {
        let items = read(dump);
        for item in items.iter().filter(|item| item.keyword() == "resource" && item.value() != resource) {
            let name = item.value();
            for end in End::all(item) {
                let is = |host: &str| end.names.iter().any(|name| name == host);
                for volume in &end.volumes {
                    for (host, member) in [(own.hostname.clone(), own), (remote(peer), peer)] {
                        if let Some(minor) = volume.minor.as_ref().filter(|_| is(&host)) {
                            self.minor(member, minor, &name);
                        }
                    }
                    if let Some(disk) = volume.disk.as_ref().filter(|_| is(&own.hostname)) {
                        self.disk(own, kernel_name, disk, &name);
                    }
                }
                for member in [own, peer] {
                    if let Some(address) = &end.address {
                        self.port(member, address, &name);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn kernel(text: &str) -> Vec<Text> {
        let cx = testing::pair_context();
        let (_, own, _) = cx.pair().unwrap();
        let mut others = Others::default();
        others.of_kernel(text, "etcd0", own, "/dev/vdb");
        others.found()
    }

    fn configuration(text: &str) -> Vec<Text> {
        let cx = testing::pair_context();
        let (_, own, peer) = cx.pair().unwrap();
        let mut others = Others::default();
        others.of_configuration(text, "etcd0", (own, peer), "/dev/vdb");
        others.found()
    }

    #[test]
    fn those_in_the_kernel_are_found() {
        assert_eq!(kernel(include_str!("../../support/drbd/fixtures/drbd-9.2.14.txt")), Vec::<Text>::new());
        let text = "exists resource name:redis0 role:Secondary\n\
                    exists device name:redis0 volume:0 minor:0 backing_dev:/dev/vdb disk:UpToDate\n\
                    exists device name:kafka0 volume:0 minor:10 backing_dev:/dev/vdc disk:UpToDate\n\
                    exists path name:redis0 peer-node-id:2 conn-name:x local:ipv4:172.16.1.1:7790 peer:ipv4:172.16.2.1:7790\n\
                    exists path name:kafka0 peer-node-id:2 conn-name:x local:ipv4:172.16.1.1:7791 peer:ipv4:172.16.2.1:7790\n";
        assert_eq!(
            kernel(text),
            [
                "/dev/drbd0 is the device of redis0",
                "/dev/sdc is the disk of redis0",
                "172.16.1.1 port 7790 is in use by redis0"
            ]
        );
    }

    #[test]
    fn those_that_are_down_are_found_as_drbdadm_counts_them() {
        let end = |host: &str, minor: u32, disk: &str, address: &str| {
            format!("on {host} {{ device /dev/drbd{minor} minor {minor}; disk {disk}; address ipv4 {address}; }}\n")
        };
        let resource = |name: &str, ends: [String; 2]| format!("resource {name} {{\n{}}}\n", ends.concat());
        let far = || end("elsewhere", 0, "/dev/sdc", "10.9.9.9:7790");
        let of = |own: String| configuration(&resource("r0", [own, far()]));
        assert_eq!(of(end("worker01", 1, "/dev/sdd", "172.16.1.1:7791")), Vec::<Text>::new());
        assert_eq!(of(end("worker01", 0, "/dev/sdd", "172.16.1.1:7791")), ["/dev/drbd0 is the device of r0"]);
        assert_eq!(of(end("worker01", 1, "/dev/sdc", "172.16.1.1:7791")), ["/dev/sdc is the disk of r0"]);
        assert_eq!(of(end("worker01", 1, "/dev/vdb", "172.16.1.1:7791")), ["/dev/sdc is the disk of r0"]);
        assert_eq!(of(end("worker01", 1, "/dev/sdd", "172.16.1.1:7790")), ["172.16.1.1 port 7790 is in use by r0"]);
        assert_eq!(of(end("a", 0, "/dev/sdc", "172.16.2.1:7790")), ["172.16.2.1 port 7790 is in use by r0"]);
        let remote = end("remote_172.16.2.1", 0, "/dev/sdd", "172.16.2.1:7791");
        assert_eq!(of(remote), ["/dev/drbd0 is the device of r0"]);
        // Its own ends, and volumes of others beside the first.
        let own = resource("etcd0", [end("worker01", 0, "/dev/sdc", "172.16.1.1:7790"), far()]);
        assert_eq!(configuration(&own), Vec::<Text>::new());
        let volumes = "resource r1 { on worker01 { volume 0 { device minor 7; disk /dev/sdx; } volume 1 { device minor 0; disk /dev/sdc; } } }";
        assert_eq!(configuration(volumes), ["/dev/drbd0 is the device of r1", "/dev/sdc is the disk of r1"]);
    }
}
