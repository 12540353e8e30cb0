//! The steps that drbdadm's commands consist of: each is a call of drbdsetup or drbdmeta, with what they print.

use super::{Session, meta};
use crate::machine::Machines;
use crate::machine::drbd::config::{Config, Resource};
use crate::machine::drbd::{Connection, DiskState, DrbdResource, Refusal, operations};

/// drbdsetup's name in messages: for 8.4 it is another program.
pub(super) fn setup_name(legacy: bool) -> &'static str {
    if legacy { "drbdsetup-84" } else { "drbdsetup" }
}

/// Adds what drbdadm says when a program it called has failed.
pub(super) fn report(session: &mut Session<'_>, line: &str, code: i32) -> i32 {
    if code >= 10 {
        let name = setup_name(session.legacy);
        session.stderr += &format!("Command '{name} {line}' terminated with exit code {code}\n");
    }
    code
}

/// Asks the kernel for something; `line` is drbdsetup's command line, `object` what it names in its messages.
pub(super) fn kernel(
    session: &mut Session<'_>,
    object: &str,
    line: &str,
    work: impl FnOnce(&mut Machines) -> Result<(), Refusal>,
) -> i32 {
    match work(session.state) {
        Ok(()) => 0,
        Err(refusal) => {
            session.stderr += &refusal.words(object);
            report(session, line, refusal.code())
        }
    }
}

