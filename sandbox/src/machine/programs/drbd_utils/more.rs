//! Commands of drbdadm that no module sends, and a person may: outdate, invalidate-remote, pause-sync, resume-sync, wait-connect; and
//! `drbdsetup show`. As DRBD 9.2.18 has answered; where no record says what happens, it says that this is not simulated.

use super::{Session, meta, step};
use crate::machine::drbd::{Connection, DrbdResource, End, operations};

/// Runs one of these commands; nothing if it is another one.
pub(super) fn run(session: &mut Session<'_>, verb: &str, wanted: &DrbdResource) -> Option<i32> {
    let known = ["outdate", "invalidate-remote", "pause-sync", "resume-sync", "wait-connect"].contains(&verb);
    if !known {
        return None;
    }
    let end = session.end(&wanted.name);
    let own = session.state.resource(&end);
    let connected = own.is_some_and(|own| own.connection == Connection::Connected);
    let resync = own.is_some_and(|own| own.replication.is_resync());
    let volume = format!("{verb} {} {} 0", wanted.name, wanted.peer.node_id);
    Some(match verb {
        _ if session.legacy => lacks(session, verb, "with DRBD 8.4"),
        "outdate" => meta::outdate(session, wanted),
        "invalidate-remote" => {
            step::kernel(session, &wanted.name, &volume, |state| operations::invalidate_remote(state, &end))
        }
        "wait-connect" if connected => 0,
        "wait-connect" => lacks(session, verb, "while it is not connected"),
        _ if resync => lacks(session, verb, "during a resync"),
        _ => step::kernel(session, &wanted.name, &volume, |state| operations::pause(state, &end, verb == "pause-sync")),
    })
}

fn lacks(session: &mut Session<'_>, verb: &str, when: &str) -> i32 {
    session.stderr += &format!("drbdadm: the sandbox lacks drbdadm:{verb}: `{verb}` of drbdadm {when}\n");
    20
}

/// `drbdsetup show`: what is set of a resource in the kernel that is not the default.
pub(super) fn show(session: &Session<'_>, end: &End) -> Option<String> {
    let own = session.state.resource(end)?;
    let option = |indent: usize, name: &str, value: &str| format!("{:indent$}{name:16}\t{value};\n", "");
    let of = |section: &str, indent: usize| {
        let set = own.options.set.iter().filter(|(of, ..)| of == section);
        // Algorithms and other words of no fixed list are in quotes.
        set.map(|(_, name, value)| match name.ends_with("-alg") {
            true => option(indent, name, &format!("\"{value}\"")),
            false => option(indent, name, value),
        })
        .collect::<String>()
    };
    let (local, peer) = (spaced(&own.local.with_family()), spaced(&own.peer.endpoint.with_family()));
    let options = of("options", 8);
    let mut text = format!("resource \"{}\" {{\n", own.name);
    if !options.is_empty() {
        text += &format!("    options {{\n{options}    }}\n");
    }
    text += &format!("    _this_host {{\n        node-id\t\t\t{};\n        volume 0 {{\n", own.node_id);
    text += &format!("            device\t\t\tminor {};\n", own.minor);
    if session.state.attached_disk(end).is_some() {
        text += &format!("            disk\t\t\t\"{}\";\n            meta-disk\t\t\tinternal;\n", own.disk);
    }
    text += &format!("        }}\n    }}\n    connection {{\n        _peer_node_id {};\n", own.peer.node_id);
    text +=
        &format!("        path {{\n            _this_host {local};\n            _remote_host {peer};\n        }}\n");
    text += &format!(
        "        net {{\n{}{}        }}\n    }}\n",
        of("net", 12),
        option(12, "_name", &format!("\"{}\"", own.peer.name))
    );
    Some(text + "}\n\n")
}

/// `ipv4 172.16.1.1:7790` for `ipv4:172.16.1.1:7790`.
fn spaced(address: &str) -> String {
    address.replacen(':', " ", 1)
}
