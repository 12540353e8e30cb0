//! What lies in a tree and is not carried by a copy: mounts, subvolumes, sockets, devices, what cannot be read. Two trees without it are not equal
//! if one of them had it, so nothing is copied or compared as long as it is there.

use cutover_engine::failure::Failure;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::JsonSchema;
use serde::Serialize;

use super::Located;
use super::manifest::unescape;

/// How many are named.
const SHOWN: usize = 20;

/// Lists them; to be put before a script.
macro_rules! with_left_out {
    ($script:literal) => {
        concat!(include_str!("../../scripts/left-out.sh"), include_str!($script))
    };
}
pub(super) use with_left_out;

/// What a copy does not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// A mount point.
    Mount,
    /// A directory on another device that is not mounted.
    Subvolume,
    /// A socket.
    Socket,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// Something that cannot be read.
    Unreadable,
    /// A path that is too long to be opened by its name.
    LongPath,
    /// A file or directory with flags that `chattr` sets.
    Flags,
    /// That flags cannot be read, because the host has no `lsattr`.
    FlagsUnread,
}

/// Something in a tree that a copy does not carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LeftOut {
    /// What it is.
    pub(crate) what: What,
    /// Its path in the tree.
    pub(crate) path: String,
    /// Its flags, as `lsattr` prints them: those that say what may be done with it, and not how it is stored.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) flags: String,
}

/// Reads the script's lines; `None` if one is not understood. What lies in a directory of an excluded name does not count.
pub(super) fn parse<'a>(lines: impl Iterator<Item = &'a str>, exclude: &[String]) -> Option<Vec<LeftOut>> {
    let mut found: Vec<LeftOut> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (letter, path) = line.split_once(' ')?;
        let what = match letter {
            "m" => What::Mount,
            "x" => What::Subvolume,
            "s" => What::Socket,
            "b" => What::BlockDevice,
            "c" => What::CharacterDevice,
            "u" => What::Unreadable,
            "n" => What::LongPath,
            "a" => What::Flags,
            "!" => What::FlagsUnread,
            _ => return None,
        };
        let (flags, path) = if what == What::Flags { path.split_once(' ')? } else { ("", path) };
        let path = match what {
            What::Mount => String::from_utf8_lossy(&unescape(path.as_bytes())).into_owned(),
            _ => path.to_owned(),
        };
        let first = path.split('/').next().unwrap_or_default();
        if exclude.iter().any(|name| name == first) {
            continue;
        }
        // A mount point is on another device, too; and several may lie on each other.
        let known = found.iter_mut().filter(|_| matches!(what, What::Mount | What::Subvolume));
        match known.into_iter().find(|known| known.path == path) {
            Some(known) => known.what = if what == What::Mount { what } else { known.what },
            None => found.push(LeftOut { what, path, flags: flags.to_owned() }),
        }
    }
    Some(found)
}

/// Why a tree is neither copied nor compared; empty if it holds nothing of this kind. Flags that are accepted may be lost.
pub(crate) fn reasons(tree: &Located, found: &[LeftOut], accept_flags: &str) -> Vec<Text> {
    let lost = |one: &&LeftOut| match one.what {
        What::Flags => one.flags.contains(|flag| !accept_flags.contains(flag)),
        _ => true,
    };
    let found: Vec<&LeftOut> = found.iter().filter(lost).collect();
    let mut reasons: Vec<Text> = found.iter().take(SHOWN).map(|one| reason(tree, one)).collect();
    if found.len() > SHOWN {
        let (more, tree) = (found.len() - SHOWN, tree.to_string());
        reasons.push(text!("tree.more-left-out", "... and {more} more in {tree}", more, tree));
    }
    reasons
}

/// Refuses letters that are not flags which can be accepted.
pub(crate) fn check_flags(flags: &str, pointer: &str) -> Result<(), Failure> {
    match flags.chars().find(|flag| !"iajSDEFPV".contains(*flag)) {
        Some(flag) => {
            let words = text!(
                "tree.flag",
                "`{flag}` is not a flag that a copy loses: those are i, a, j, S, D, E, F, P, V",
                flag
            );
            Err(Failure::invalid(words).pointer(pointer))
        }
        None => Ok(()),
    }
}

