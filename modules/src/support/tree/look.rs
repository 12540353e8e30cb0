//! A quick look at a path: what is there, how big, on which device, in whose use. Reads no file contents.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::query::ReadScript;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Exit;
use schemars::JsonSchema;
use serde::Serialize;

use super::Located;
use super::left_out::{self, LeftOut, with_left_out};
use crate::support::storage::same_device;

/// The script that looks.
const SCRIPT: ReadScript = ReadScript::declare("cutover-look", with_left_out!("../../scripts/cutover-look.sh"));

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Nothing.
    Absent,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A file or something else.
    Other,
}

/// What a look saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Look {
    /// What the path leads to.
    pub(crate) kind: Kind,
    /// The device of the file system it lies on, or would lie on.
    pub(crate) device: String,
    /// Whether that is another one than the tree must lie on.
    #[serde(skip)]
    pub(crate) elsewhere: bool,
    /// How many errors the kernel has found in that file system, if it counts them (ext4).
    #[serde(skip)]
    pub(crate) errors: u64,
    /// Free bytes on that file system.
    pub(crate) free: u64,
    /// Free inodes on that file system; null where they are made as they are needed.
    pub(crate) free_inodes: Option<u64>,
    /// Entries directly in it, those left out by name not counted.
    pub(crate) entries: u64,
    /// Bytes it takes on disk.
    pub(crate) allocated: u64,
    /// Inodes it takes: one for each file, directory and link, hard-linked ones once.
    pub(crate) inodes: u64,
    /// A digest of the names, types, owners, sizes, times and inode numbers in it: another one as soon as anything in it is written.
    #[serde(skip)]
    pub(crate) generation: Option<String>,
    /// The source of a copy that was begun here and not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unfinished: Option<String>,
    /// What is in it and not carried by a copy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<LeftOut>,
    /// Processes that have something in it open: number and name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) holders: Vec<String>,
}

/// Looks at a tree.
pub(crate) async fn look(cx: &Context, tree: &Located, exclude: &[String]) -> Result<Look, Failure> {
    let args = [tree.path.as_str()].into_iter().chain(exclude.iter().map(String::as_str));
    let output = cx.read_at(&tree.place, &SCRIPT.of(args)).await?;
    if output.exit != Exit::Code(0) {
        let (tree, exit) = (tree.to_string(), &output.exit);
        let failure = Failure::failed(text!("tree.cannot-look", "cannot look at {tree}: {exit}", tree, exit));
        return Err(failure.details(output.stderr.lines().map(Text::verbatim)));
    }
    let mut look = parse(&output.stdout, exclude).ok_or_else(|| {
        let tree = tree.to_string();
        Failure::failed(text!("tree.look-unclear", "cannot look at {tree}: its answer is not understood", tree))
            .details(output.stdout.lines().map(Text::verbatim))
    })?;
    if let Some(wanted) = &tree.device {
        look.elsewhere = !same_device(cx, &tree.place, wanted, &look.device).await?;
    }
    Ok(look)
}

/// The generation of a tree, in which every name counts; empty of what is not a directory.
pub(crate) async fn generation(cx: &Context, tree: &Located, exclude: &[String]) -> Result<String, Failure> {
    Ok(look(cx, tree, exclude).await?.generation.unwrap_or_default())
}

/// Refuses a tree that does not lie on the device it must lie on.
pub(crate) async fn check_device(cx: &Context, tree: &Located) -> Result<(), Failure> {
    match &tree.device {
        None => Ok(()),
        Some(_) => match look(cx, tree, &[]).await?.misplaced(tree) {
            Some(why) => Err(Failure::blocked(why)),
            None => Ok(()),
        },
    }
}

impl Look {
    /// Why the tree is not where it must be; `None` if it is.
    pub(crate) fn misplaced(&self, tree: &Located) -> Option<Text> {
        let wanted = tree.device.as_ref().filter(|_| self.elsewhere)?;
        let (tree, device) = (tree.to_string(), &self.device);
        Some(text!(
            "tree.misplaced",
            "{tree} lies on {device}, not on {wanted}: is the mount missing?",
            tree,
            device,
            wanted
        ))
    }
}

fn parse(text: &str, exclude: &[String]) -> Option<Look> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str| field(name).map_or(Some(0), |value| value.trim().parse().ok());
    let kind = match field("kind")? {
        "absent" => Kind::Absent,
        "directory" => Kind::Directory,
        "link" => Kind::Link,
        "other" => Kind::Other,
        _ => return None,
    };
    // A bind mount shows as `/dev/sda1[/sub/directory]`.
    let device = field("device")?.split('[').next()?.to_owned();
    Some(Look {
        kind,
        device,
        elsewhere: false,
        errors: number("errors")?,
        free: field("free")?.parse().ok()?,
        free_inodes: match field("free_inodes")?.trim() {
            "" => None,
            number => Some(number.parse().ok()?),
        },
        inodes: number("inodes")?,
        entries: number("entries")?,
        allocated: number("allocated")?,
        generation: field("generation").map(str::to_owned),
        unfinished: field("unfinished").map(str::to_owned),
        left_out: left_out::parse(text.lines().filter_map(|line| line.strip_prefix("odd=")), exclude)?,
        holders: text.lines().filter_map(|line| line.strip_prefix("holder=")).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let text = "kind=directory\ndevice=/dev/sda1[/x]\nfree=1000\nfree_inodes=70\nentries=3\nallocated=81920\ninodes=9\n\
                    unfinished=primary/w1:/data\nodd=m wal\nholder=12 etcd\nholder=13 cat\n";
        let look = parse(text, &[]).unwrap();
        insta::assert_json_snapshot!(look, @r#"
        {
          "kind": "directory",
          "device": "/dev/sda1",
          "free": 1000,
          "free_inodes": 70,
          "entries": 3,
          "allocated": 81920,
          "inodes": 9,
          "unfinished": "primary/w1:/data",
          "left_out": [
            {
              "what": "mount",
              "path": "wal"
            }
          ],
          "holders": [
            "12 etcd",
            "13 cat"
          ]
        }
        "#);
        let absent = parse("kind=absent\ndevice=/dev/sda1\nfree=5\nfree_inodes=\n", &[]).unwrap();
        assert_eq!((absent.entries, absent.free_inodes), (0, None));
    }

    #[test]
    fn an_answer_with_something_missing_is_not_understood() {
        for text in [
            "kind=directory\nfree=5\nfree_inodes=\n",
            "kind=new\ndevice=/dev/sda1\nfree=5\nfree_inodes=\n",
            "kind=absent\ndevice=/dev/sda1\nfree=\nfree_inodes=\n",
            "kind=absent\ndevice=/dev/sda1\nfree=5\n",
            "kind=directory\ndevice=/dev/sda1\nfree=5\nfree_inodes=\nodd=? wal\n",
        ] {
            assert_eq!(parse(text, &[]), None, "{text}");
        }
    }
}
