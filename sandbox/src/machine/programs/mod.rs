//! The programs that simulated machines have, a directory or file for each package that brings some.

mod coreutils;
mod diffutils;
mod drbd_utils;
mod e2fsprogs;
mod json;
mod net;
pub(crate) mod options;
mod psmisc;
mod scripts;
mod systemd;
mod tar;
mod util_linux;
mod words;

pub(crate) use drbd_utils::{boot, patience as drbd_patience, run as drbd_run};

use super::program::Program;

/// A program that goes by its names.
type Named = &'static dyn Program;

/// Every program of the simulated machines, by package.
const PACKAGES: &[&[Named]] = &[
    coreutils::ALL,
    util_linux::ALL,
    e2fsprogs::ALL,
    &[&diffutils::Cmp, &tar::Tar, &psmisc::Holders, &systemd::Systemctl],
    drbd_utils::ALL,
    net::ALL,
    scripts::ALL,
];

/// The program that goes by a name.
pub(crate) fn find(name: &str) -> Option<Named> {
    PACKAGES.iter().flat_map(|package| package.iter()).find(|program| program.names().contains(&name)).copied()
}
