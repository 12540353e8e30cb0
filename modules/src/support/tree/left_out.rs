//! What lies in a tree and is not carried by a copy: mounts, subvolumes, sockets, devices, what cannot be read. Two trees without it are not equal
//! if one of them had it, so nothing is copied or compared as long as it is there.

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
}

/// Something in a tree that a copy does not carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LeftOut {
    /// What it is.
    pub(crate) what: What,
    /// Its path in the tree.
    pub(crate) path: String,
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
            _ => return None,
        };
        let path = match what {
            What::Mount => String::from_utf8_lossy(&unescape(path.as_bytes())).into_owned(),
            _ => path.to_owned(),
        };
        let first = path.split('/').next().unwrap_or_default();
        if exclude.iter().any(|name| name == first) {
            continue;
        }
        // A mount point is on another device, too; and several may lie on each other.
        match found.iter_mut().find(|known| known.path == path) {
            Some(known) => known.what = if what == What::Mount { what } else { known.what },
            None => found.push(LeftOut { what, path }),
        }
    }
    Some(found)
}

/// Why a tree is neither copied nor compared; empty if it holds nothing of this kind.
pub(crate) fn reasons(tree: &Located, found: &[LeftOut]) -> Vec<Text> {
    let mut reasons: Vec<Text> = found.iter().take(SHOWN).map(|one| reason(tree, one)).collect();
    if found.len() > SHOWN {
        let (more, tree) = (found.len() - SHOWN, tree.to_string());
        reasons.push(text!("tree.more-left-out", "... and {more} more in {tree}", more, tree));
    }
    reasons
}

fn reason(tree: &Located, LeftOut { what, path }: &LeftOut) -> Text {
    let path = format!("{tree}/{path}");
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
    }
}

#[cfg(test)]
mod tests {
    use cutover_engine::world::Place;

    use super::*;

    #[test]
    fn each_is_named_once_and_with_what_it_is() {
        let lines = "x wal\nx sub\ns a b/.sock\nb loop\nc null\nm wal\nm with\\040space/\\134\nm wal\nx lost+found/deep\nu keys\n";
        let found = parse(lines.lines(), &["lost+found".to_owned()]).unwrap();
        let tree = Located { place: Place::node("primary", "w4"), path: "/data/x".into(), device: None };
        let reasons_shown = reasons(&tree, &found).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(reasons_shown, @r"
        primary/w4:/data/x/wal is a mount point: a copy would leave out what is in it; unmount it, and move its content into the directory
        primary/w4:/data/x/sub lies on another device and is not mounted, as a subvolume of btrfs does: a copy would leave out what is in it; move its content into a directory
        primary/w4:/data/x/a b/.sock is a socket, which a copy does not carry; remove it when nothing listens on it any more
        primary/w4:/data/x/loop is a block device, which a copy does not carry; move it out of the directory
        primary/w4:/data/x/null is a character device, which a copy does not carry; move it out of the directory
        primary/w4:/data/x/with space/\ is a mount point: a copy would leave out what is in it; unmount it, and move its content into the directory
        primary/w4:/data/x/keys cannot be read, and neither copied nor compared: log in as root, or give the login the right to read it
        ");
        assert_eq!(reasons(&tree, &[]).len(), 0);
        assert_eq!(parse("wal".lines(), &[]), None);
        assert_eq!(parse("d wal".lines(), &[]), None);
    }

    #[test]
    fn a_thousand_of_them_are_counted() {
        let lines: Vec<String> = (0..1000).map(|number| format!("s {number}")).collect();
        let found = parse(lines.iter().map(String::as_str), &[]).unwrap();
        let tree = Located { place: Place::node("primary", "w4"), path: "/data/x".into(), device: None };
        let reasons = reasons(&tree, &found);
        assert_eq!(reasons.len(), 21);
        assert_eq!(reasons[20], "... and 980 more in primary/w4:/data/x");
    }
}
