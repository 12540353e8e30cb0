//! Commands in containers of real engines. An engine that is missing or cannot run a container here is reported as skipped.

mod engine;

use std::time::{Duration, Instant};

use cutover_engine::world::{Command, Exit, Io, Transport, TransportFault, collect};

use engine::{Running, each, node, world};

fn sh(script: &str) -> Command {
    Command::new(["sh", "-c", script])
}

/// How many processes in the container have this word in their arguments. The pattern must not match the searching process
/// itself: `[7]77`.
async fn processes(node: &dyn Transport, word: &str) -> usize {
    let output = collect(node, &sh(&format!("grep -ls -e '{word}' /proc/[0-9]*/cmdline"))).await.unwrap();
    output.stdout.lines().count()
}

async fn eventually(node: &dyn Transport, word: &str, good: impl Fn(usize) -> bool) -> Duration {
    let start = Instant::now();
    loop {
        let seen = processes(node, word).await;
        if good(seen) {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{seen} processes have `{word}`");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn streams_stay_apart_and_exits_are_reported() {
    for running in each() {
        let world = running.world();
        let node = node(&world).await;
        let first = collect(&*node, &sh("echo out; echo err >&2; exit 7")).await.unwrap();
        assert_eq!((first.exit, first.stdout.as_str(), first.stderr.as_str()), (Exit::Code(7), "out\n", "err\n"));
        let missing = collect(&*node, &Command::new(["no-such-program"])).await.unwrap();
        assert_eq!(missing.exit, Exit::Code(127));
        assert!(missing.stderr.contains("no-such-program"), "{}", missing.stderr);
        let silent = collect(&*node, &Command::new(["cat"])).await.unwrap();
        assert_eq!((silent.exit, silent.stdout.as_str()), (Exit::Code(0), ""), "no input is an empty input");
        let unread = collect(&*node, &Command::new(["true"]).stdin("x".repeat(1 << 20))).await.unwrap();
        assert!(unread.success(), "a command need not read its input: {unread:?}");
        let place = collect(&*node, &Command::new(["cat", "/where"])).await.unwrap();
        assert_eq!(place.stdout, running.name, "it runs in the container");
    }
}

#[tokio::test]
async fn words_variables_and_directory_arrive() {
    for running in each() {
        let world = running.world();
        let node = node(&world).await;
        let mut command = sh("printf '%s|%s|' \"$1\" \"$SECRET\"; pwd; cat").stdin("input");
        command.argv.extend(["sh".to_owned(), "a 'b'\n$c \"*\" é☃".to_owned()]);
        command.env.insert("SECRET".to_owned(), "x 'y'\n$z".to_owned());
        command.cwd = Some("/bin".to_owned());
        let output = collect(&*node, &command).await.unwrap();
        let expected = "a 'b'\n$c \"*\" é☃|x 'y'\n$z|/bin\ninput";
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), (expected, ""));
    }
}

#[tokio::test]
async fn a_mebibyte_of_anything_goes_through_and_back() {
    let noise: Vec<u8> = (0..1_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for running in each() {
        let world = running.world();
        let node = node(&world).await;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let io = Io { stdin: Some(Box::new(&noise[..])), stdout: Box::new(&mut out), stderr: Box::new(&mut err) };
        let exit = node.exec(&Command::new(["cat"]), io).await.unwrap();
        assert_eq!(exit, Exit::Code(0));
        assert!(out == noise, "{} bytes came back, or others", out.len());
        assert!(err.is_empty());
    }
}

#[tokio::test]
async fn dropping_a_command_ends_its_processes_in_the_container() {
    for running in each() {
        let world = running.world();
        let node = node(&world).await;
        let command = sh("sleep 77701 & sleep 77701 & wait");
        let mut dropped = Box::pin(collect(&*node, &command));
        tokio::select! {
            ended = &mut dropped => panic!("{ended:?}"),
            // `timeout`, `sh` and `sleep` twice.
            _ = eventually(&*node, "[7]7701", |seen| seen >= 4) => {}
        }
        drop(dropped);
        let took = eventually(&*node, "[7]7701", |seen| seen == 0).await;
        println!("{}: gone {took:?} after the command was dropped", running.engine);
        // One that has not begun yet is caught as well.
        let mut early = Box::pin(collect(&*node, &command));
        tokio::select! {
            biased;
            ended = &mut early => panic!("{ended:?}"),
            () = tokio::time::sleep(Duration::from_millis(1)) => drop(early),
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        eventually(&*node, "[7]7701", |seen| seen == 0).await;
    }
}

#[tokio::test]
async fn a_command_ends_at_its_limit() {
    for running in each() {
        let world = running.world().command_limit(Duration::from_secs(1));
        let node = node(&world).await;
        let fault = collect(&*node, &Command::new(["sleep", "77702"])).await.unwrap_err();
        assert!(matches!(&fault, TransportFault::TimedOut(why) if why.contains("sleep 77702")), "{fault}");
        assert_eq!(processes(&*node, "[7]7702").await, 0);
    }
}

#[tokio::test]
async fn a_container_that_is_gone_is_unreachable() {
    for running in each() {
        let reason = |fault: TransportFault| match fault {
            TransportFault::Unreachable(why) => why.to_lowercase(),
            other => panic!("{other:?}"),
        };
        let elsewhere = world(running.engine, "cutover-test-that-never-was");
        let fault = collect(&*node(&elsewhere).await, &Command::new(["true"])).await.unwrap_err();
        let why = reason(fault);
        assert!(why.contains("no such container") && why.contains(running.engine), "{why}");
        let world = running.world();
        let node = node(&world).await;
        assert!(collect(&*node, &Command::new(["true"])).await.unwrap().success());
        running.stop();
        let why = reason(collect(&*node, &Command::new(["true"])).await.unwrap_err());
        assert!(why.contains("running"), "{why}");
    }
}

#[tokio::test]
async fn a_missing_engine_is_reported() {
    let world = world("no-such-engine", "any");
    let fault = collect(&*node(&world).await, &Command::new(["true"])).await.unwrap_err();
    assert!(
        matches!(&fault, TransportFault::Unreachable(why) if why.contains("cannot start `no-such-engine`")),
        "{fault}"
    );
}

#[test]
fn nothing_is_left_of_a_container() {
    for running in each() {
        let (engine, name) = (running.engine, running.name.clone());
        assert!(Running::listed(engine, &name));
        drop(running);
        assert!(!Running::listed(engine, &name));
    }
}
