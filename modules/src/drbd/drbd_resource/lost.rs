//! What a resource file holds that would be lost if it were written anew: volumes, hosts, sections and settings that the
//! inventory and the parameters do not name. A file is never made smaller in silence.

use cutover_engine::inventory::PairMember;
use cutover_engine::text;
use cutover_engine::text::Text;

use crate::support::drbd::config::ends::End;
use crate::support::drbd::config::tree::{Item, read};
use crate::support::drbd::config::{endpoint, is_ours, remote};

/// What the new text of a file lacks of the old one, in words for people; empty if nothing is lost. `unread`: the tools do not read
/// the old file, so that its settings never had an effect. The section `net` of a file that was written here is made of parameters,
/// and follows them.
pub(super) fn lost(old: &str, new: &str, resource: &str, unread: bool) -> Vec<String> {
    let ours = is_ours(old);
    let (old, new) = (read(old), read(new));
    let is_it = |item: &&Item| item.keyword() == "resource" && item.inside.is_some() && item.value() == resource;
    let remaining = new.iter().find(is_it).map(Item::items).unwrap_or_default();
    let beside = old.iter().filter(|item| !(is_it(item) || unread && item.inside.is_none()));
    let mut found: Vec<String> = beside.map(shown).collect();
    for it in old.iter().filter(is_it) {
        let ends = it.sections("on").count();
        for item in it.items() {
            match (item.keyword(), &item.inside) {
                ("on", Some(_)) if ends > 2 => found.push(item.words.join(" ")),
                ("on", Some(_)) => found.extend(lost_of_host(item)),
                ("volume", Some(_)) => found.extend(lost_of_volume(item, "")),
                // What stands here counts for both hosts; `protocol` stood here before there was a section `net`.
                ("device" | "disk" | "protocol", None) => {}
                ("meta-disk", None) if item.value() == "internal" => {}
                ("net", Some(_)) if ours => {}
                (keyword, Some(settings)) => match remaining.iter().find(|other| other.keyword() == keyword) {
                    Some(section) => {
                        let remains =
                            |setting: &&Item| section.items().iter().any(|other| other.keyword() == setting.keyword());
                        let gone = settings.iter().filter(|setting| !unread && !remains(setting));
                        found.extend(gone.map(|setting| format!("{keyword} {{ {} }}", shown(setting))));
                    }
                    None => found.push(shown(item)),
                },
                (_, None) if unread => {}
                (_, None) => found.push(shown(item)),
            }
        }
    }
    found
}

/// What a section `on` holds beside one volume, an address and a number.
fn lost_of_host(host: &Item) -> Vec<String> {
    let head = host.words.join(" ");
    let mut found = Vec::new();
    for item in host.items() {
        match (item.keyword(), &item.inside) {
            ("device" | "disk" | "node-id", None) => {}
            ("meta-disk", None) if item.value() == "internal" => {}
            ("address", None) if matches!(family(item), None | Some("ipv4" | "ipv6")) => {}
            ("volume", Some(_)) => found.extend(lost_of_volume(item, &format!("{head}: "))),
            _ => found.push(format!("{head}: {}", shown(item))),
        }
    }
    found
}

/// The family of an address, if it is written.
fn family(address: &Item) -> Option<&str> {
    address.words.get(1).filter(|_| address.words.len() > 2).map(String::as_str)
}

/// What a section `volume` holds beside the one device and disk that there can be.
fn lost_of_volume(volume: &Item, at: &str) -> Vec<String> {
    if volume.value() != "0" {
        return vec![format!("{at}{}", shown(volume))];
    }
    let known = |item: &&Item| match (item.keyword(), &item.inside) {
        ("device" | "disk", None) => true,
        ("meta-disk", None) => item.value() == "internal",
        _ => false,
    };
    volume.items().iter().filter(|item| !known(item)).map(|item| format!("{at}volume 0: {}", shown(item))).collect()
}

/// Where a file that somebody else wrote has another end than the inventory. One that was written here follows the inventory.
/// `own_disk`: whether a name is one of this end's disk.
pub(super) fn other_end(
    old: &str,
    resource: &str,
    (own, peer): (&PairMember, &PairMember),
    own_disk: &dyn Fn(&str) -> bool,
) -> Vec<Text> {
    if is_ours(old) {
        return Vec::new();
    }
    let ends = ends(old, resource);
    if ends.is_empty() {
        return Vec::new();
    }
    let Some(here) = ends.iter().find(|end| end.names.contains(&own.hostname)) else {
        return vec![other_hosts(&ends, &own.hostname)];
    };
    let there = ends.iter().find(|end| !std::ptr::eq(*end, here));
    let mut found = differences(own, here, own_disk);
    found.extend(there.map(|there| differences(peer, there, &|_| true)).unwrap_or_default());
    found
}

