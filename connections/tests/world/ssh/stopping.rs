//! Commands over SSH that are stopped, and connections that are lost: nothing stays behind.

use std::fs;
use std::time::Duration;

use cutover_engine::world::{Command, Exit, TransportFault, World as _, collect, pipe};

use super::sshd::{Sshd, eventually, group, group_of, kill, node, run, sh};

/// Starts a script that writes its pid and waits; returns its process group.
async fn started(sshd: &Sshd) -> u32 {
    let pid = sshd.path("pid");
    eventually(Duration::from_secs(10), "the command has started", || {
        fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    })
    .await;
    group_of(fs::read_to_string(&pid).unwrap().trim().parse().unwrap())
}

fn waiting(sshd: &Sshd) -> Command {
    sh(&format!("trap '' HUP; sleep 100 & echo $$ > {}; wait", sshd.path("pid").display()))
}

#[tokio::test]
async fn dropping_a_command_ends_its_group_and_nothing_else() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let command = waiting(&sshd);
    let mut running = Box::pin(collect(&*node, &command));
    let group_id = tokio::select! {
        ended = &mut running => panic!("{ended:?}"),
        id = started(&sshd) => id,
    };
    assert!(group(group_id).len() >= 3, "timeout, sh and sleep");
    drop(running);
    let took = eventually(Duration::from_secs(1), "the group is gone", || group(group_id).is_empty()).await;
    println!("gone {took:?} after the command was dropped");
    assert_eq!(run(&*node, "echo alive").await.stdout, "alive\n");
}

#[tokio::test]
async fn settling_waits_until_dropped_commands_have_ended() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let command = sh(&format!("trap '' HUP TERM; sleep 100 & echo $$ > {}; wait", sshd.path("pid").display()));
    let mut running = Box::pin(collect(&*node, &command));
    let group_id = tokio::select! {
        ended = &mut running => panic!("{ended:?}"),
        id = started(&sshd) => id,
    };
    drop(running);
    world.settle().await;
    // It ignores TERM, and the two seconds between TERM and KILL are over.
    eventually(Duration::from_millis(500), "the group is gone", || group(group_id).is_empty()).await;
    assert_eq!(run(&*node, "echo alive").await.stdout, "alive\n", "the world can still be used");
}

#[tokio::test]
async fn a_stream_that_nobody_takes_holds_up_nothing_else_and_ends_when_dropped() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let (zeros, stuck) = (sh("cat /dev/zero"), waiting(&sshd));
    let mut copying = Box::pin(pipe((&*node, &zeros), (&*node, &stuck)));
    let group_id = tokio::select! {
        ended = &mut copying => panic!("{ended:?}"),
        id = started(&sshd) => id,
    };
    let beside = async { tokio::time::sleep(Duration::from_millis(300)).await };
    tokio::select! {
        ended = &mut copying => panic!("{ended:?}"),
        () = beside => drop(copying),
    }
    eventually(Duration::from_secs(5), "the receiver is gone", || group(group_id).is_empty()).await;
    let cats = || run_count(&sshd, b"/dev/zero");
    eventually(Duration::from_secs(5), "the sender is gone", || cats() == 0).await;
    assert_eq!(run(&*node, "echo alive").await.stdout, "alive\n");
    let sessions = || sshd.descendants().len();
    let one = 2;
    eventually(Duration::from_secs(5), "only the shared connection is left", || sessions() <= one).await;
}

#[tokio::test]
async fn a_stream_to_a_host_that_answers_no_more_is_unreachable() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("connect_timeout: 3s");
    let node = node(&world).await.unwrap();
    let (read, write) = (sh("echo line"), sh("wc -l"));
    sshd.hang(true);
    tokio::select! {
        ended = pipe((&*node, &read), (&*node, &write)) => panic!("{ended:?}"),
        () = tokio::time::sleep(Duration::from_millis(300)) => {}
    }
    let ended = pipe((&*node, &read), (&*node, &write)).await;
    assert!(matches!(&ended, Err(TransportFault::Unreachable(why)) if why.contains("within 3s")), "{ended:?}");
    sshd.hang(false);
    assert_eq!(pipe((&*node, &read), (&*node, &write)).await.unwrap().1.stdout, "1\n");
}

/// How many of the sshd's processes have some bytes in their argv.
fn run_count(sshd: &Sshd, bytes: &[u8]) -> usize {
    let has = |pid: &u32| {
        let argv = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        argv.windows(bytes.len()).any(|window| window == bytes)
    };
    sshd.descendants().iter().filter(|pid| has(pid)).count()
}

#[tokio::test]
async fn commands_dropped_at_any_moment_leave_nothing_and_free_their_channels() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let command = sh("sleep 99.25");
    for round in 0..40_u64 {
        let stopped = tokio::time::timeout(Duration::from_millis(round * 3), collect(&*node, &command)).await;
        assert!(stopped.is_err());
    }
    let sleeping = || run_count(&sshd, b"99.25");
    eventually(Duration::from_secs(20), "no command is left", || sleeping() == 0).await;
    let outputs = futures_util::future::join_all((0..16).map(|_| run(&*node, "echo done"))).await;
    assert!(outputs.iter().all(|output| output.stdout == "done\n"), "{outputs:?}");
    assert_eq!(sleeping(), 0);
}

#[test]
fn when_the_controller_dies_the_limit_ends_what_it_left() {
    let Some(sshd) = Sshd::start() else { return };
    let sshd = std::sync::Arc::new(sshd);
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let controller = runtime();
    let theirs = std::sync::Arc::clone(&sshd);
    controller.spawn(async move {
        let world = theirs.world("").command_limit(Duration::from_secs(3));
        collect(&*node(&world).await.unwrap(), &waiting(&theirs)).await
    });
    runtime().block_on(async {
        let group_id = started(&sshd).await;
        controller.shutdown_background();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!group(group_id).is_empty(), "a lost connection alone ends nothing");
        eventually(Duration::from_secs(8), "the limit ends it", || group(group_id).is_empty()).await;
    });
}

#[tokio::test]
async fn the_limit_is_distinguished_from_an_exit_code() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("").command_limit(Duration::from_secs(1));
    let node = node(&world).await.unwrap();
    assert_eq!(run(&*node, "exit 124").await.exit, Exit::Code(124));
    let ended = collect(&*node, &sh("sleep 20")).await;
    assert!(matches!(ended, Err(TransportFault::TimedOut(_))), "{ended:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_while_a_command_runs_is_lost_and_is_made_again() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let transport = node(&world).await.unwrap();
    let command = waiting(&sshd);
    let running = collect(&*transport, &command);
    let (ended, group_id) = tokio::join!(running, async {
        let group_id = started(&sshd).await;
        sshd.cut();
        group_id
    });
    // Its own limit would end it, in hours.
    group(group_id).into_iter().for_each(kill);
    assert!(matches!(ended, Err(TransportFault::Lost(_))), "{ended:?}");
    assert_eq!(run(&*transport, "echo again").await.stdout, "again\n", "over the transport that is at hand");
    sshd.cut();
    assert_eq!(run(&*node(&world).await.unwrap(), "echo again").await.stdout, "again\n", "over a new one");
}
