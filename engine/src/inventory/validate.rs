//! Validates an inventory: names exist, hosts are different ones, and ids, ports, devices and disks do not collide.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::file::PairFile;
use super::load::named;
use super::{Connection, Inventory};
use crate::source::{Fault, Faults, Location, Node};

/// DRBD's largest node id: the range in drbd.conf(5) of DRBD 9 is 0 to 16.
const MAX_NODE_ID: u8 = 16;

/// The largest minor number that the kernel's 20 bits have room for.
const MAX_MINOR: u32 = (1 << 20) - 1;
/// Words that drbdadm takes for something else than the name of a resource.
const RESERVED: [&str; 1] = ["all"];

/// Adds every fault.
pub(super) fn validate(inventory: &Inventory, files: &[PairFile], tree: &Node, faults: &mut Faults) {
    roles(inventory, tree, faults);
    nodes(inventory, tree, faults);
    same_hosts(inventory, tree, faults);
    members(inventory, files, tree, faults);
    collisions(inventory, tree, faults);
}

fn roles(inventory: &Inventory, tree: &Node, faults: &mut Faults) {
    let roles = &inventory.roles;
    for (role, site) in [("active", &roles.active), ("passive", &roles.passive)] {
        if !inventory.sites.contains_key(site) {
            let at = &tree.deepest(&format!("/roles/{role}")).at;
            let fault = Fault::at(at, format!("role `{role}` names the site `{site}`, which does not exist"));
            faults.push(named(fault, site, inventory.sites.keys()));
        }
    }
    if roles.active == roles.passive {
        let at = &tree.deepest("/roles/passive").at;
        faults.push(Fault::at(at, format!("`{}` cannot be active and passive at once", roles.active)));
    }
}

fn nodes(inventory: &Inventory, tree: &Node, faults: &mut Faults) {
    let place = |site: &str, node: &str| tree.deepest(&format!("/sites/{site}/nodes/{node}/address")).at.clone();
    for site in inventory.sites.values() {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for node in site.nodes.values() {
            if let Some((why, help)) = no_address(&node.address) {
                let fault = Fault::at(&place(&site.name, &node.name), format!("address `{}` {why}", node.address));
                faults.push(fault.help(help));
            }
            if node.hostname.is_empty()
                || node.hostname.contains(|letter: char| letter.is_whitespace() || letter == '"')
            {
                let at = &tree.deepest(&format!("/sites/{}/nodes/{}/hostname", site.name, node.name)).at;
                faults.push(Fault::at(at, format!("`{}` is not what `hostname` prints on a host", node.hostname)));
            }
            if let Some(first) = seen.insert(plain(&node.address), &node.name) {
                let message = format!("`{}` and `{first}` have the same address {}", node.name, node.address);
                faults.push(Fault::at(&place(&site.name, &node.name), message));
            }
        }
    }
}

/// No host may be a node of both sites: it would be its own standby. Behind two jump hosts or two ports one address is two hosts;
/// nodes that are this machine, or containers on it, are distinguished by other means.
fn same_hosts(inventory: &Inventory, tree: &Node, faults: &mut Faults) {
    let mut seen: BTreeMap<(String, u16, Option<&str>), String> = BTreeMap::new();
    for site in inventory.sites.values().filter(|site| site.connection == Connection::Ssh) {
        let mut own = Vec::new();
        for node in site.nodes.values() {
            let name = format!("{}/{}", site.name, node.name);
            let key = (plain(&node.address), site.ssh.port, site.ssh.jump.as_deref());
            if let Some(first) = seen.get(&key) {
                let at = &tree.deepest(&format!("/sites/{}/nodes/{}/address", site.name, node.name)).at;
                let message = format!("`{name}` and `{first}` are one host: both have the address {}", node.address);
                faults.push(Fault::at(at, message).help("a host belongs to one site"));
            }
            own.push((key, name));
        }
        seen.extend(own);
    }
    let mut clusters: BTreeMap<&str, &str> = BTreeMap::new();
    for site in inventory.sites.values() {
        let Some(uid) = &site.kubernetes.uid else { continue };
        if let Some(first) = clusters.insert(uid, &site.name) {
            let at = &tree.deepest(&format!("/sites/{}/kubernetes/uid", site.name)).at;
            faults
                .push(Fault::at(at, format!("`{}` and `{first}` are one cluster: both have the uid {uid}", site.name)));
        }
    }
}