/// What of the ends is not as the inventory has it, in whatever file: what cannot change while the resource is up. The names of the
/// sections count, too: DRBD 9 calls its connection by them.
pub(super) fn moved(
    old: &str,
    resource: &str,
    (own, peer): (&PairMember, &PairMember),
    own_disk: &dyn Fn(&str) -> bool,
) -> Vec<Text> {
    let ends = ends(old, resource);
    let named = |name: &String| ends.iter().find(|end| end.names.contains(name));
    let (Some(here), Some(there)) = (named(&own.hostname), named(&remote(peer))) else {
        let missing = if named(&own.hostname).is_none() { own.hostname.clone() } else { remote(peer) };
        return vec![other_hosts(&ends, &missing)];
    };
    let mut found = differences(own, here, own_disk);
    // Which disk the other node has is not this node's business.
    found.extend(differences(peer, there, &|_| true));
    found
}

fn ends(text: &str, resource: &str) -> Vec<End> {
    let items = read(text);
    let it = items.iter().find(|item| item.keyword() == "resource" && item.value() == resource);
    it.map(End::all).unwrap_or_default()
}

fn other_hosts(ends: &[End], hostname: &str) -> Text {
    if ends.is_empty() {
        return text!("drbd_resource.no-hosts", "no hosts that can be read, and not {hostname}", hostname);
    }
    let names = ends.iter().flat_map(|end| &end.names).map(String::as_str).collect::<Vec<_>>().join(", ");
    text!("drbd_resource.other-hosts", "the hosts {names}, and not {hostname}", names, hostname)
}

/// What a file says otherwise of a host. `own_disk`: whether a name is one of its disk.
fn differences(member: &PairMember, end: &End, own_disk: &dyn Fn(&str) -> bool) -> Vec<Text> {
    let volume = end.volumes.first().cloned().unwrap_or_default();
    let device = volume.minor.map(|minor| format!("/dev/drbd{minor}"));
    let node_id = member.node_id.to_string();
    let values = [
        ("device", device, member.device.clone()),
        ("disk", volume.disk.filter(|there| !own_disk(there)), member.disk.clone()),
        ("address", end.address.clone(), endpoint(member)),
        ("node-id", end.node_id.clone(), node_id),
    ];
    let mut found = Vec::new();
    for (what, there, wanted) in values {
        let Some(there) = there.filter(|there| *there != wanted) else { continue };
        let host = end.names.join(" ");
        found.push(text!(
            "drbd_resource.other-value",
            "{what} {there} for {host}, where the inventory has {wanted}",
            what,
            there,
            host,
            wanted
        ));
    }
    found
}

/// The quorum that a file asks for; nothing if it is off.
pub(super) fn quorum(old: &str, resource: &str) -> Option<String> {
    let items = read(old);
    let it = items.iter().find(|item| item.keyword() == "resource" && item.value() == resource)?;
    it.sections("options").find_map(|options| options.statement("quorum")).filter(|value| value != "off")
}

