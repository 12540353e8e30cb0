//! The sandbox's file programs answer exactly as this machine's: output, errors and exit codes, command by command.

use cutover_testkit::stage::Stage;

/// Commands in order, each seeing what the earlier ones left. `~` stands for the test's directory.
const COMMANDS: &[&str] = &[
    "mkdir ~/a",
    "mkdir ~/a",
    "mkdir ~/missing/b",
    "mkdir -p ~/a/b/c",
    "mkdir -p -m 0700 ~/a/secret",
    "mkdir",
    "stat -c %F|%a ~/a/secret",
    "touch -d @1700000000.25 ~/a/file",
    "stat -c %F|%s|%Y|%h|%n ~/a/file",
    "touch ~/missing/file",
    "touch ~/a/file/x",
    "rmdir ~/a",
    "rmdir --ignore-fail-on-non-empty -- ~/a",
    "rmdir --ignore-fail-on-non-empty -- ~/none",
    "rmdir --ignore-fail-on-non-empty -- ~/a/secret",
    "mkdir -p ~/a/file",
    "mkdir -p ~/a/file/x",
    "chmod 0640 ~/a/file",
    "chmod 0999 ~/a/file",
    "chmod 0640 ~/none",
    "chmod 0640",
    "chown -- nosuchuser ~/a/file",
    "truncate -s 5000 ~/a/file",
    "stat -c %s|%b ~/a/file",
    "ln ~/a/file ~/a/hard",
    "ln ~/a/file ~/a/hard",
    "ln ~/none ~/a/hard2",
    "ln -s file ~/a/soft",
    "ln -s loop ~/a/loop",
    "stat -c %F|%h ~/a/soft",
    "stat -L -c %F|%h|%a ~/a/soft",
    "stat -c %F ~/none",
    "cat ~/a/loop",
    "cat ~/a",
    "cat ~/a/none ~/a/soft/x",
    "readlink -f ~/a/soft",
    "readlink ~/a/soft",
    "readlink ~/a/file",
    "readlink -e ~/none",
    "ls ~/a",
    "ls -A ~",
    "ls ~/none",
    "ls -d ~/a",
    "test -d ~/a",
    "test -d ~/a/file",
    "test -f ~/a/soft",
    "test -L ~/a/soft",
    "test ! -e ~/none",
    "test",
    "sha256sum ~/a/file",
    "sha256sum ~/a ~/none",
    "find ~/a/file -maxdepth 0 -printf %y|%m|%s\\n",
    "find ~/none -maxdepth 0 -printf %y\\n",
    "mv ~/none ~/x",
    "mv ~/a/hard ~/a/b",
    "ls ~/a/b",
    "mv ~/a ~/a/b",
    "mv -T ~/a/file ~/a/b",
    "mv -T ~/a/secret ~/a/b",
    "rmdir ~/a",
    "rmdir ~/a/file",
    "rmdir ~/none",
    "rm ~/a",
    "rm ~/none",
    "rm -f ~/none",
    "rm -f ~/a/file/x",
    "rm -z",
    "rm --nope",
    "rm -rf ~/a/b",
    "rm",
    "rm -f",
    "ls -A ~/a",
    "mkfifo ~/a/fifo",
    "mkfifo ~/a/fifo",
    "stat -c %F ~/a/fifo",
    "ln -s -n loop ~/a/loop",
    "ln ~/a ~/b",
    "mv onlyone",
    "false",
    "echo a b",
    "sleep x",
    "du -s -B1 ~/none",
];

#[tokio::test(start_paused = true)]
async fn both_worlds_say_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().to_str().unwrap();
    let (host, sandbox) = (Stage::host(), Stage::sandbox());
    sandbox.must(&["mkdir", "-p", root]).await;
    let mut unlike = Vec::new();
    for line in COMMANDS {
        let line = line.replace('~', root);
        let argv: Vec<&str> = line.split(' ').collect();
        let [mut real, mut simulated] = [host.run(&argv).await, sandbox.run(&argv).await];
        for output in [&mut real, &mut simulated] {
            // The lines after the first one advise to read the manual, in words that change with the version.
            output.stderr = output.stderr.replace(['‘', '’'], "'");
            let advice = |line: &&str| !line.starts_with("Try '") && !line.starts_with("Usage:");
            output.stderr = output.stderr.lines().filter(advice).collect::<Vec<_>>().join("\n").replace(root, "~");
        }
        if real != simulated {
            unlike.push(format!("{line}\n  real      {real:?}\n  simulated {simulated:?}"));
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}
