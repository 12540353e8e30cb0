//! The mounts of a node, as the kernel lists them.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::reads;
use serde::Serialize;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mounted {
    /// Where.
    pub(crate) target: String,
    /// The device, as the kernel names it.
    pub(crate) source: String,
    /// The directory of the device's file system that is mounted, if not all of it (a bind mount).
    pub(crate) subdirectory: Option<String>,
    /// The file system type.
    pub(crate) fstype: String,
    /// The options.
    pub(crate) options: String,
}

/// Reads all mounts of the task's node, oldest first. `-P` and not `-J`, which the util-linux of CentOS 7 does not know.
pub(crate) async fn read(cx: &Context) -> Result<Vec<Mounted>, Failure> {
    let command = reads::FINDMNT.of([]);
    let text = super::stdout(&command, cx.read(&command).await?)?;
    let mut mounts = parse(&text);
    // A device of the mapper is listed by a link.
    for mount in mounts.iter_mut().filter(|mount| mount.source.starts_with("/dev/mapper/")) {
        mount.source = super::kernel_name(cx, &cx.place(), &mount.source).await?;
    }
    Ok(mounts)
}

fn parse(text: &str) -> Vec<Mounted> {
    let mounted = |line: &str| {
        let pairs = pairs(line);
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let source = value("SOURCE")?;
        let (source, subdirectory) = match source.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((device, inside)) => (device.to_owned(), Some(inside.to_owned())),
            None => (source, None),
        };
        let [target, fstype, options] = ["TARGET", "FSTYPE", "OPTIONS"].map(value);
        Some(Mounted { target: target?, source, subdirectory, fstype: fstype?, options: options? })
    };
    text.lines().filter_map(mounted).collect()
}

/// Reads a line of `KEY="value"` pairs, as findmnt and lsblk print with `-P`. Values carry `\x20` for what would disturb.
pub(crate) fn pairs(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((key, tail)) = rest.split_once("=\"") {
        let Some((value, tail)) = tail.split_once('"') else { break };
        found.push((key.trim().to_owned(), unescape(value)));
        rest = tail;
    }
    found
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = match rest {
            [b'\\', b'x', high, low, ..] => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &rest[4..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a path lies beneath another one, or is it.
pub(crate) fn beneath(path: &str, above: &str) -> bool {
    path.strip_prefix(above.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{beneath, pairs};

    #[test]
    fn pairs_are_read_with_their_escapes() {
        let line = r#"TARGET="/mnt/a\x20b\x22" SOURCE="/dev/sdb1[/x]" FSTYPE="" OPTIONS="rw,relatime""#;
        let wanted =
            [("TARGET", "/mnt/a b\""), ("SOURCE", "/dev/sdb1[/x]"), ("FSTYPE", ""), ("OPTIONS", "rw,relatime")];
        assert_eq!(pairs(line), wanted.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(pairs(r#"BROKEN="no end"#), []);
    }

    #[test]
    fn beneath_counts_whole_names() {
        assert!(beneath("/data/x", "/data") && beneath("/data", "/data/") && beneath("/data", "/"));
        assert!(!beneath("/data2", "/data") && !beneath("/dat", "/data"));
    }
}
