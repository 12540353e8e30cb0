//! Interventions on the nodes: power, DRBD, mounts, files.

use std::time::Duration;

use cutover_sandbox::Part;
use cutover_testkit::Random;

use super::hand::{Hand, SET};

const SITE: &str = "primary";
const ROOT: &str = "/data/vmdata/hpvolumes";
const BACKUPS: &str = "/data/vmdata/backup";

async fn pass(seconds: usize) {
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
}

/// One of the pairs: its ordinal and the name of its node.
fn pair(random: &mut Random) -> (usize, String) {
    let ordinal = random.below(3);
    (ordinal, format!("worker0{}", ordinal + 1))
}

fn site(random: &mut Random) -> &'static str {
    if random.chance(60) { "primary" } else { "standby" }
}

pub(super) async fn reboots(hand: &Hand, random: &mut Random) -> bool {
    let (site, node) = (site(random), format!("worker0{}", random.between(1, 6)));
    if !hand.world.power_off(site, &node) {
        return false;
    }
    hand.fired();
    pass(random.between(5, 120)).await;
    hand.world.power_on(site, &node)
}

pub(super) async fn promotes(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    // It becomes Secondary only if it is not in use.
    hand.on(SITE, &node, &format!("drbdadm secondary etcd{ordinal}")).await;
    hand.on("standby", &node, &format!("drbdadm primary etcd{ordinal}")).await.is_some()
}

pub(super) async fn promotes_by_force(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    hand.on("standby", &node, &format!("drbdadm disconnect etcd{ordinal}")).await;
    hand.fired();
    pass(random.between(0, 20)).await;
    hand.on("standby", &node, &format!("drbdadm primary --force etcd{ordinal}")).await.is_some()
}

pub(super) async fn demotes(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    let role = hand.on(SITE, &node, &format!("drbdadm role etcd{ordinal}")).await;
    let primary = role.is_some_and(|role| role.starts_with("Primary"));
    primary && hand.on(SITE, &node, &format!("drbdadm secondary etcd{ordinal}")).await.is_some()
}

pub(super) async fn deletes_resource(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    hand.on(site(random), &node, &format!("rm /etc/drbd.d/cke_etcd{ordinal}.res")).await.is_some()
}

pub(super) async fn detaches(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    hand.on(site(random), &node, &format!("drbdadm detach etcd{ordinal}")).await.is_some()
}

pub(super) async fn disconnects(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    hand.on(site(random), &node, &format!("drbdadm disconnect etcd{ordinal}")).await.is_some()
}

pub(super) async fn cuts_link(hand: &Hand, random: &mut Random) -> bool {
    let link = Part::Link("primary".to_owned(), "standby".to_owned());
    hand.world.lose(&link);
    hand.fired();
    let (world, seconds) = (hand.world.clone(), random.between(1, 300));
    tokio::spawn(async move {
        pass(seconds).await;
        world.bring_back(&link);
    });
    true
}

pub(super) async fn unmounts(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    hand.on(SITE, &node, &format!("umount {ROOT}/{SET}-{ordinal}")).await.is_some()
}

pub(super) async fn mounts_over(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    let below = if random.chance(50) { "/data" } else { "" };
    hand.on(SITE, &node, &format!("mount /dev/sda1 {ROOT}/{SET}-{ordinal}{below}")).await.is_some()
}

pub(super) async fn makes_read_only(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    hand.on(SITE, &node, &format!("mount -o remount,ro {ROOT}/{SET}-{ordinal}")).await.is_some()
}

/// Leaves something in a directory.
async fn leaves(hand: &Hand, node: &str, directory: &str, random: &mut Random) -> bool {
    let name = format!("{directory}/left-{:04x}", random.bits() >> 48);
    let line = if random.chance(50) { format!("mkdir {name}") } else { format!("touch {directory}/archive/zero") };
    hand.on(SITE, node, &line).await.is_some()
}

pub(super) async fn writes_original(hand: &Hand, random: &mut Random) -> bool {
    let node = format!("worker0{}", random.between(4, 6));
    let names = hand.on(SITE, &node, &format!("ls -A {ROOT}")).await.unwrap_or_default();
    let Some(name) = names.lines().find(|name| name.starts_with("pvc-")) else { return false };
    leaves(hand, &node, &format!("{ROOT}/{name}"), random).await
}

pub(super) async fn writes_new(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    leaves(hand, &node, &format!("{ROOT}/{SET}-{ordinal}/data"), random).await
}

pub(super) async fn writes_backup(hand: &Hand, random: &mut Random) -> bool {
    let node = format!("worker0{}", random.between(4, 6));
    let runs = hand.on(SITE, &node, &format!("ls -A {BACKUPS}")).await.unwrap_or_default();
    let Some(run) = runs.lines().next() else { return false };
    let names = hand.on(SITE, &node, &format!("ls -A {BACKUPS}/{run}")).await.unwrap_or_default();
    let Some(name) = names.lines().next() else { return false };
    leaves(hand, &node, &format!("{BACKUPS}/{run}/{name}"), random).await
}

pub(super) async fn marks_standby(hand: &Hand, random: &mut Random) -> bool {
    let (ordinal, node) = pair(random);
    hand.on("standby", &node, &format!("touch /etc/drbd.d/cke_etcd{ordinal}.primary")).await.is_some()
}