/// A statement or section on one line.
fn shown(item: &Item) -> String {
    let head = item.words.join(" ");
    match &item.inside {
        None => head,
        Some(items) if items.is_empty() => format!("{head} {{}}"),
        Some(items) => format!("{head} {{ {} }}", items.iter().map(shown).collect::<Vec<_>>().join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::support::drbd::config::render;
    use crate::support::drbd::version::Generation;
    use crate::testing;

    /// The file of the operators' manual for the standby's worker01.
    const MANUAL: &str = include_str!("../../support/drbd/fixtures/manual.res");

    fn rendered(site: &str, net: &[(&str, &str)]) -> String {
        let cx = testing::pair_context();
        let pair = &cx.inventory().pairs[0];
        let peer = if site == "primary" { "standby" } else { "primary" };
        let net: BTreeMap<_, _> = net.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        render(pair, (&pair.members[site], &pair.members[peer]), Generation::V9, &net)
    }

    fn of(old: &str) -> Vec<String> {
        lost(old, &rendered("primary", &[("verify-alg", "crc32c")]), "etcd0", false)
    }

    #[test]
    fn nothing_is_lost_of_what_the_inventory_names() {
        let ours = rendered("primary", &[]);
        assert_eq!(of(&ours), [""; 0]);
        assert_eq!(of(MANUAL), [""; 0]);
        assert_eq!(of("resorce"), ["resorce"]);
        assert_eq!(lost("resorce", &ours, "etcd0", true), [""; 0]);
        assert_eq!(lost("resorce; resource b { }", &ours, "etcd0", true).len(), 1);
        // As it was written for drbdadm before 8.4, and as one volume is written with its number.
        let old = "resource etcd0 { protocol C; device /dev/drbd0; disk /dev/sdc; meta-disk internal;\n\
                   on worker01 { address ipv4 172.16.1.1:7790; } on b { volume 0 { disk /dev/sdc; meta-disk internal; } } }";
        assert_eq!(of(old), [""; 0]);
    }

    #[test]
    fn what_no_inventory_names_is_lost() {
        let ours = rendered("primary", &[]);
        let with = |section: &str| of(&ours.replacen("    on ", &format!("    {section}\n    on "), 1));
        assert_eq!(with("disk { on-io-error detach; }"), ["disk { on-io-error detach }"]);
        assert_eq!(with("handlers { fence-peer \"/usr/bin/x y\"; }"), ["handlers { fence-peer /usr/bin/x y }"]);
        assert_eq!(with("connection-mesh { hosts a b; }"), ["connection-mesh { hosts a b }"]);
        assert_eq!(with("floating 10.0.0.1:7 { }"), ["floating 10.0.0.1:7 {}"]);
        assert_eq!(with("template-file x;"), ["template-file x"]);
        let second = "volume 1 { device /dev/drbd1; disk /dev/sdd; }";
        assert_eq!(with(second), ["volume 1 { device /dev/drbd1; disk /dev/sdd }"]);
        let asks = ours.replace("auto-promote no;", "on-no-quorum io-error;").replace("quorum off", "quorum majority");
        assert_eq!(of(&asks), ["options { on-no-quorum io-error }"]);
        assert_eq!((quorum(&asks, "etcd0").as_deref(), quorum(&ours, "etcd0")), (Some("majority"), None));
        let settings = rendered("primary", &[("max-buffers", "8000"), ("verify-alg", "md5")]);
        assert_eq!(of(&settings), [""; 0], "the parameters of another day");
        let (_, by_hand) = settings.split_once('\n').unwrap();
        assert_eq!(of(by_hand), ["net { max-buffers 8000 }"]);
        let third = format!("{}on c {{ disk /dev/sdc; }} }}", ours.trim_end().trim_end_matches('}'));
        assert_eq!(of(&third), ["on worker01", "on remote_172.16.2.1", "on c"]);
        let beside = format!("{ours}resource other {{ on a {{ disk /dev/sdd; }} }}\n");
        assert_eq!(of(&beside), ["resource other { on a { disk /dev/sdd } }"]);
        assert_eq!(of(&ours.replace("etcd0", "redis0")).len(), 1);
        let external = ours.replacen("disk /dev/sdc;", "disk /dev/sdc; meta-disk /dev/sde;", 1);
        assert_eq!(of(&external), ["on worker01: meta-disk /dev/sde"]);
    }

    #[test]
    fn a_file_of_somebody_else_has_to_mean_the_same_ends() {
        let cx = testing::pair_context();
        let members = &cx.inventory().pairs[0].members;
        let other = |old: &str, site: &str| {
            let peer = if site == "primary" { "standby" } else { "primary" };
            let own_disk = |name: &str| ["/dev/sdc", "/dev/vdc"].contains(&name);
            let found = other_end(old, "etcd0", (&members[site], &members[peer]), &own_disk);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(other(MANUAL, "standby"), [""; 0]);
        assert_eq!(other(&MANUAL.replacen("disk /dev/sdc", "disk /dev/vdc", 1), "standby"), [""; 0]);
        assert_eq!(
            other(MANUAL, "primary"),
            [
                "address 172.16.2.1:7790 for worker01, where the inventory has 172.16.1.1:7790",
                "node-id 2 for worker01, where the inventory has 1",
                "address 172.16.1.1:7790 for remote_172.16.1.1, where the inventory has 172.16.2.1:7790",
                "node-id 1 for remote_172.16.1.1, where the inventory has 2",
            ]
        );
        let elsewhere = MANUAL.replace("on worker01", "on worker05");
        assert_eq!(other(&elsewhere, "standby"), ["the hosts worker05, remote_172.16.1.1, and not worker01"]);
        assert_eq!(other(&rendered("primary", &[]).replace("sdc", "sdd"), "primary"), [""; 0]);
        assert_eq!(
            other(&MANUAL.replacen("disk /dev/sdc", "disk /dev/sdd", 1), "standby"),
            ["disk /dev/sdd for worker01, where the inventory has /dev/sdc"]
        );
    }

    #[test]
    fn what_cannot_change_while_it_is_up_is_named() {
        let cx = testing::pair_context();
        let members = &cx.inventory().pairs[0].members;
        let ours = rendered("primary", &[]);
        let of = |old: &str| {
            let own_disk = |name: &str| ["/dev/sdc", "/dev/disk/by-id/x"].contains(&name);
            let found = moved(old, "etcd0", (&members["primary"], &members["standby"]), &own_disk);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of(&ours), [""; 0]);
        assert_eq!(of(&ours.replacen("disk /dev/sdc", "disk   \"/dev/disk/by-id/x\"", 1)), [""; 0], "the same disk");
        let (here, there) = ours.split_at(ours.find("on remote").unwrap());
        assert_eq!(of(&format!("{here}{}", there.replace("/dev/sdc", "/dev/sdx"))), [""; 0], "the other node's disk");
        let other = "disk /dev/sdd for worker01, where the inventory has /dev/sdc";
        assert_eq!(of(&ours.replacen("/dev/sdc", "/dev/sdd", 1)), [other]);
        let other = "address 172.16.2.1:7791 for remote_172.16.2.1, where the inventory has 172.16.2.1:7790";
        assert_eq!(of(&ours.replace("2.1:7790", "2.1:7791")), [other]);
        let other = "the hosts worker01, worker07, and not remote_172.16.2.1";
        assert_eq!(of(&ours.replace("remote_172.16.2.1", "worker07")), [other]);
        assert_eq!(of("resorce"), ["no hosts that can be read, and not worker01"]);
    }
}
