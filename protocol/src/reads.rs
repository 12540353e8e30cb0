//! The table of commands that only read: each program with all of its options; only operands are left open. What is not in
//! it cannot be sent by a probe, unless it is a script that is declared read-only or an author says `read_only: true`.
//!
//! A line with the wrong number of operands does not compile. Its author is responsible for it: none of its words may
//! make the program write, and no operand may either.

use crate::query::ReadOnly;

/// Stands for an operand.
pub(crate) const HOLE: &str = "{}";

/// A command that only reads, with N operands.
#[derive(Debug)]
pub struct Reads<const N: usize>(&'static [&'static str]);

/// Words that may follow a program or another line: a subcommand or options that only read, with N operands.
#[derive(Debug)]
pub struct Options<const N: usize>(&'static [&'static str]);

impl<const N: usize> Reads<N> {
    const fn new(words: &'static [&'static str]) -> Self {
        assert!(holes(words) == N && !words.is_empty() && !is_hole(words[0]));
        Self(words)
    }

    /// The command with its operands.
    pub fn of(&self, operands: [&str; N]) -> ReadOnly {
        ReadOnly::of(self, operands)
    }

    pub(crate) const fn words(&self) -> &'static [&'static str] {
        self.0
    }
}

impl<const N: usize> Options<N> {
    const fn new(words: &'static [&'static str]) -> Self {
        assert!(holes(words) == N && !words.is_empty() && !is_hole(words[0]));
        Self(words)
    }

    /// The words after a program that an author names: where it is in a container, and which general options it gets.
    pub fn called(&self, call: &[String], operands: [&str; N]) -> ReadOnly {
        ReadOnly::called(call, self, operands)
    }

    pub(crate) const fn words(&self) -> &'static [&'static str] {
        self.0
    }
}

const fn is_hole(word: &str) -> bool {
    matches!(word.as_bytes(), [b'{', b'}'])
}

const fn holes(words: &[&str]) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < words.len() {
        if is_hole(words[at]) {
            count += 1;
        }
        at += 1;
    }
    count
}

