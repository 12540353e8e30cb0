//! Commands over SSH, against a real sshd: streams, exits, many at once, stopping, losing.

mod sshd;

use std::fs;
use std::time::{Duration, Instant};

use cutover_engine::world::{Command, Exit, Io, Output, Transport, TransportFault, collect, pipe};
use sshd::{Sshd, eventually, group, group_of, node};

fn sh(script: &str) -> Command {
    Command::new(["sh", "-c", script])
}

async fn run(transport: &dyn Transport, script: &str) -> Output {
    collect(transport, &sh(script)).await.unwrap()
}

/// Bytes that look random and hold every value.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test]
async fn streams_stay_apart_and_exits_are_told() {
    let Some(sshd) = Sshd::start() else { return };
    let (world, start) = (sshd.world(""), Instant::now());
    let node = node(&world).await.unwrap();
    let first = run(&*node, "echo out; echo err >&2; exit 7").await;
    println!("connect and first command: {:?}", start.elapsed());
    assert_eq!((first.exit, first.stdout.as_str(), first.stderr.as_str()), (Exit::Code(7), "out\n", "err\n"));
    assert_eq!(run(&*node, "kill -TERM $$").await.exit, Exit::Signal("TERM".to_owned()));
    assert_eq!(run(&*node, "kill -USR2 $$").await.exit, Exit::Signal("USR2".to_owned()));
    let missing = collect(&*node, &Command::new(["no-such-program"])).await.unwrap();
    assert_eq!(missing.exit, Exit::Code(127));
    assert!(missing.stderr.contains("no-such-program"), "{}", missing.stderr);

    let silent = collect(&*node, &Command::new(["cat"])).await.unwrap();
    assert_eq!((silent.exit, silent.stdout.as_str()), (Exit::Code(0), ""), "no input is an empty input");
    let fed = collect(&*node, &Command::new(["wc", "-c"]).stdin("twelve bytes")).await.unwrap();
    assert_eq!(fed.stdout.trim(), "12");
    assert!(run(&*node, "true").await.success());
    for length in [1 << 10, 1 << 20, 8 << 20] {
        let unread = collect(&*node, &Command::new(["true"]).stdin("x".repeat(length))).await.unwrap();
        assert!(unread.success(), "a command need not read its input: {unread:?}");
    }

    let start = Instant::now();
    for _ in 0..20 {
        assert!(run(&*node, "true").await.success());
    }
    println!("each further command: {:?}", start.elapsed() / 20);
}

#[tokio::test]
async fn words_variables_and_directory_arrive() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let words =
        ["", " ", "it's", "\"", "$HOME", "`id`", "a\nb", "\\", "*", "~", "!x", "-n", "é☃", "&&", ";", "#", "=a"];
    let output = collect(&*node, &Command::new(["printf", "%s|"].into_iter().chain(words))).await.unwrap();
    assert_eq!(output.stdout, words.map(|word| format!("{word}|")).concat());
    let mut command = sh("printf '%s|%s|' \"$ONE\" \"$TWO\"; pwd; cat").stdin("input");
    command.env.insert("ONE".to_owned(), "a 'b'\n$c".to_owned());
    command.env.insert("TWO".to_owned(), String::new());
    command.cwd = Some("/usr/bin".to_owned());
    let output = collect(&*node, &command).await.unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("a 'b'\n$c||/usr/bin\ninput", ""));
}

#[tokio::test]
async fn a_mebibyte_of_anything_goes_through_and_back() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let sent = noise(1 << 20);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let command = sh("tee /dev/stderr");
    let io =
        Io { stdin: Some(Box::new(sent.as_slice())), stdout: Box::new(&mut stdout), stderr: Box::new(&mut stderr) };
    assert_eq!(node.exec(&command, io).await, Ok(Exit::Code(0)));
    assert!(stdout == sent, "standard output differs");
    assert!(stderr == sent, "standard error differs");
}

#[tokio::test]
async fn thirty_commands_at_once_over_one_connection() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let start = Instant::now();
    let commands = (0..30).map(|number| {
        let world = &world;
        async move { run(&*node(world).await.unwrap(), &format!("sleep 0.1; echo {number}")).await.stdout }
    });
    let said = futures_util::future::join_all(commands).await;
    println!("30 commands of 0.1 s at once, connecting included: {:?}", start.elapsed());
    assert_eq!(said, (0..30).map(|number| format!("{number}\n")).collect::<Vec<_>>());
    let log = fs::read_to_string(sshd.path("log")).unwrap();
    assert_eq!(log.matches("Accepted publickey").count(), 1, "{log}");
}

#[tokio::test]
async fn a_host_that_allows_fewer_sessions_is_asked_again() {
    let Some(sshd) = Sshd::start_with("MaxSessions 2") else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let outputs = futures_util::future::join_all((0..6).map(|_| run(&*node, "sleep 0.1; echo done"))).await;
    assert!(outputs.iter().all(|output| output.stdout == "done\n"), "{outputs:?}");
}

#[tokio::test]
async fn a_stream_from_a_host_to_itself_does_not_wait_for_itself() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let (read, write) = (sh("head -c 64M /dev/zero"), sh("sleep 0.3; wc -c"));
    let copied = pipe((&*node, &read), (&*node, &write));
    let (sent, received) = tokio::time::timeout(Duration::from_secs(60), copied).await.unwrap().unwrap();
    assert_eq!((sent.exit, received.stdout.trim()), (Exit::Code(0), "67108864"));
    let (sent, received) =
        pipe((&*node, &sh("yes; exit 9")), (&*node, &Command::new(["head", "-n", "1"]))).await.unwrap();
    assert_eq!(
        (sent.exit, received.stdout.as_str()),
        (Exit::Signal("PIPE".to_owned()), "y\n"),
        "nobody reads any more"
    );
}

/// Starts a script that writes its pid and waits, and gives its process group.
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
    eventually(Duration::from_secs(2), "the receiver is gone", || group(group_id).is_empty()).await;
    let cats = || run_count(&sshd, b"/dev/zero");
    eventually(Duration::from_secs(2), "the sender is gone", || cats() == 0).await;
    assert_eq!(run(&*node, "echo alive").await.stdout, "alive\n");
    let sessions = || sshd.descendants().len();
    let one = 2;
    eventually(Duration::from_secs(5), "only the shared connection is left", || sessions() <= one).await;
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
async fn commands_dropped_at_any_moment_leave_nothing_and_give_back_their_channels() {
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
async fn the_limit_is_told_apart_from_an_exit_code() {
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
    let (ended, ()) = tokio::join!(running, async {
        started(&sshd).await;
        sshd.cut();
    });
    assert!(matches!(ended, Err(TransportFault::Lost(_))), "{ended:?}");
    assert_eq!(run(&*transport, "echo again").await.stdout, "again\n", "over the transport that is at hand");
    sshd.cut();
    assert_eq!(run(&*node(&world).await.unwrap(), "echo again").await.stdout, "again\n", "over a new one");
}

#[tokio::test]
async fn a_command_that_leaves_something_running_still_ends() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let output = run(&*node, "setsid sleep 60 & echo started").await;
    assert_eq!((output.exit, output.stdout.as_str()), (Exit::Code(0), "started\n"));
}
