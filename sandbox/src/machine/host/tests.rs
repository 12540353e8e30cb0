use std::sync::Arc;

use super::Machine;
use super::path::Follow;
use crate::machine::storage::{BLOCK, BlockContent, Content, Disk, Errno, Filesystem, Meta, Mount};

fn machine() -> Machine {
    Machine::new(("primary", "worker01"), "worker01", "172.16.1.1", "root-uuid", 1 << 30, 7)
}

fn with_disk(machine: &mut Machine, device: &str, target: &str, bytes: u64) {
    let filesystem = Filesystem::new("ext4", device, bytes, 7);
    let content = BlockContent::Filesystem(Arc::new(filesystem));
    machine.disks.insert(device.to_owned(), Disk { bytes, serial: device.to_owned(), content, metadata: None });
    machine.mounts.push(Mount { source: device.into(), target: target.into(), options: "rw".into() });
}

fn write(machine: &mut Machine, path: &str, text: &str) -> Result<(), Errno> {
    machine.write_file(path, text, Meta::root(9))
}

#[test]
fn a_mount_hides_what_is_beneath_and_unmounting_shows_it_again() {
    let mut machine = machine();
    machine.mkdir_p("/data/volume", 0o755, 1).unwrap();
    write(&mut machine, "/data/volume/beneath", "x").unwrap();
    with_disk(&mut machine, "/dev/sdb1", "/data/volume", 1 << 20);
    assert_eq!(machine.list_dir("/data/volume").unwrap(), ["lost+found"]);
    assert_eq!(machine.path_device("/data/volume/lost+found").unwrap(), "/dev/sdb1");
    assert_eq!(machine.path_device("/data").unwrap(), "/dev/sda1");
    assert!(machine.is_mount_point("/data/volume") && !machine.is_mount_point("/data"));
    machine.mounts.pop();
    assert_eq!(machine.list_dir("/data/volume").unwrap(), ["beneath"]);
}

#[test]
fn the_newest_mount_wins_and_hides_mounts_below_it() {
    let mut machine = machine();
    machine.mkdir_p("/a/b", 0o755, 1).unwrap();
    with_disk(&mut machine, "/dev/sdb1", "/a/b", 1 << 20);
    write(&mut machine, "/a/b/inner", "x").unwrap();
    with_disk(&mut machine, "/dev/sdc1", "/a", 1 << 20);
    assert!(!machine.exists("/a/b"), "the mount on /a/b is under the one on /a");
    machine.mkdir("/a/b", 0o755, 1).unwrap();
    assert_eq!(machine.path_device("/a/b").unwrap(), "/dev/sdc1");
    with_disk(&mut machine, "/dev/sdd1", "/a/b", 1 << 20);
    assert_eq!(machine.path_device("/a/b").unwrap(), "/dev/sdd1");
}

#[test]
fn symbolic_links_are_followed_over_mounts_and_loops_end() {
    let mut machine = machine();
    machine.mkdir_p("/disk/volumes", 0o755, 1).unwrap();
    machine.mkdir_p("/srv", 0o755, 1).unwrap();
    with_disk(&mut machine, "/dev/sdb1", "/disk/volumes", 1 << 20);
    machine.symlink("../disk/volumes/", "/srv/data", 1).unwrap();
    write(&mut machine, "/srv/data/x", "here").unwrap();
    assert_eq!(machine.read_file("/disk/volumes/x").unwrap(), b"here");
    assert_eq!(machine.real_path("/srv/data/../volumes/./x").unwrap(), "/disk/volumes/x");
    assert_eq!(machine.lstat("/srv/data").unwrap().kind, 'l');
    assert_eq!(machine.lstat("/srv/data/").unwrap().kind, 'd');
    machine.symlink("loop", "/srv/loop", 1).unwrap();
    assert_eq!(machine.resolve("/srv/loop", Follow::Yes), Err(Errno::Loop));
    assert_eq!(machine.read_file("/srv/data/x/y"), Err(Errno::NotDirectory));
    assert_eq!(machine.read_file("/srv/data/x/"), Err(Errno::NotDirectory));
    machine.symlink("/srv/new", "/srv/dangling", 1).unwrap();
    write(&mut machine, "/srv/dangling", "through").unwrap();
    assert_eq!(machine.read_file("/srv/new").unwrap(), b"through");
}

