//! Commands over SSH: streams, words, exits, many at once.

use std::fs;
use std::time::{Duration, Instant};

use cutover_engine::world::collect;
use cutover_engine::world::{Command, Exit, Io, pipe};

use super::sshd::{Sshd, node, noise, run, sh};

#[tokio::test]
async fn streams_stay_apart_and_exits_are_reported() {
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
    let outputs = futures_util::future::join_all(commands).await;
    println!("30 commands of 0.1 s at once, connecting included: {:?}", start.elapsed());
    assert_eq!(outputs, (0..30).map(|number| format!("{number}\n")).collect::<Vec<_>>());
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

#[tokio::test]
async fn a_command_that_leaves_something_running_still_ends() {
    let Some(sshd) = Sshd::start() else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let output = run(&*node, "setsid sleep 60 & echo started").await;
    assert_eq!((output.exit, output.stdout.as_str()), (Exit::Code(0), "started\n"));
}
