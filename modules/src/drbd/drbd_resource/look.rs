//! What `drbd_resource` reads: the node's DRBD, its configuration, the disks, the kernel.

use cutover_engine::failure::Failure;
use cutover_engine::inventory::PairMember;
use cutover_engine::module::Context;
use cutover_engine::reads;
use cutover_engine::text::Text;
use cutover_engine::world::Exit;

use super::others::Others;
use super::{Params, State, Wanted};
use crate::support::drbd::config::ends::disk_of;
use crate::support::drbd::end::{self, End, Peer, reach};
use crate::support::drbd::states::{ConnectionState, Role};
use crate::support::drbd::status::Status;
use crate::support::drbd::version::Version;
use crate::support::storage::block::Block;
use crate::support::storage::unit::boot_unit;
use crate::support::storage::{failed, mounts, stdout};

/// Looks.
pub(super) async fn probe(cx: &Context, params: &Params) -> Result<State, Failure> {
    let (pair, own, peer) = cx.pair()?;
    let resource = pair.resource.as_str();
    let version = Version::read(cx).await?;
    let hostname = reads::HOSTNAME.of([]);
    let hostname = stdout(&hostname, cx.read(&hostname).await?)?.trim().to_owned();
    let file = params.file(resource);
    let cat = cx.read(&reads::CAT.of([&file]).accept([1])).await?;
    let text = cat.success().then_some(cat.stdout);
    let (defined_at, fault) = configured(cx, resource).await?;
    let disk = Block::probe(cx, &own.disk).await?;
    let end = End::read(cx, &cx.place(), resource).await?;
    let (also_named, attached_as) = match params.state {
        Wanted::Up => names(cx, resource, own, (&disk, &end, text.as_deref())).await?,
        Wanted::Down => (Vec::new(), None),
    };
    let mut state = State {
        version,
        hostname,
        text,
        defined_at,
        fault,
        refused: None,
        disk,
        also_named,
        attached_as,
        peer_bytes: None,
        collisions: Vec::new(),
        peer_collisions: Vec::new(),
        own: end,
        peer: None,
        pending: Vec::new(),
        mounted: Vec::new(),
        boot: None,
    };
    if params.at_boot {
        state.boot = Some(boot(cx, resource).await?);
    }
    let named = state.named(own);
    let wanted = state.version.generation.map(|generation| params.text(pair, (&named, peer), generation));
    if let (Wanted::Up, Some(wanted)) = (params.state, &wanted)
        && state.text.as_ref() != Some(wanted)
    {
        state.refused = tested(cx, wanted).await?;
    }
    match (params.state, &state.own.status) {
        (Wanted::Down, None) => {}
        (Wanted::Down, Some(_)) => state.mounted = mounted(cx, own).await?,
        (Wanted::Up, None) => {
            state.collisions = collisions(cx, resource, (own, peer), &state.disk).await?;
            state.peer_collisions = peer_collisions(cx, resource, (own, peer)).await?;
            state.peer_bytes = peer_bytes(cx, peer).await?;
        }
        (Wanted::Up, Some(status)) => {
            if status.connection == ConnectionState::StandAlone {
                state.peer = Some(Peer::read(cx).await?);
            }
            if state.fault.is_none() && state.text.is_some() && state.text == wanted {
                let dry_run = reads::DRBDADM_ADJUST_DRY_RUN.of([resource]);
                let commands = stdout(&dry_run, cx.read(&dry_run).await?)?;
                state.pending =
                    commands.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
            }
            if status.role == Role::Primary {
                state.mounted = mounted(cx, own).await?;
            }
        }
    }
    Ok(state)
}

/// In which file the tools find the resource, and what they say is wrong with the configuration as a whole.
async fn configured(cx: &Context, resource: &str) -> Result<(Option<String>, Option<String>), Failure> {
    let dump = reads::DRBDADM_DUMP.of([resource]);
    let output = cx.read(&dump).await?;
    match output.exit {
        Exit::Code(0) => {
            let place = output.stdout.lines().find_map(|line| line.strip_prefix("# defined at "));
            Ok((place.map(|place| place.rsplit_once(':').map_or(place, |(file, _)| file).to_owned()), None))
        }
        Exit::Code(127) => Err(failed(&dump, &output)),
        _ if output.stderr.contains("not defined in your config") => Ok((None, None)),
        _ => Ok((None, Some(output.stderr.split_whitespace().collect::<Vec<_>>().join(" ")))),
    }
}

