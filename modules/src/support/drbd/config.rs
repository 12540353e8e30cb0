//! The resource file of one end, rendered from the pair of the inventory, so that both ends come from one model. Not
//! DRBD's whole grammar: what two nodes with one volume need.

pub(crate) mod ends;
pub(crate) mod tree;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cutover_engine::inventory::{Pair, PairMember};

use super::version::Generation;

/// How a file begins that was rendered here.
const MARK: &str = "# Written by cutover from its inventory.";

/// Whether a file was rendered here, and not written by somebody else.
pub(crate) fn is_ours(text: &str) -> bool {
    text.starts_with(MARK)
}

/// The name of the peer's section: free, since both nodes may have the same hostname.
pub(crate) fn remote(peer: &PairMember) -> String {
    format!("remote_{}", peer.address)
}

/// An address with its port, as a file has it.
pub(crate) fn endpoint(PairMember { address, port, .. }: &PairMember) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// Renders the file for the end `own`, as the other end's mirror image. `net` holds more settings of the section `net`.
pub(crate) fn render(
    pair: &Pair,
    (own, peer): (&PairMember, &PairMember),
    generation: Generation,
    net: &BTreeMap<String, String>,
) -> String {
    let resource = &pair.resource;
    let mut text = format!("{MARK} The other end has the same file, mirrored.\nresource {resource} {{\n");
    text += "    net {\n        protocol C;\n        allow-two-primaries no;\n";
    for (name, value) in net {
        let _ = writeln!(text, "        {name} {};", word(value));
    }
    text += "    }\n";
    // Only 9 promotes by itself when a device is opened, counts its nodes, and can ask for a majority of them, perhaps because
    // global_common.conf says so for all resources: of two nodes the one that is left has none, and could not take over.
    if generation == Generation::V9 {
        text += "    options {\n        auto-promote no;\n        quorum off;\n    }\n";
    }
    for (name, member) in [(own.hostname.clone(), own), (remote(peer), peer)] {
        let _ = writeln!(text, "    on {} {{", word(&name));
        let _ = writeln!(text, "        device {};", word(&member.device));
        let _ = writeln!(text, "        disk {};", word(&member.disk));
        let family = if member.address.contains(':') { "ipv6 " } else { "" };
        let _ = writeln!(text, "        address {family}{};", endpoint(member));
        let _ = match generation {
            Generation::V9 => writeln!(text, "        node-id {};", member.node_id),
            Generation::V84 => writeln!(text, "        meta-disk internal;"),
        };
        text += "    }\n";
    }
    text += "}\n";
    text
}

/// A word of the file; in quotes if its characters ask for it, as the `:` of some names below /dev/disk.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("\"{text}\"") }
}

#[cfg(test)]
mod tests;
