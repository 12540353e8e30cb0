//! The modules' script `cutover-image`: the beginning of a disk as a file. The file stands for the bytes: its text tells what the
//! disk holds, path by path.

use futures_util::future::BoxFuture;

use crate::machine::program::{Call, Program, Reply};
use crate::machine::{BlockContent, Content, Filesystem, InodeKind, Machine, Meta, ROOT};

/// `cutover-image DISK BYTES IMAGE`
pub(crate) struct Image;

impl Program for Image {
    fn names(&self) -> &'static [&'static str] {
        &["cutover-image"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let [disk, bytes, path] = call.args else { return Reply::fail(2, "cutover-image: 3: parameter not set\n") };
            let Ok(bytes) = bytes.parse() else {
                return Reply::fail(1, format!("dd: invalid number: '{bytes}'\n"));
            };
            // Read for the image, and read again with it.
            call.kernel().transfer(2 * bytes, call.kernel().spec.disk_bytes_per_second).await;
            let now = call.kernel().now_ns();
            call.on_machine(|machine| image(machine, disk, bytes, path, now))
        })
    }
}

fn image(machine: &mut Machine, disk: &str, bytes: u64, path: &str, now: i128) -> Reply {
    let found = match machine.disk(disk) {
        Ok(found) if found.bytes >= bytes => Content { size: bytes, ..content(&found.content) },
        Ok(_) => return Reply::fail(1, format!("cmp: EOF on {path}.partial\n")),
        Err(error) => return Reply::fail(1, format!("dd: failed to open '{disk}': {}\n", error.text())),
    };
    let sum = found.sha256();
    match machine.content_of(path) {
        Ok(there) if *there == found => return Reply::ok(format!("kept {sum} {path}\n")),
        Ok(_) => {
            return Reply::fail(3, format!("{path}: is there, and is not what is on {disk} now: move it away\n"));
        }
        Err(_) => {}
    }
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let meta = Meta { mode: 0o600, ..Meta::root(now) };
    let written = machine.mkdir_p(directory, 0o700, now).and_then(|()| machine.write_content(path, found, meta));
    let proven = written.and_then(|()| machine.write_file(&format!("{path}.sha256"), format!("{sum}  {name}\n"), meta));
    match proven {
        Ok(()) => Reply::ok(format!("made {sum} {path}\n")),
        Err(errno) => {
            // A file that could not be filled is not left.
            let _ = machine.remove_file(path, now);
            Reply::fail(1, format!("dd: error writing '{path}.partial': {errno}\n"))
        }
    }
}

/// What stands for the bytes of a disk; its size is left open.
fn content(block: &BlockContent) -> Content {
    let (text, allocated) = match block {
        BlockContent::Filesystem(filesystem) => (listing(filesystem), filesystem.used()),
        other => (format!("{}\n", other.kind()), 4096),
    };
    Content { bytes: text.into_bytes(), size: 0, allocated }
}

fn listing(filesystem: &Filesystem) -> String {
    let mut text = format!("{} {}\n", filesystem.kind, filesystem.uuid);
    let mut todo = vec![(String::new(), ROOT)];
    while let Some((path, ino)) = todo.pop() {
        let Ok(inode) = filesystem.inode(ino) else { continue };
        text += &format!("{path} {:o} {}:{} {}", inode.mode, inode.uid, inode.gid, inode.mtime_ns);
        match &inode.kind {
            InodeKind::Directory(entries) => {
                todo.extend(entries.iter().rev().map(|(name, child)| (format!("{path}/{name}"), *child)));
            }
            InodeKind::File(content) => text += &format!(" {} {}", content.size, content.sha256()),
            InodeKind::Symlink(target) => text += &format!(" -> {target}"),
            InodeKind::Special(_) => {}
        }
        text.push('\n');
    }
    text
}