/// What the tools say against a text for a resource file; nothing if they accept it. It is tested before it is put in place: a file
/// that they do not accept takes all resources of the node from them.
async fn tested(cx: &Context, text: &str) -> Result<Option<String>, Failure> {
    let test = reads::DRBDADM_TEST.of([]).stdin(text);
    let output = cx.read(&test).await?;
    match output.exit {
        Exit::Code(0) => Ok(None),
        Exit::Code(127) => Err(failed(&test, &output)),
        _ => {
            let words = output.stderr.lines().filter(|line| !line.starts_with("command sh-nop"));
            let words = words.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
            Ok(Some(words.replace("STDIN:", "line ")))
        }
    }
}

/// Which other names the kernel and the file have for the backing disk, and the one by which it is attached.
async fn names(
    cx: &Context,
    resource: &str,
    own: &PairMember,
    (disk, end, text): (&Block, &End, Option<&str>),
) -> Result<(Vec<String>, Option<String>), Failure> {
    let attached = end.status.as_ref().is_some_and(Status::attached);
    // 8.4 does not tell by which name it was attached: by the file's.
    let written = text.and_then(|text| disk_of(text, resource, &own.hostname));
    let backing = end.status.as_ref().and_then(|status| status.backing.clone());
    let used = backing.or_else(|| written.clone()).filter(|_| attached);
    let mut found = Vec::new();
    for name in [used.clone(), written].into_iter().flatten().filter(|name| *name != own.disk) {
        let real = cx.read(&reads::READLINK.of([&name])).await?;
        if real.success() && real.stdout.trim() == disk.kernel_name && !found.contains(&name) {
            found.push(name);
        }
    }
    let attached_as = used.filter(|name| found.contains(name));
    Ok((found, attached_as))
}

/// What systemd says of the unit that brings the resource up at boot; its complaint if it does not know it.
async fn boot(cx: &Context, resource: &str) -> Result<String, Failure> {
    let output = cx.read(&reads::SYSTEMCTL_IS_ENABLED.of([&boot_unit(resource)]).accept([1, 4])).await?;
    let words = if output.stdout.trim().is_empty() { &output.stderr } else { &output.stdout };
    Ok(words.trim().to_owned())
}

/// Where the device is mounted.
async fn mounted(cx: &Context, own: &PairMember) -> Result<Vec<String>, Failure> {
    let real = cx.read(&reads::READLINK.of([&own.device])).await?;
    let name = if real.success() { real.stdout.trim() } else { &own.device };
    let mounts = mounts::read(cx).await?;
    Ok(mounts.into_iter().filter(|mount| mount.source == name).map(|mount| mount.target).collect())
}

/// The size of the other end's disk; not known if its node does not answer or the disk does not open.
async fn peer_bytes(cx: &Context, peer: &PairMember) -> Result<Option<u64>, Failure> {
    let size = reads::BLOCKDEV_SIZE.of([&peer.disk]);
    let answer = reach(cx.read_at(&crate::support::drbd::place(peer), &size).await)?;
    Ok(answer.ok().filter(|output| output.success()).and_then(|output| output.stdout.trim().parse().ok()))
}

/// What other resources of the task's node have of this one's, in its kernel and its configuration.
async fn collisions(
    cx: &Context,
    resource: &str,
    (own, peer): (&PairMember, &PairMember),
    disk: &Block,
) -> Result<Vec<Text>, Failure> {
    let mut others = Others::default();
    let all = reads::DRBDSETUP_EVENTS.of([]);
    let output = cx.read(&all).await?;
    if !end::unloaded(&output) {
        others.of_kernel(&stdout(&all, output)?, resource, own, &disk.kernel_name);
    }
    // What is wrong with the configuration as a whole is reported elsewhere.
    let dump = cx.read(&reads::DRBDADM_DUMP_ALL.of([])).await?;
    if dump.success() {
        others.of_configuration(&dump.stdout, resource, (own, peer), &disk.kernel_name);
    }
    Ok(others.found())
}

/// The same of the other end: nothing is written here that cannot come up there. Not known if its node does not answer, or has no
/// DRBD yet.
async fn peer_collisions(
    cx: &Context,
    resource: &str,
    (own, peer): (&PairMember, &PairMember),
) -> Result<Vec<Text>, Failure> {
    let mut others = Others::default();
    let place = crate::support::drbd::place(peer);
    let dump = reach(cx.read_at(&place, &reads::DRBDADM_DUMP_ALL.of([])).await)?;
    if let Some(dump) = dump.ok().filter(|dump| dump.success()) {
        others.of_configuration(&dump.stdout, resource, (peer, own), &peer.disk);
    }
    Ok(others.found())
}
