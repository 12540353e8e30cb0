//! The same life on a real machine and on one of the sandbox: this one as root, or with `CUTOVER_LAB=INVENTORY` one of the
//! lab, through the transport that runs use.

use std::sync::Arc;
use std::time::Duration;

use cutover_connections::RealWorld;
use cutover_engine::action::Action;
use cutover_engine::inventory::{Connection, Inventory};
use cutover_engine::world::{Command, Place};
use cutover_sandbox::{Sandbox, WorldSpec};

use super::compare::{differences, transcript};
use super::life::{Ground, live, units};
use super::list::List;
use super::recorder::{Record, RecordingWorld, Records};
use super::rehearsed::lab;
use cutover_testkit::stage::Stage;

/// The disk's size, in bytes.
const SIZE: u64 = 64 << 20;

fn runtime(paused: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap()
}

/// Records everything that is sent to a stage.
fn recorded(stage: Stage) -> (Stage, Records) {
    let records: Records = Arc::default();
    let stage = stage.through(|world, inventory| Arc::new(RecordingWorld::new(world, inventory, &records)));
    (stage, records)
}

fn taken(records: &Records) -> Vec<Record> {
    std::mem::take(&mut *records.lock().unwrap())
}

/// Where a blank disk comes from.
enum Disk {
    /// A file behind a loop device.
    Loop,
    /// It is there. It must be blank, and is made blank again.
    Spare(String),
}

impl Disk {
    /// The disk and its size, or why there is none.
    async fn attach(&self, stage: &Stage, image: &str) -> Result<(String, u64), String> {
        let device = match self {
            Self::Loop => {
                stage.must(&["truncate", "-s", &SIZE.to_string(), image]).await;
                let made = stage.run(&["losetup", "--find", "--show", image]).await;
                if !made.success() {
                    return Err(format!("no free loop device: {}", made.stderr.trim()));
                }
                made.stdout.trim().to_owned()
            }
            Self::Spare(device) => device.clone(),
        };
        let size = stage.must(&["blockdev", "--getsize64", &device]).await.trim().to_owned();
        assert!(is_blank(stage, &device, &size).await, "{device} of worker01 is not blank: a fresh lab is needed");
        Ok((device, size.parse().unwrap()))
    }

    async fn detach(&self, stage: &Stage, device: &str) {
        match self {
            Self::Loop => drop(stage.must(&["losetup", "-d", device]).await),
            Self::Spare(device) => {
                let size = stage.must(&["blockdev", "--getsize64", device]).await;
                // Where the disk is a file this takes its blocks away; not every disk can, nor says what is read then.
                stage.run(&["blkdiscard", device]).await;
                if !is_blank(stage, device, size.trim()).await {
                    stage.must(&["blkdiscard", "-z", device]).await;
                    assert!(is_blank(stage, device, size.trim()).await, "{device} of worker01 cannot be made blank");
                }
            }
        }
    }
}

async fn is_blank(stage: &Stage, device: &str, size: &str) -> bool {
    stage.run(&["cmp", "-s", "-n", size, "/dev/zero", device]).await.success()
}

/// Makes the ground on a real machine; `Err` with the reason where that is not possible.
async fn prepare(stage: &Stage, peer: &str, disk: &Disk) -> Result<(Ground, u64), String> {
    if stage.must(&["id", "-u"]).await.trim() != "0" {
        return Err("not root".to_owned());
    }
    if !stage.run(&["ping", "-V"]).await.success() {
        return Err("no ping on this machine; install iputils-ping".to_owned());
    }
    let directory = format!("/var/tmp/cutover-conformance-{}", std::process::id());
    on_both(stage, &["mkdir", "-p", &directory]).await;
    let immutable = stage.run(&["chattr", "+i", &directory]).await.success();
    stage.run(&["chattr", "-i", &directory]).await;
    let attached = match immutable {
        true => disk.attach(stage, &format!("{directory}.image")).await,
        false => Err("a file system that does not know chattr +i".to_owned()),
    };
    match attached {
        Ok((device, size)) => Ok((Ground { directory, device, peer: peer.to_owned() }, size)),
        Err(why) => {
            remove(stage, &directory).await;
            Err(why)
        }
    }
}

async fn on_both(stage: &Stage, argv: &[&str]) {
    for node in ["worker01", "worker02"] {
        let command = Command::new(argv.iter().copied());
        stage.act(&Action::Exec { place: Place::node("primary", node), command }).await;
    }
}

async fn remove(stage: &Stage, directory: &str) {
    on_both(stage, &["rm", "-rf", "--one-file-system", directory, &format!("{directory}.image")]).await;
}