#[test]
fn hard_links_share_an_inode_until_the_last_name_is_gone() {
    let mut machine = machine();
    write(&mut machine, "/tmp/a", "one").unwrap();
    machine.link("/tmp/a", "/tmp/b", 5).unwrap();
    write(&mut machine, "/tmp/b", "two").unwrap();
    assert_eq!(machine.read_file("/tmp/a").unwrap(), b"two");
    let (a, b) = (machine.stat("/tmp/a").unwrap(), machine.stat("/tmp/b").unwrap());
    assert_eq!((a.nlink, a.ino), (2, b.ino));
    let used = machine.filesystem(0).unwrap().used();
    machine.remove_file("/tmp/a", 6).unwrap();
    assert_eq!(machine.filesystem(0).unwrap().used(), used);
    assert_eq!(machine.stat("/tmp/b").unwrap().nlink, 1);
    machine.remove_file("/tmp/b", 6).unwrap();
    assert_eq!(machine.filesystem(0).unwrap().used(), used - BLOCK);
    assert_eq!(machine.link("/tmp", "/tmp2", 6), Err(Errno::NotPermitted));
}

#[test]
fn a_full_file_system_takes_no_more_and_a_sparse_file_takes_little() {
    let mut machine = machine();
    machine.mkdir_p("/small", 0o755, 1).unwrap();
    with_disk(&mut machine, "/dev/sdb1", "/small", 10 * BLOCK);
    let sparse = Content { bytes: b"holes".to_vec(), size: 1 << 30, allocated: BLOCK };
    machine.write_content("/small/sparse", sparse, Meta::root(1)).unwrap();
    machine.write_content("/small/fits", Content::large("big", 7 * BLOCK), Meta::root(1)).unwrap();
    assert_eq!(write(&mut machine, "/small/more", "x"), Err(Errno::NoSpace));
    assert!(!machine.exists("/small/more"));
    let grown = machine.write_content("/small/fits", Content::large("big", 8 * BLOCK), Meta::root(1));
    assert_eq!(grown, Err(Errno::NoSpace));
    assert_eq!(machine.tree_allocated("/small").unwrap(), 10 * BLOCK);
}

#[test]
fn an_immutable_directory_refuses_new_names_and_an_immutable_file_any_change() {
    let mut machine = machine();
    machine.mkdir_p("/guard", 0o755, 1).unwrap();
    write(&mut machine, "/guard/file", "x").unwrap();
    machine.set_immutable("/guard", true).unwrap();
    assert_eq!(write(&mut machine, "/guard/new", "x"), Err(Errno::NotPermitted));
    assert_eq!(machine.remove_tree("/guard", 1), Err(Errno::NotPermitted));
    assert_eq!(machine.rename("/guard/file", "/tmp/file", 1), Err(Errno::NotPermitted));
    assert_eq!(machine.chmod("/guard", 0o777), Err(Errno::NotPermitted));
    write(&mut machine, "/guard/file", "still writable").unwrap();
    machine.set_immutable("/guard/file", true).unwrap();
    assert_eq!(write(&mut machine, "/guard/file", "x"), Err(Errno::NotPermitted));
    assert_eq!(machine.link("/guard/file", "/tmp/link", 1), Err(Errno::NotPermitted));
}

#[test]
fn renames_replace_files_and_empty_directories_only() {
    let mut machine = machine();
    machine.mkdir_p("/t/full", 0o755, 1).unwrap();
    machine.mkdir_p("/t/empty", 0o755, 1).unwrap();
    write(&mut machine, "/t/full/a", "a").unwrap();
    write(&mut machine, "/t/b", "b").unwrap();
    assert_eq!(machine.rename("/t/empty", "/t/full", 2), Err(Errno::NotEmpty));
    assert_eq!(machine.rename("/t/b", "/t/empty", 2), Err(Errno::IsDirectory));
    assert_eq!(machine.rename("/t/empty", "/t/b", 2), Err(Errno::NotDirectory));
    assert_eq!(machine.rename("/t", "/t/full/t", 2), Err(Errno::Invalid));
    machine.rename("/t/full", "/t/empty", 2).unwrap();
    machine.rename("/t/b", "/t/empty/a", 3).unwrap();
    assert_eq!(machine.read_file("/t/empty/a").unwrap(), b"b");
    assert_eq!(machine.list_dir("/t").unwrap(), ["empty"]);
    assert_eq!(machine.stat("/t").unwrap().mtime_ns, 3);
    with_disk(&mut machine, "/dev/sdb1", "/mnt", 1 << 20);
    assert_eq!(machine.rename("/t/empty", "/mnt/x", 3), Err(Errno::CrossDevice));
    assert_eq!(machine.remove_dir("/mnt", 3), Err(Errno::Busy));
    assert_eq!(machine.remove_tree("/mnt", 3), Err(Errno::Busy));
}

#[test]
fn a_read_only_mount_refuses_every_change() {
    let mut machine = machine();
    machine.mounts[0].options = "ro,relatime".into();
    assert_eq!(write(&mut machine, "/tmp/a", "x"), Err(Errno::ReadOnly));
    assert_eq!(machine.mkdir_p("/tmp/d", 0o755, 1), Err(Errno::ReadOnly));
    assert_eq!(machine.chmod("/tmp", 0o700), Err(Errno::ReadOnly));
}
