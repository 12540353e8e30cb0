//! Login shells that print, move streams, or are not POSIX shells: what a command prints arrives as it is, or the host is refused before anything is done.
//! A forced command (sshd_config(5)) stands for the login shell and its profile.

use cutover_engine::world::{Command, Exit, TransportFault, collect};

use super::sshd::{Sshd, node, run};

fn behind(profile: &str) -> Option<Sshd> {
    Sshd::start_with(&format!("ForceCommand {profile}"))
}

#[tokio::test]
async fn what_a_login_shell_prints_is_not_the_commands_output() {
    let profiles = [
        "echo Welcome; echo to this host >&2; eval \"$SSH_ORIGINAL_COMMAND\"",
        "printf 'no end of line'; sh -c \"$SSH_ORIGINAL_COMMAND\"; echo Bye; echo bye >&2",
        "head -c 100000 /dev/zero; sh -c \"$SSH_ORIGINAL_COMMAND\"; exit 0",
    ];
    for profile in profiles {
        let Some(sshd) = behind(profile) else { return };
        let world = sshd.world("");
        let node = node(&world).await.unwrap_or_else(|fault| panic!("{profile}: {fault}"));
        let first = run(&*node, "echo out; echo err >&2; exit 7").await;
        let expected = if profile.ends_with("exit 0") { 0 } else { 7 };
        assert_eq!(
            (first.exit, first.stdout.as_str(), first.stderr.as_str()),
            (Exit::Code(expected), "out\n", "err\n"),
            "{profile}"
        );
        let input = collect(&*node, &Command::new(["tr", "a", "b"]).stdin("a 'b'\n$c\\")).await.unwrap();
        assert_eq!(input.stdout, "b 'b'\n$c\\", "{profile}");
        let bytes = collect(&*node, &Command::new(["head", "-c", "300000", "/dev/zero"])).await.unwrap();
        assert_eq!(bytes.stdout.len(), 300_000, "{profile}");
    }
    let Some(sshd) = behind("sh -c \"$SSH_ORIGINAL_COMMAND\"; echo Bye") else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    let killed = run(&*node, "kill -TERM $$").await;
    assert_eq!((killed.exit, killed.stdout.as_str()), (Exit::Signal("TERM".to_owned()), ""));
    assert_eq!(run(&*node, "exit 200").await.exit, Exit::Code(200));
}

#[tokio::test]
async fn a_lost_standard_error_is_reported_where_it_is_missed() {
    let Some(sshd) = behind("exec 2>/dev/null; sh -c \"$SSH_ORIGINAL_COMMAND\"") else { return };
    let world = sshd.world("");
    let node = node(&world).await.unwrap();
    assert_eq!(run(&*node, "echo fine; echo err >&2").await.stderr, "");
    let failed = run(&*node, "echo why >&2; exit 3").await;
    assert_eq!(failed.exit, Exit::Code(3));
    assert!(failed.stderr.contains("sends standard error away"), "{}", failed.stderr);
}

#[tokio::test]
async fn streams_that_cannot_be_kept_apart_are_refused_before_anything_is_done() {
    let cases = [
        ("exec 2>&1; sh -c \"$SSH_ORIGINAL_COMMAND\"", "exec 2>&1"),
        ("exec >&2; sh -c \"$SSH_ORIGINAL_COMMAND\"", "exec >&2"),
        ("exec >/dev/null; sh -c \"$SSH_ORIGINAL_COMMAND\"", "sends standard output away"),
        ("/usr/sbin/nologin", "This account is currently not available"),
        ("/bin/false", "it prints nothing"),
    ];
    for (profile, words) in cases {
        let Some(sshd) = behind(profile) else { return };
        let fault = node(&sshd.world("")).await.map(drop).unwrap_err();
        assert!(matches!(&fault, TransportFault::Unreachable(why) if why.contains(words)), "{profile}: {fault}");
    }
}

#[tokio::test]
async fn a_login_shell_need_not_be_a_posix_shell() {
    for shell in ["bash", "zsh", "fish", "tcsh", "csh"] {
        let path = format!("/usr/bin/{shell}");
        if !std::path::Path::new(&path).exists() && !std::path::Path::new(&format!("/bin/{shell}")).exists() {
            println!("SKIPPED: no {shell} on this machine to log in to; install it");
            continue;
        }
        let Some(sshd) = behind(&format!("{shell} -c \"$SSH_ORIGINAL_COMMAND\"")) else { return };
        let world = sshd.world("");
        let node = node(&world).await.unwrap_or_else(|fault| panic!("{shell}: {fault}"));
        let words = ["it's", "\"", "$HOME", "`id`", "a\nb", "\\", "\\'", "*", "~", "!!", "!x", "é", "", "%", "^"];
        let mut command = Command::new(["printf", "%s|"].into_iter().chain(words));
        command.env.insert("LC_ALL".to_owned(), "C".to_owned());
        command.cwd = Some("/usr/bin".to_owned());
        let output = collect(&*node, &command).await.unwrap();
        assert_eq!(output.stdout, words.map(|word| format!("{word}|")).concat(), "{shell}");
        assert_eq!(run(&*node, "kill -TERM $$").await.exit, Exit::Signal("TERM".to_owned()), "{shell}");
    }
}