/// `drbdadm up`: new-resource, new-minor, new-peer, new-path, attach, connect. A stage that fails ends it with code 1.
pub(super) fn up(session: &mut Session<'_>, config: &Config, name: &str, hostname: &str) -> i32 {
    let Some(resource) = config.find(name, hostname) else { return 1 };
    let Some(wanted) = config.kernel(resource, hostname, session.legacy) else { return 1 };
    let stages: [&dyn Fn(&mut Session<'_>) -> i32; 3] =
        [&|session| create(session, &wanted), &|session| attach(session, &wanted), &|session| {
            connect(session, resource, &wanted, false)
        }];
    i32::from(stages.iter().any(|stage| stage(session) != 0))
}

fn create(session: &mut Session<'_>, wanted: &DrbdResource) -> i32 {
    let (name, minor, end) = (&wanted.name, wanted.minor, session.end(&wanted.name));
    let line = format!("new-minor {name} {minor} 0");
    // drbdadm-84 does not make again what is there.
    if session.legacy && session.state.resource(&end).is_some() {
        return 0;
    }
    let result = operations::create(session.state, &end, wanted.clone());
    if result.is_err() {
        session.stderr +=
            &format!("{line}: sysfs node '/sys/devices/virtual/block/drbd{minor}' (already? still?) exists\n");
    }
    kernel(session, name, &line, |_| result)
}

/// `drbdadm attach`: first the activity log is applied to the disk.
pub(super) fn attach(session: &mut Session<'_>, wanted: &DrbdResource) -> i32 {
    let code = meta::apply_activity_log(session, wanted);
    if code != 0 {
        return code;
    }
    let (minor, disk, end) = (wanted.minor.to_string(), &wanted.disk, session.end(&wanted.name));
    let line = format!("attach {minor} {disk} {disk} internal");
    kernel(session, &minor, &line, |state| operations::attach(state, &end))
}

/// `drbdadm connect`
pub(super) fn connect(session: &mut Session<'_>, resource: &Resource, wanted: &DrbdResource, discard: bool) -> i32 {
    let (name, end) = (&wanted.name, session.end(&wanted.name));
    let mut line = if session.legacy {
        let options = resource.options("net").map(|(name, value)| format!(" --{name}={value}")).collect::<String>();
        format!("connect {name} {}{options}", addresses(wanted))
    } else {
        format!("connect {name} {}", wanted.peer.node_id)
    };
    if discard {
        line += " --discard-my-data";
    }
    kernel(session, name, &line, |state| operations::connect(state, &end, discard))
}

/// `drbdadm disconnect`
pub(super) fn disconnect(session: &mut Session<'_>, wanted: &DrbdResource) -> i32 {
    let (name, end) = (&wanted.name, session.end(&wanted.name));
    let line = if session.legacy {
        format!("disconnect {}", addresses(wanted))
    } else {
        format!("disconnect {name} {}", wanted.peer.node_id)
    };
    kernel(session, name, &line, |state| operations::disconnect(state, &end))
}

fn addresses(wanted: &DrbdResource) -> String {
    let (local, peer) = (&wanted.local, &wanted.peer.endpoint);
    format!("{} {}", local.with_family(), peer.with_family())
}

/// `drbdadm invalidate`: in the kernel, or, if the resource is down, on the disk.
pub(super) fn invalidate(session: &mut Session<'_>, wanted: &DrbdResource) -> i32 {
    let end = session.end(&wanted.name);
    if session.state.resource(&end).is_none() {
        return meta::invalidate(session, wanted);
    }
    let minor = wanted.minor.to_string();
    kernel(session, &minor, &format!("invalidate {minor}"), |state| operations::invalidate(state, &end))
}

/// `drbdadm adjust`: whatever is missing of `up`. A dry run prints the commands.
pub(super) fn adjust(session: &mut Session<'_>, config: &Config, name: &str, hostname: &str, dry_run: bool) -> i32 {
    let Some(resource) = config.find(name, hostname) else { return 1 };
    let Some(wanted) = config.kernel(resource, hostname, session.legacy) else { return 1 };
    let running = session.state.resource(&session.end(name)).cloned();
    let new = running.is_none();
    let attach_it = running.as_ref().is_none_or(|own| own.disk_state == DiskState::Diskless);
    let connect_it = running.as_ref().is_none_or(|own| own.connection == Connection::StandAlone);
    let options = running.filter(|own| own.options != wanted.options);
    if dry_run {
        let text = planned(session.legacy, resource, &wanted, [new, options.is_some(), attach_it, connect_it]);
        session.stdout += &text;
        return 0;
    }
    if new && create(session, &wanted) != 0 {
        return 1;
    }
    if options.is_some()
        && let Some(own) = session.state.get_mut(session.machine).and_then(|machine| machine.drbd.get_mut(name))
    {
        own.options = wanted.options.clone();
    }
    // An option or a disk that cannot be set does not keep a resource from connecting, but it ends drbdadm's run.
    if attach_it && attach(session, &wanted) != 0 {
        return 1;
    }
    i32::from(connect_it && connect(session, resource, &wanted, false) != 0)
}

fn planned(
    legacy: bool,
    resource: &Resource,
    wanted: &DrbdResource,
    [new, options, attach, connect]: [bool; 4],
) -> String {
    let (name, minor, disk, setup) = (&wanted.name, wanted.minor, &wanted.disk, setup_name(legacy));
    let list =
        |section: &str| resource.options(section).map(|(name, value)| format!(" --{name}={value}")).collect::<String>();
    let peer = wanted.peer.node_id;
    let mut lines = Vec::new();
    if new && legacy {
        lines.extend([
            format!("{setup} new-resource {name}{}", list("options")),
            format!("{setup} new-minor {name} {minor} 0"),
        ]);
    } else if new {
        let mut net: Vec<_> = resource.options("net").map(|(name, value)| format!(" --{name}={value}")).collect();
        net.sort();
        lines.extend([
            format!("{setup} new-resource {name} {}{}", wanted.node_id, list("options")),
            format!("{setup} new-minor {name} {minor} 0"),
            format!("{setup} new-peer {name} {peer} --_name={}{}", wanted.peer.name, net.concat()),
            format!("{setup} new-path {name} {peer} {}", addresses(wanted)),
        ]);
    }
    if options {
        lines.push(format!("{setup} net-options {name} {peer} --set-defaults{}", list("net")));
    }
    if attach {
        let format = meta::format(legacy);
        lines.push(format!("drbdmeta {minor} {format} {disk} internal apply-al"));
        lines.push(format!("{setup} attach {minor} {disk} {disk} internal"));
    }
    if connect && legacy {
        lines.push(format!("{setup} connect {name} {}{}", addresses(wanted), list("net")));
    } else if connect {
        lines.push(format!("{setup} connect {name} {peer}"));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
