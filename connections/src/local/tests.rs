//! Processes here: the same answers as from a host.

use cutover_engine::world::{collect, pipe};

use super::*;

fn sh(script: &str) -> Command {
    Command::new(["sh", "-c", script])
}

#[tokio::test]
async fn streams_stay_apart_and_exits_are_reported() {
    let local = Local::new(Duration::from_secs(20), Endings::default());
    let mut command = sh("cat; printf %s \"$VALUE\"; pwd >&2; exit 3").stdin("in ");
    command.env.insert("VALUE".to_owned(), "a 'b'".to_owned());
    command.cwd = Some("/usr/bin".to_owned());
    let output = collect(&local, &command).await.unwrap();
    assert_eq!(
        (output.exit, output.stdout.as_str(), output.stderr.as_str()),
        (Exit::Code(3), "in a 'b'", "/usr/bin\n")
    );
    let ends = [("kill -TERM $$", Exit::Signal("TERM".into())), ("kill -USR2 $$", Exit::Signal("USR2".into()))];
    for (script, exit) in ends {
        assert_eq!(collect(&local, &sh(script)).await.unwrap().exit, exit);
    }
    let missing = collect(&local, &Command::new(["no-such-program"])).await.unwrap();
    assert_eq!(missing.exit, Exit::Code(127));
    assert!(missing.stderr.contains("no-such-program"), "{missing:?}");
    command.cwd = Some("/no/such/place".to_owned());
    assert_eq!(collect(&local, &command).await.unwrap().exit, Exit::Code(126));
    let unread = collect(&local, &Command::new(["true"]).stdin("x".repeat(8 << 20))).await.unwrap();
    assert!(unread.success(), "{unread:?}");
    let left = collect(&local, &sh("sleep 30 & echo started; kill $!; sleep 30 & echo $!")).await.unwrap();
    assert!(left.success() && left.stdout.starts_with("started\n"), "what is left running holds nothing up: {left:?}");
}

#[tokio::test]
async fn a_stream_goes_from_one_process_to_another() {
    let local = Local::new(Duration::from_secs(20), Endings::default());
    let (sent, received) = pipe((&local, &sh("head -c 64M /dev/zero")), (&local, &sh("wc -c"))).await.unwrap();
    assert_eq!((sent.exit, received.stdout.trim()), (Exit::Code(0), "67108864"));
    let (sent, received) = pipe((&local, &Command::new(["yes"])), (&local, &sh("head -n 1"))).await.unwrap();
    assert_eq!((sent.exit, received.stdout.as_str()), (Exit::Signal("PIPE".to_owned()), "y\n"));
}

#[tokio::test]
async fn the_limit_is_distinguished_from_an_exit_code() {
    let local = Local::new(Duration::from_secs(1), Endings::default());
    assert_eq!(collect(&local, &sh("exit 124")).await.unwrap().exit, Exit::Code(124));
    let ended = collect(&local, &sh("sleep 20")).await;
    assert!(matches!(ended, Err(TransportFault::TimedOut(_))), "{ended:?}");
}

#[tokio::test]
async fn dropping_it_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let local = Local::new(Duration::from_secs(60), Endings::default());
    // The shell ignores TERM, so that KILL has to come.
    let command = sh(&format!("trap '' TERM; sleep 50 & echo $$ > {}; wait; sleep 50", pid.display()));
    let mut running = Box::pin(collect(&local, &command));
    let written = async {
        while !std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = &mut running => panic!("{ended:?}"),
        () = written => drop(running),
    }
    let stat = format!("/proc/{}/stat", std::fs::read_to_string(&pid).unwrap().trim());
    let runs = || std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z "));
    for _ in 0..200 {
        if !runs() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{stat} still runs");
}