fn reason(tree: &Located, LeftOut { what, path, flags }: &LeftOut) -> Text {
    // Of a path that is too long its beginning says where it is.
    let path: String = format!("{tree}/{path}").chars().take(500).collect();
    match what {
        What::Mount => text!(
            "tree.mount-inside",
            "{path} is a mount point: a copy would leave out what is in it; unmount it, and move its content into the directory",
            path
        ),
        What::Subvolume => text!(
            "tree.subvolume-inside",
            "{path} lies on another device and is not mounted, as a subvolume of btrfs does: a copy would leave out what is in it; move its content into a directory",
            path
        ),
        What::Socket => text!(
            "tree.socket-inside",
            "{path} is a socket, which a copy does not carry; remove it when nothing listens on it any more",
            path
        ),
        What::BlockDevice => text!(
            "tree.block-device-inside",
            "{path} is a block device, which a copy does not carry; move it out of the directory",
            path
        ),
        What::CharacterDevice => text!(
            "tree.character-device-inside",
            "{path} is a character device, which a copy does not carry; move it out of the directory",
            path
        ),
        What::Unreadable => text!(
            "tree.unreadable-inside",
            "{path} cannot be read, and neither copied nor compared: log in as root, or give the login the right to read it",
            path
        ),
        What::LongPath => text!(
            "tree.long-path",
            "{path}... is longer than the 4096 bytes that a path may have: programs cannot open it by its name; rename directories above it",
            path
        ),
        What::Flags => text!(
            "tree.flags",
            "{path} has the flags `{flags}` (lsattr), which a copy does not carry: clear them with `chattr`, or accept the loss by `accept_flags: {flags}`{quota}",
            path,
            flags,
            quota = if flags.contains('P') {
                text!("tree.project", "; `P` is that of a project quota, whose limit does not hold for a copy")
            } else {
                Text::verbatim("")
            }
        ),
        What::FlagsUnread => {
            let tree = tree.to_string();
            text!(
                "tree.no-lsattr",
                "{tree}: the flags of its files cannot be read: install lsattr (package e2fsprogs)",
                tree
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use cutover_engine::world::Place;

    use super::*;

    #[test]
    fn each_is_named_once_and_with_what_it_is() {
        let lines = "x wal\nx sub\ns a b/.sock\nb loop\nc null\nm wal\nm with\\040space/\\134\nm wal\nx lost+found/deep\nu keys\na iP q/x y\n! lsattr\nn aaa\n";
        let found = parse(lines.lines(), &["lost+found".to_owned()]).unwrap();
        let tree = Located { place: Place::node("primary", "w4"), path: "/data/x".into(), device: None };
        let reasons_shown = reasons(&tree, &found, "").iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(reasons_shown, @r"
        primary/w4:/data/x/wal is a mount point: a copy would leave out what is in it; unmount it, and move its content into the directory
        primary/w4:/data/x/sub lies on another device and is not mounted, as a subvolume of btrfs does: a copy would leave out what is in it; move its content into a directory
        primary/w4:/data/x/a b/.sock is a socket, which a copy does not carry; remove it when nothing listens on it any more
        primary/w4:/data/x/loop is a block device, which a copy does not carry; move it out of the directory
        primary/w4:/data/x/null is a character device, which a copy does not carry; move it out of the directory
        primary/w4:/data/x/with space/\ is a mount point: a copy would leave out what is in it; unmount it, and move its content into the directory
        primary/w4:/data/x/keys cannot be read, and neither copied nor compared: log in as root, or give the login the right to read it
        primary/w4:/data/x/q/x y has the flags `iP` (lsattr), which a copy does not carry: clear them with `chattr`, or accept the loss by `accept_flags: iP`; `P` is that of a project quota, whose limit does not hold for a copy
        primary/w4:/data/x: the flags of its files cannot be read: install lsattr (package e2fsprogs)
        primary/w4:/data/x/aaa... is longer than the 4096 bytes that a path may have: programs cannot open it by its name; rename directories above it
        ");
        assert_eq!(reasons(&tree, &[], "").len(), 0);
        assert_eq!(reasons(&tree, &found, "PiS").len(), reasons(&tree, &found, "i").len() - 1);
        assert_eq!(parse("wal".lines(), &[]), None);
        assert_eq!(parse("d wal".lines(), &[]), None);
    }

    #[test]
    fn a_thousand_of_them_are_counted() {
        let lines: Vec<String> = (0..1000).map(|number| format!("s {number}")).collect();
        let found = parse(lines.iter().map(String::as_str), &[]).unwrap();
        let tree = Located { place: Place::node("primary", "w4"), path: "/data/x".into(), device: None };
        let reasons = reasons(&tree, &found, "");
        assert_eq!(reasons.len(), 21);
        assert_eq!(reasons[20], "... and 980 more in primary/w4:/data/x");
    }
}
