//! Processes and containers that use a directory tree or a mounted file system.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::query::ReadScript;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;
use serde::Serialize;

/// What the script does.
const SCRIPT: &str = include_str!("../../scripts/holders.sh");
/// The script that finds them; it reads `/proc` and changes nothing.
const HOLDERS: ReadScript = ReadScript::declare("cutover-holders", SCRIPT);

/// A process that uses a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct User {
    /// Its process id.
    pub(crate) pid: String,
    /// Its command.
    pub(crate) command: String,
    /// How: `open`, `cwd`, `root`, `exe`, or `mount` for a container that has it mounted.
    pub(crate) how: String,
    /// The path it uses; for `mount`, the path inside the container.
    pub(crate) path: String,
}

/// Finds who uses a directory at a place: the whole file system if something is mounted there, the tree beneath it
/// otherwise.
pub(crate) async fn read(cx: &Context, place: &Place, path: &str) -> Result<Vec<User>, Failure> {
    let command = HOLDERS.of([path]);
    let text = super::stdout(&command, cx.read_at(place, &command).await?)?;
    let user = |line: &str| {
        let mut fields = line.splitn(4, '\t').map(str::to_owned);
        Some(User { pid: fields.next()?, command: fields.next()?, how: fields.next()?, path: fields.next()? })
    };
    Ok(text.lines().filter_map(user).collect())
}

/// Names the users of a path for a refusal; each process once.
pub(crate) fn describe(users: &[User]) -> Text {
    let mut seen = Vec::new();
    let mut named = Vec::new();
    for user in users {
        if !seen.contains(&&user.pid) {
            seen.push(&user.pid);
            let User { pid, command, how, path } = user;
            named.push(match how.as_str() {
                "mount" => text!(
                    "users.container",
                    "{command} (pid {pid}, mounted in its container at {path})",
                    command,
                    pid,
                    path
                ),
                _ => text!("users.process", "{command} (pid {pid}, {path})", command, pid, path),
            });
        }
    }
    let more = named.len().saturating_sub(5);
    named.truncate(5);
    let and = |users, user| text!("users.several", "{users}, {user}", users, user);
    let named = named.into_iter().reduce(and).unwrap_or_default();
    if more > 0 { text!("users.more", "{named} and {more} more", named, more) } else { named }
}

#[cfg(test)]
mod tests {
    use std::process::Command as Process;

    use super::*;

    #[test]
    fn the_script_names_a_real_process_and_nothing_else() {
        let mine = tempdir();
        let other = tempdir();
        let file = std::fs::File::create(mine.join("held")).expect("a file can be made");
        let run = |path: &std::path::Path| {
            let output = Process::new("sh").args(["-c", SCRIPT, "cutover-holders"]).arg(path).output();
            let output = output.expect("sh runs");
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (code, text) = run(&mine);
        let held = format!("{}\t", std::process::id());
        let end = format!("\topen\t{}", mine.join("held").display());
        assert_eq!(code, Some(0));
        assert!(text.lines().any(|line| line.starts_with(&held) && line.ends_with(&end)), "{text}");
        assert_eq!(run(&other), (Some(0), String::new()));
        drop(file);
        assert_eq!(run(&mine), (Some(0), String::new()));
        assert_eq!(run(&mine.join("missing")).0, Some(1));
        for directory in [mine, other] {
            std::fs::remove_dir_all(directory).expect("the directory can be removed");
        }
    }

    fn tempdir() -> std::path::PathBuf {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cutover-holders-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory can be made");
        path.canonicalize().expect("the directory has a path")
    }

    #[test]
    fn users_are_named_once_each() {
        let user =
            |pid: &str, how: &str| User { pid: pid.into(), command: "etcd".into(), how: how.into(), path: "/d".into() };
        let users = [user("7", "open"), user("7", "cwd"), user("9", "mount")];
        assert_eq!(describe(&users), "etcd (pid 7, /d), etcd (pid 9, mounted in its container at /d)");
        let many: Vec<_> = (0..8).map(|pid| user(&pid.to_string(), "open")).collect();
        assert!(describe(&many).to_string().ends_with("(pid 4, /d) and 3 more"));
    }
}