/// Leaves nothing of it.
async fn clear(stage: &Stage, Ground { directory, device, .. }: &Ground, disk: &Disk) {
    stage.run(&["umount", &format!("{directory}/mnt")]).await;
    stage.run(&["chattr", "-R", "-i", directory]).await;
    disk.detach(stage, device).await;
    for unit in units(directory) {
        stage.run(&["systemctl", "disable", &unit]).await;
        stage.run(&["rm", "-f", &format!("/etc/systemd/system/{unit}")]).await;
    }
    remove(stage, directory).await;
}

/// A machine that was lived on.
struct Lived {
    ground: Ground,
    records: Vec<Record>,
    hostname: String,
    size: u64,
}

/// Lives on a real machine.
async fn real(stage: Stage, peer: &str, disk: &Disk) -> Result<Lived, String> {
    let (ground, size) = prepare(&stage, peer, disk).await?;
    let hostname = stage.must(&["hostname"]).await.trim().to_owned();
    let (stage, records) = recorded(stage);
    let lived = tokio::time::timeout(Duration::from_secs(900), live(&stage, &ground));
    // Whatever happens, nothing is left behind.
    let lived = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(lived)).await;
    let records = taken(&records);
    clear(&stage, &ground, disk).await;
    match lived {
        Ok(Ok(())) => Ok(Lived { ground, records, hostname, size }),
        Ok(Err(_)) => panic!("not done within fifteen minutes; last: {:?}", records.last()),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// An inventory in which worker02 has this address.
fn inventory(peer: &str) -> Inventory {
    let mut inventory = Inventory::clone(&cutover_testkit::inventory::three_workers());
    peer.clone_into(&mut inventory.sites["primary"].nodes["worker02"].address);
    inventory
}

/// Lives on a machine of the sandbox that is like the real one.
async fn simulated(ground: &Ground, hostname: &str, size: u64) -> Vec<Record> {
    let mut inventory = inventory(&ground.peer);
    for pair in Arc::make_mut(&mut inventory.pairs) {
        pair.members.values_mut().for_each(|member| member.disk.clone_from(&ground.device));
    }
    hostname.clone_into(&mut inventory.sites["primary"].nodes["worker01"].hostname);
    let inventory = Arc::new(inventory);
    let spec = WorldSpec { disk_bytes: size, ..WorldSpec::default() };
    let sandbox = Sandbox::new(Arc::clone(&inventory), spec, 1).unwrap();
    let (stage, records) = recorded(Stage::of("sandbox", Arc::new(sandbox), inventory));
    on_both(&stage, &["mkdir", "-p", &ground.directory]).await;
    taken(&records);
    live(&stage, ground).await;
    taken(&records)
}

/// The real world of an inventory, reached as runs reach it.
fn on(name: &'static str, inventory: Arc<Inventory>) -> Stage {
    let world = RealWorld::new(Arc::clone(&inventory), "/root".into());
    Stage::of(name, Arc::new(world), inventory)
}

#[test]
fn a_real_machine_answers_as_one_of_the_sandbox() {
    let in_lab = lab();
    let is_lab = in_lab.is_some();
    let (stage, peer, disk) = match in_lab {
        None => {
            let peer = "127.0.0.1".to_owned();
            let mut inventory = inventory(&peer);
            inventory.sites.values_mut().for_each(|site| site.connection = Connection::Local);
            (on("host", inventory.into()), peer, Disk::Loop)
        }
        Some(inventory) => {
            let peer = inventory.sites["primary"].nodes["worker02"].address.clone();
            let members = inventory.pairs.iter().filter_map(|pair| pair.members.get("primary"));
            let member = members.into_iter().find(|member| member.node == "worker01");
            let disk = member.expect("worker01 of the lab's primary site is in a pair").disk.clone();
            (on("lab", inventory), peer, Disk::Spare(disk))
        }
    };
    let lived = match runtime(false).block_on(real(stage, &peer, &disk)) {
        Ok(lived) => lived,
        Err(why) => {
            assert!(!is_lab, "the lab's worker01: {why}");
            println!("SKIPPED: the commands of hosts: {why}");
            return;
        }
    };
    let in_sandbox = runtime(true).block_on(simulated(&lived.ground, &lived.hostname, lived.size));
    let wrong = differences(&lived.records, &in_sandbox, &lived.ground);
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// The expected answers: those of the sandbox. Real machines are held to them by the test above, wherever it can run.
#[test]
fn a_machine_of_the_sandbox_answers_as_expected() {
    let (directory, peer) = ("/var/tmp/conformance".to_owned(), "127.0.0.1".to_owned());
    let ground = Ground { directory, device: "/dev/sdc".to_owned(), peer };
    let records = runtime(true).block_on(simulated(&ground, "worker01", SIZE));
    let list = List::read("commands.txt");
    let missing: Vec<&str> =
        list.at("host").filter(|shape| !records.iter().any(|record| record.shape == *shape)).collect();
    assert!(missing.is_empty(), "`host`, but hosts are not asked:\n{}", missing.join("\n"));
    insta::assert_snapshot!("answers_of_hosts", transcript(&records, &ground));
}