/// Why a text is not the address of a host, and what to write.
fn no_address(text: &str) -> Option<(&'static str, &'static str)> {
    let help = "write an IP address or a name, without user and port";
    let alone = text.parse::<IpAddr>();
    match alone {
        Ok(address) if address.is_unspecified() || address.is_multicast() => Some(("is not one of a host", help)),
        Ok(_) => None,
        Err(_) if text.is_empty() => Some(("is empty", help)),
        Err(_) if text.contains(':') => Some(("is not an IP address or a name", "the port is `ssh.port` of the site")),
        Err(_) => {
            let good = |letter: char| letter.is_alphanumeric() || "._-".contains(letter);
            let bad = !text.chars().all(good) || text.starts_with(['-', '.']);
            bad.then_some(("is not an IP address or a name", help))
        }
    }
}

/// An address as one of several ways to write it.
fn plain(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => address.trim_end_matches('.').to_ascii_lowercase(),
    }
}

fn members(inventory: &Inventory, files: &[PairFile], tree: &Node, faults: &mut Faults) {
    let mut resources: BTreeMap<&str, usize> = BTreeMap::new();
    for (pair, file) in inventory.pairs.iter().zip(files) {
        let place = |rest: &str| tree.deepest(&format!("/pairs/{}{rest}", pair.ordinal)).at.clone();
        if let Some(first) = resources.insert(&pair.resource, pair.ordinal) {
            let message = format!("pairs {first} and {} have the same resource `{}`", pair.ordinal, pair.resource);
            faults.push(Fault::at(&place("/resource"), message));
        }
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if pair.resource.is_empty() || !pair.resource.chars().all(good) || pair.resource.starts_with(['-', '.']) {
            faults.push(Fault::at(&place("/resource"), format!("`{}` cannot be a resource's name", pair.resource)));
        }
        if RESERVED.contains(&pair.resource.as_str()) {
            let message = format!("`{}` cannot be a resource's name: drbdadm means all resources by it", pair.resource);
            faults.push(Fault::at(&place("/resource"), message));
        }
        for role in [&inventory.roles.active, &inventory.roles.passive] {
            if !file.members.contains_key(role) && inventory.sites.contains_key(role) {
                faults
                    .push(Fault::at(&place("/members"), format!("pair `{}` has no member on `{role}`", pair.resource)));
            }
        }
        if file.members.len() > 2 {
            faults.push(Fault::at(&place("/members"), format!("pair `{}` has more than two members", pair.resource)));
        }
        let mut ids: BTreeMap<u8, &str> = BTreeMap::new();
        for (site, member) in &file.members {
            let at = place(&format!("/members/{site}/node_id"));
            if member.node_id > MAX_NODE_ID {
                faults.push(
                    Fault::at(&at, format!("node_id {} is out of range", member.node_id))
                        .help("DRBD takes 0 to 16 (drbd.conf(5))"),
                );
            }
            if let Some(other) = ids.insert(member.node_id, site) {
                faults.push(Fault::at(&at, format!("`{other}` and `{site}` have the same node_id {}", member.node_id)));
            }
        }
        for (site, member) in &pair.members {
            match member.address.parse::<IpAddr>() {
                Err(_) => {
                    let at = place(&format!("/members/{site}/address"));
                    faults.push(
                        Fault::at(&at, format!("DRBD needs an IP address, and `{}` is none", member.address))
                            .help("set the member's `address`"),
                    );
                }
                Ok(address) if address.is_unspecified() || address.is_multicast() => {
                    let at = place(&format!("/members/{site}/address"));
                    faults.push(Fault::at(&at, format!("`{}` is not the address of a host", member.address)));
                }
                Ok(_) => {}
            }
            let port = field(tree, pair.ordinal, site, "port");
            if member.port == 0 && !reported(faults, port) {
                faults.push(Fault::at(port, "DRBD cannot listen on port 0").help("it uses 7788 and up"));
            }
            for (what, wrong) in [("device", no_device(&member.device)), ("disk", no_disk(&member.disk))] {
                let at = field(tree, pair.ordinal, site, what);
                // A fault that both members inherit from the pair is reported once.
                if let Some((message, help)) = wrong.filter(|_| !reported(faults, at)) {
                    let fault = Fault::at(at, message);
                    faults.push(if help.is_empty() { fault } else { fault.help(help) });
                }
            }
        }
        if let [one, two] = pair.members.values().collect::<Vec<_>>().as_slice()
            && plain(&one.address) == plain(&two.address)
        {
            let at = place(&format!("/members/{}/address", two.site));
            let message =
                format!("both members of `{}` have the address {}: a pair is two hosts", pair.resource, two.address);
            faults.push(Fault::at(&at, message));
        }
    }
}

