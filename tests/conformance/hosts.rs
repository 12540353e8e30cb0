//! The same life on a real machine and on one of the sandbox: this one as root, or with `CUTOVER_LAB=INVENTORY` one of the
//! lab, through the transport that runs use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cutover_connections::RealWorld;
use cutover_engine::action::Action;
use cutover_engine::inventory::{Connection, Inventory};
use cutover_engine::world::{Command, Place};
use cutover_sandbox::{Sandbox, WorldSpec};

use crate::compare::differences;
use crate::life::{Ground, live};
use crate::list::List;
use crate::noted::{Note, Noted, Notes};
use crate::rehearsed::load;
use crate::worlds::{self, Stage};

/// The disk's size, in bytes.
const SIZE: u64 = 64 << 20;

fn runtime(paused: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap()
}

/// Keeps notes of all that is sent to a stage.
fn noted(stage: Stage) -> (Stage, Notes) {
    let notes: Notes = Arc::default();
    let stage = stage.through(|world, inventory| Arc::new(Noted::new(world, inventory, &notes)));
    (stage, notes)
}

fn taken(notes: &Notes) -> Vec<Note> {
    std::mem::take(&mut *notes.lock().unwrap())
}

/// Makes the ground on a real machine; `Err` with the reason where that is not possible.
async fn prepare(stage: &Stage, peer: &str) -> Result<Ground, String> {
    if stage.must(&["id", "-u"]).await.trim() != "0" {
        return Err("not root".to_owned());
    }
    let directory = format!("/var/tmp/cutover-conformance-{}", std::process::id());
    for node in ["worker01", "worker02"] {
        let mkdir = Command::new(["mkdir", "-p", &directory]);
        stage.act(&Action::Exec { place: Place::node("primary", node), command: mkdir }).await;
    }
    let image = format!("{directory}.image");
    stage.must(&["truncate", "-s", &SIZE.to_string(), &image]).await;
    let probe = format!("{directory}.probe");
    stage.must(&["touch", &probe]).await;
    let immutable = stage.run(&["chattr", "+i", &probe]).await.success();
    stage.run(&["chattr", "-i", &probe]).await;
    let device = stage.run(&["losetup", "--find", "--show", &image]).await;
    let ground = Ground { directory, device: device.stdout.trim().to_owned(), peer: peer.to_owned() };
    if device.success() && immutable {
        return Ok(ground);
    }
    clear(stage, &ground).await;
    Err("no free loop device, or a file system that does not know chattr +i".to_owned())
}

/// Leaves nothing of it.
async fn clear(stage: &Stage, ground: &Ground) {
    let Ground { directory, device, .. } = ground;
    let mount = format!("{directory}/mnt");
    stage.run(&["umount", &mount]).await;
    stage.run(&["chattr", "-R", "-i", directory]).await;
    if !device.is_empty() {
        stage.run(&["losetup", "-d", device]).await;
    }
    for node in ["worker01", "worker02"] {
        let (image, probe) = (format!("{directory}.image"), format!("{directory}.probe"));
        let command = Command::new(["rm", "-rf", "--one-file-system", directory, &image, &probe]);
        stage.act(&Action::Exec { place: Place::node("primary", node), command }).await;
    }
}

/// Lives on a real machine; gives the ground, the notes and the name of the machine.
async fn real(stage: Stage, peer: &str) -> Result<(Ground, Vec<Note>, String), String> {
    let ground = prepare(&stage, peer).await?;
    let hostname = stage.must(&["hostname"]).await.trim().to_owned();
    let (stage, notes) = noted(stage);
    let lived = tokio::time::timeout(Duration::from_secs(300), live(&stage, &ground));
    // Whatever happens, nothing is left behind.
    let lived = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(lived)).await;
    let kept = taken(&notes);
    clear(&stage, &ground).await;
    match lived {
        Ok(Ok(())) => Ok((ground, kept, hostname)),
        Ok(Err(_)) => panic!("not done within five minutes; last: {:?}", kept.last()),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// An inventory in which worker02 has this address.
fn inventory(peer: &str) -> Inventory {
    let mut inventory = Inventory::clone(&worlds::inventory());
    peer.clone_into(&mut inventory.sites["primary"].nodes["worker02"].address);
    inventory
}

/// Lives on a machine of the sandbox that is like the real one.
async fn simulated(ground: &Ground, hostname: &str) -> Vec<Note> {
    let mut inventory = inventory(&ground.peer);
    for pair in &mut inventory.pairs {
        pair.members.values_mut().for_each(|member| member.disk.clone_from(&ground.device));
    }
    hostname.clone_into(&mut inventory.sites["primary"].nodes["worker01"].hostname);
    let inventory = Arc::new(inventory);
    let spec = WorldSpec { disk_bytes: SIZE, ..WorldSpec::default() };
    let sandbox = Sandbox::new(Arc::clone(&inventory), spec, 1).unwrap();
    let (stage, notes) = noted(Stage::of("sandbox", Arc::new(sandbox), inventory));
    for node in ["worker01", "worker02"] {
        let mkdir = Command::new(["mkdir", "-p", &ground.directory]);
        stage.act(&Action::Exec { place: Place::node("primary", node), command: mkdir }).await;
    }
    taken(&notes);
    live(&stage, ground).await;
    taken(&notes)
}

/// The real world of an inventory, reached as runs reach it.
fn on(name: &'static str, inventory: Arc<Inventory>) -> Stage {
    let world = RealWorld::new(Arc::clone(&inventory), "/root".into());
    Stage::of(name, Arc::new(world), inventory)
}

#[test]
fn a_real_machine_answers_as_one_of_the_sandbox() {
    let (stage, peer) = match std::env::var("CUTOVER_LAB") {
        Err(_) => {
            let peer = "127.0.0.1".to_owned();
            let mut inventory = inventory(&peer);
            inventory.sites.values_mut().for_each(|site| site.connection = Connection::Local);
            (on("host", inventory.into()), peer)
        }
        Ok(path) => {
            let inventory = load(&PathBuf::from(path));
            let peer = inventory.sites["primary"].nodes["worker02"].address.clone();
            (on("lab", inventory), peer)
        }
    };
    let (ground, on_real, hostname) = match runtime(false).block_on(real(stage, &peer)) {
        Ok(lived) => lived,
        Err(why) => {
            println!("SKIPPED: the commands of hosts: {why}");
            return;
        }
    };
    let in_sandbox = runtime(true).block_on(simulated(&ground, &hostname));
    let mut wrong = differences(&on_real, &in_sandbox, &ground.directory, &ground.device);
    let list = List::read("commands.txt");
    let compared = |shape: &&str| !on_real.iter().any(|note| note.shape == **shape);
    wrong.extend(list.at("host").filter(compared).map(|shape| format!("`host`, but compared nowhere: {shape}")));
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
