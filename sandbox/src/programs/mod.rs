//! The programs that simulated machines have, one file for each family.

mod basics;
mod blkid;
mod coreutils;
mod date;
mod drbd;
mod etcdctl;
mod findmnt;
mod helm;
mod holders;
mod host;
mod image;
mod json;
mod links;
mod lsblk;
mod mkfs;
mod mount;
mod network;
mod options;
mod show;
mod signature;
mod systemctl;
mod tar;
mod tree;

pub(crate) use drbd::{boot, patience as drbd_patience, run as drbd_run};

use crate::program::Program;

/// Every program of the simulated machines.
pub(crate) const ALL: &[&dyn Program] = &[
    &blkid::Blkid,
    &blkid::Wipefs,
    &blkid::Cmp,
    &blkid::Blockdev,
    &lsblk::Lsblk,
    &mkfs::Mkfs,
    &mount::Mount,
    &mount::Umount,
    &mount::Mountpoint,
    &findmnt::Findmnt,
    &holders::Holders,
    &host::Hostname,
    &image::Image,
    &date::Date,
    &etcdctl::Etcdctl,
    &helm::Helm,
    &host::Df,
    &host::Lsattr,
    &host::Readlink,
    &basics::Basics,
    &coreutils::Coreutils,
    &links::Links,
    &show::Show,
    &tree::Tree,
    &tar::Tar,
    &systemctl::Systemctl,
    &drbd::Drbdadm,
    &drbd::Drbdsetup,
    &drbd::Drbdmeta,
    &drbd::KernelLog,
    &network::Ping,
    &network::Ss,
    &network::Tcp,
    &network::Throughput,
];
