//! What the modules for disks, file systems and mounts share: looking at devices, mounts, users and units.

pub(crate) mod block;
pub(crate) mod mounts;
pub(crate) mod unit;
pub(crate) mod users;

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Command, Exit, Output, Place};

/// The name that the kernel has for a device, with links resolved: `/dev/disk/by-id/...`, `/dev/mapper/...` and
/// `/dev/drbd/by-res/...` are links. What is not there, or not a path, is left as it is.
pub(crate) async fn kernel_name(cx: &Context, place: &Place, device: &str) -> Result<String, Failure> {
    if !device.starts_with('/') {
        return Ok(device.to_owned());
    }
    let resolved = cx.read_at(place, &reads::READLINK_OPERAND.of([device])).await?;
    let name = resolved.stdout.trim();
    Ok(if resolved.success() && !name.is_empty() { name.to_owned() } else { device.to_owned() })
}

/// Whether two names are those of one device.
pub(crate) async fn same_device(cx: &Context, place: &Place, one: &str, other: &str) -> Result<bool, Failure> {
    Ok(one == other || kernel_name(cx, place, one).await? == kernel_name(cx, place, other).await?)
}

/// Returns a command's standard output, or says that it failed and how.
pub(crate) fn stdout(command: &Command, output: Output) -> Result<String, Failure> {
    if output.success() { Ok(output.stdout) } else { Err(failed(command, &output)) }
}

/// A failure of a command that had to succeed.
pub(crate) fn failed(command: &Command, output: &Output) -> Failure {
    let ended = text!("storage.command-failed", "`{command}` ended with {exit}", command, exit = &output.exit);
    let failure = Failure::failed(ended).details(last_words(output));
    match output.exit {
        Exit::Code(127) => failure.help(text!("storage.command-failed.help", "install the program on the node")),
        _ => failure,
    }
}

/// What a command printed, its complaints first, for a person who has to find out why it failed.
pub(crate) fn last_words(output: &Output) -> impl Iterator<Item = Text> {
    output.stderr.lines().chain(output.stdout.lines()).map(Text::verbatim).take(20)
}

/// Refuses what is not an absolute path, or not written as one means it.
pub(crate) fn check_absolute(path: &str, pointer: &str) -> Result<(), Failure> {
    let words = if !path.starts_with('/') {
        text!("storage.not-absolute", "`{path}` is not an absolute path", path)
    } else if path.split('/').any(|part| matches!(part, "." | "..")) || path.contains(char::is_control) {
        text!("storage.not-plain", "`{path}` has `.`, `..` or a control character in it: write the path as it is", path)
    } else {
        return Ok(());
    };
    Err(Failure::invalid(words).pointer(pointer))
}

/// Refuses what cannot be the path of a file or device: what is not absolute, and a directory by the way it is written.
pub(crate) fn check_file(path: &str, pointer: &str) -> Result<(), Failure> {
    check_absolute(path, pointer)?;
    if path.ends_with('/') {
        let words = text!("storage.no-file", "`{path}` ends in a slash, and no file or device does", path);
        return Err(Failure::invalid(words).pointer(pointer));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_nobody_means_are_refused() {
        for path in ["", " ", "dev/sdc", "/dev/../etc", "/a/./b", "/a\nb"] {
            assert!(check_absolute(path, "/path").is_err(), "{path:?}");
            assert!(check_file(path, "/path").is_err(), "{path:?}");
        }
        for path in ["/", "/dev/", "//"] {
            assert!(check_absolute(path, "/path").is_ok(), "{path:?}");
            assert_eq!(check_file(path, "/device").unwrap_err().pointer.as_deref(), Some("/device"));
        }
        assert!(check_file("/dev/disk/by-id/a..b", "/device").is_ok());
    }
}