/// Makes the table, and a list of it for the tests.
macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $type:ident<$count:literal> = [$($word:literal),+];)+) => {
        $($(#[$doc])* pub const $name: $type<$count> = $type::new(&[$($word),+]);)+

        #[cfg(test)]
        const ALL: &[&[&str]] = &[$(&[$($word),+]),+];
    };
}

table! {
    // Files and directories.
    /// The canonical path, with links resolved.
    READLINK: Reads<1> = ["readlink", "-f", "{}"];
    /// The same of a path that an author wrote.
    READLINK_OPERAND: Reads<1> = ["readlink", "-f", "--", "{}"];
    /// Whether a path exists.
    TEST_EXISTS: Reads<1> = ["test", "-e", "{}"];
    /// Whether a path is a directory.
    TEST_DIRECTORY: Reads<1> = ["test", "-d", "{}"];
    /// A file's content.
    CAT: Reads<1> = ["cat", "{}"];
    /// The same of a file that an author named.
    CAT_OPERAND: Reads<1> = ["cat", "--", "{}"];
    /// A file's attributes.
    LSATTR: Reads<1> = ["lsattr", "-d", "{}"];
    /// The same of a file that an author named.
    LSATTR_OPERAND: Reads<1> = ["lsattr", "-d", "--", "{}"];
    /// The names in a directory.
    LS: Reads<1> = ["ls", "-A", "{}"];
    /// Type, mode, owner, group and size of what a path leads to.
    FIND_ITSELF: Reads<1> = ["find", "{}", "-maxdepth", "0", "-printf", "%y %m %U %u %G %g %s\\n"];
    /// One letter for each entry of a directory.
    FIND_ENTRIES: Reads<1> = ["find", "{}", "-mindepth", "1", "-maxdepth", "1", "-printf", "x"];
    /// The bytes that a tree occupies.
    DU: Reads<1> = ["du", "-s", "-B1", "-D", "{}"];
    /// The number of inodes of a tree.
    DU_INODES: Reads<1> = ["du", "-s", "--inodes", "-D", "{}"];
    /// The free bytes of a file system, its inodes, and how many of them are free.
    DF: Reads<1> = ["df", "-B1", "--output=avail,itotal,iavail", "{}"];

    // Mounts and block devices.
    /// Whether a directory is a mount point.
    MOUNTPOINT: Reads<1> = ["mountpoint", "-q", "{}"];
    /// All mounts.
    FINDMNT: Reads<0> = ["findmnt", "-P", "-o", "TARGET,SOURCE,FSTYPE,OPTIONS"];
    /// The device that a path lies on.
    FINDMNT_SOURCE: Reads<1> = ["findmnt", "-n", "-o", "SOURCE", "-T", "{}"];
    /// The device that a path lies on, and where it is mounted.
    FINDMNT_SOURCE_TARGET: Reads<1> = ["findmnt", "-n", "-P", "-o", "SOURCE,TARGET", "-T", "{}"];
    /// A device and everything built on it.
    LSBLK: Reads<1> = ["lsblk", "-P", "-b", "-o", "NAME,TYPE", "{}"];
    /// The signature on a device, read from it and not from a cache.
    BLKID: Reads<1> = ["blkid", "-p", "-o", "export", "{}"];
    /// A device's size.
    BLOCKDEV_SIZE: Reads<1> = ["blockdev", "--getsize64", "{}"];
    /// The signatures on a device; `-n` only lists.
    WIPEFS_LIST: Reads<1> = ["wipefs", "-n", "{}"];
    /// Whether the first N bytes of a device are zero.
    CMP_ZERO: Reads<2> = ["cmp", "-s", "-n", "{}", "/dev/zero", "{}"];

    // The node.
    /// Its name.
    HOSTNAME: Reads<0> = ["hostname"];
    /// Whether a unit is started at boot.
    SYSTEMCTL_IS_ENABLED: Reads<1> = ["systemctl", "is-enabled", "{}"];
    /// Listening TCP sockets and their processes.
    SS_LISTENERS: Reads<0> = ["ss", "-l", "-t", "-n", "-p"];
    /// N packets to an address.
    PING: Reads<2> = ["ping", "-n", "-q", "-c", "{}", "-i", "0.2", "-W", "2", "{}"];

    // DRBD.
    /// Versions of tools and kernel module.
    DRBDADM_VERSION: Reads<0> = ["drbdadm", "--version"];
    /// A resource as the tools read it.
    DRBDADM_DUMP: Reads<1> = ["drbdadm", "dump", "{}"];
    /// Whether the tools accept a configuration, which they are given on standard input.
    DRBDADM_TEST: Reads<0> = ["drbdadm", "-c", "-", "sh-nop"];
    /// All resources as the tools read them.
    DRBDADM_DUMP_ALL: Reads<0> = ["drbdadm", "dump"];
    /// A resource's role.
    DRBDADM_ROLE: Reads<1> = ["drbdadm", "role", "{}"];
    /// The state of a resource's disk.
    DRBDADM_DSTATE: Reads<1> = ["drbdadm", "dstate", "{}"];
    /// A resource's data generations.
    DRBDADM_GET_GI: Reads<1> = ["drbdadm", "get-gi", "{}"];
    /// What adjusting would do.
    DRBDADM_ADJUST_DRY_RUN: Reads<1> = ["drbdadm", "adjust", "--dry-run", "{}"];
    /// All resources of the kernel.
    DRBDSETUP_EVENTS: Reads<0> = ["drbdsetup", "events2", "--now"];
    /// One resource of the kernel, with its counters.
    DRBDSETUP_STATISTICS: Reads<1> = ["drbdsetup", "events2", "--now", "--statistics", "{}"];

    // helm: kubeconfig, context and namespace come first.
    /// helm for one namespace of one cluster.
    HELM: Reads<3> = ["helm", "--kubeconfig", "{}", "--kube-context", "{}", "--namespace", "{}"];
    /// A release's revisions.
    HELM_HISTORY: Options<1> = ["history", "{}", "--output", "json"];
    /// The values of a revision.
    HELM_GET_VALUES: Options<2> = ["get", "values", "{}", "--revision", "{}", "--output", "json"];
    /// The objects of a revision.
    HELM_GET_MANIFEST: Options<2> = ["get", "manifest", "{}", "--revision", "{}"];
    /// A chart's name and version.
    HELM_SHOW_CHART: Options<1> = ["show", "chart", "{}"];
    /// The manifests that a chart renders for a release. Hooks are left out, and only standard output is written.
    HELM_TEMPLATE: Options<2> = ["template", "{}", "{}", "--no-hooks"];
    /// The chart's version.
    HELM_VERSION: Options<1> = ["--version", "{}"];
    /// The cluster's version.
    HELM_KUBE_VERSION: Options<1> = ["--kube-version", "{}"];
    /// Renders as for an upgrade.
    HELM_IS_UPGRADE: Options<0> = ["--is-upgrade"];
    /// Takes values from standard input.
    HELM_VALUES: Options<0> = ["--values", "-"];

    // etcdctl, after the words by which an author calls it.
    /// The members.
    ETCDCTL_MEMBER_LIST: Options<0> = ["member", "list"];
    /// The status of every endpoint.
    ETCDCTL_ENDPOINT_STATUS: Options<0> = ["endpoint", "status", "--cluster"];
    /// The hash of every endpoint's store.
    ETCDCTL_ENDPOINT_HASHKV: Options<0> = ["endpoint", "hashkv", "--cluster"];
    /// The alarms that are set.
    ETCDCTL_ALARM_LIST: Options<0> = ["alarm", "list"];
    /// The number of keys.
    ETCDCTL_COUNT: Options<0> = ["get", "", "--prefix", "--keys-only", "--limit", "1"];
    /// At a revision.
    ETCDCTL_REVISION: Options<1> = ["--rev", "{}"];
    /// As JSON.
    ETCDCTL_JSON: Options<0> = ["-w", "json"];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that would make one of the programs write.
    const WRITES: &[&str] = &[
        "-delete",
        "-exec",
        "-fprint",
        "-w",
        "-a",
        "-K",
        "--all",
        "--force",
        "--setro",
        "--output-dir",
        "--set",
        "put",
        "del",
        "enable",
        "disable",
        "disarm",
        "-b",
        "-F",
    ];

    #[test]
    fn no_line_of_the_table_holds_a_word_that_writes() {
        for line in ALL {
            let json = line == &ETCDCTL_JSON.words();
            for word in line.iter().filter(|word| WRITES.contains(*word)) {
                // `lsblk --bytes` and `etcdctl --write-out` only look like words that write.
                assert!(json || (line[0] == "lsblk" && *word == "-b"), "{line:?}");
            }
        }
    }

    #[test]
    fn every_line_is_there_once() {
        for (index, line) in ALL.iter().enumerate() {
            assert!(!ALL[..index].contains(line), "{line:?}");
        }
    }
}