/// Whether a fault at this place is reported already.
fn reported(faults: &Faults, at: &Location) -> bool {
    faults.0.iter().any(|fault| fault.at.as_ref() == Some(at))
}

/// Why a text is not a DRBD device, and what to write.
fn no_device(path: &str) -> Option<(String, &'static str)> {
    if !path.starts_with("/dev/") {
        return Some((format!("device `{path}` is not a path below /dev"), ""));
    }
    let minor = path.strip_prefix("/dev/drbd");
    match minor.filter(|minor| plain_number(minor)).and_then(|minor| minor.parse::<u32>().ok()) {
        Some(minor) if minor <= MAX_MINOR => None,
        _ => Some((
            format!("device `{path}` is not /dev/drbdN, with the minor number N from 0 to {MAX_MINOR}"),
            "links such as /dev/drbd/by-res/... are made by DRBD itself, of the resource's name",
        )),
    }
}

/// Digits without a sign or a leading zero.
fn plain_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

/// Why a text is not the path of a backing disk, and what to write.
fn no_disk(path: &str) -> Option<(String, &'static str)> {
    let Some(name) = path.strip_prefix("/dev/") else {
        return Some((format!("disk `{path}` is not a path below /dev"), ""));
    };
    // A resource file takes these for the end of a word.
    let bad = name.split('/').any(|part| matches!(part, "" | "." | ".."))
        || name.contains(|letter: char| letter.is_whitespace() || letter.is_control() || "{};#\"\\".contains(letter));
    if bad {
        return Some((format!("disk `{path}` is not the path of a device"), "best is one below /dev/disk/by-id"));
    }
    let drbd = name.strip_prefix("drbd").is_some_and(|rest| plain_number(rest) || rest.starts_with(['/', '_']));
    drbd.then(|| (format!("disk `{path}` is a DRBD device itself"), "name the disk that is to hold the data"))
}

/// The things that no two pairs may share on one node.
fn collisions(inventory: &Inventory, tree: &Node, faults: &mut Faults) {
    let mut seen: BTreeMap<(String, &str, String), &str> = BTreeMap::new();
    let mut addresses: BTreeMap<String, (&str, String)> = BTreeMap::new();
    for pair in inventory.pairs.iter() {
        for member in pair.members.values() {
            let node = format!("{}/{}", member.site, member.node);
            let uses = [
                ("device", node.clone(), member.device.clone()),
                ("disk", node.clone(), member.disk.clone()),
                ("port", plain(&member.address), member.port.to_string()),
            ];
            for (what, of, value) in uses {
                let first = seen.insert((of, what, value.clone()), &pair.resource);
                // The two members of one pair have a message of their own.
                if let Some(first) = first.filter(|first| *first != pair.resource) {
                    let at = field(tree, pair.ordinal, &member.site, what);
                    let message = format!("`{first}` and `{}` both use {what} {value} on {node}", pair.resource);
                    faults.push(Fault::at(at, message));
                }
            }
            let address = plain(&member.address);
            match addresses.get(&address) {
                Some((first, of)) if *of != node => {
                    let at = &tree.deepest(&format!("/pairs/{}/members/{}", pair.ordinal, member.site)).at;
                    let message = format!("{node} has the address {} that {of} has in `{first}`", member.address);
                    if *first != pair.resource {
                        faults.push(Fault::at(at, message).help("an address belongs to one host"));
                    }
                }
                Some(_) => {}
                None => drop(addresses.insert(address, (pair.resource.as_str(), node))),
            }
        }
    }
}

/// Where a member's field is set: on the member itself, or for the whole pair.
fn field<'t>(tree: &'t Node, ordinal: usize, site: &str, what: &str) -> &'t Location {
    let member = tree.deepest(&format!("/pairs/{ordinal}/members/{site}"));
    match member.get(what) {
        Some(own) => &own.at,
        None => &tree.deepest(&format!("/pairs/{ordinal}/{what}")).at,
    }
}
