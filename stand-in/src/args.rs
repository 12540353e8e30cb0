//! The arguments of `cutover-drbd-stand-in`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  On each host of the lab: it is drbdadm and drbdsetup there
    $ cutover-drbd-stand-in drbdadm status etcd0
    $ cutover-drbd-stand-in --dir /srv/drbd drbdsetup events2 --now --statistics etcd0
  While the lab runs: replicate every second
    $ cutover-drbd-stand-in replicate
  A link that is cut, and a host that loses its power
    $ cutover-drbd-stand-in link cut 172.16.1.1 172.16.2.1
    $ cutover-drbd-stand-in power off worker01/172.16.1.1
  When the lab is taken down
    $ cutover-drbd-stand-in clear";

/// Stands in for DRBD on hosts of a lab that have no DRBD in their kernel
///
/// Answers as drbdadm, drbdsetup and drbdmeta of DRBD 9 do, over real disks, from a directory that all hosts of the lab
/// share. Called by the name of one of these programs, it is that program. Not for production: data is replicated only while
/// one of its programs runs, and nothing is fenced. It refuses to run where the kernel has DRBD.
#[derive(Debug, Clone, Parser)]
#[command(name = "cutover-drbd-stand-in", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(propagate_version = false, after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The directory that all hosts share
    #[arg(long, env = "CUTOVER_STAND_IN_DIR", value_name = "DIR", default_value = "/var/lib/cutover-stand-in")]
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands of the stand-in.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Answer as drbdadm
    #[command(disable_help_flag = true)]
    Drbdadm(Words),
    /// Answer as drbdsetup
    #[command(disable_help_flag = true)]
    Drbdsetup(Words),
    /// Answer as drbdmeta
    #[command(disable_help_flag = true)]
    Drbdmeta(Words),
    /// Bring every Secondary's disk up to date, again and again
    Replicate {
        /// Only once
        #[arg(long)]
        once: bool,
        /// From one time to the next, in milliseconds
        #[arg(long, value_name = "MS", default_value_t = 1000)]
        interval: u64,
    },
    /// Set how fast resyncs are
    Rate {
        /// In bytes per second
        #[arg(value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
        rate: u64,
    },
    /// Cut or heal the link between two hosts
    Link {
        /// What to do
        #[arg(value_name = "cut|heal", value_parser = ["cut", "heal"], hide_possible_values = true)]
        change: String,
        /// The address of one host
        a: String,
        /// The address of the other
        b: String,
    },
    /// Clear a host's kernel state, as a loss of power does, or boot it
    Power {
        /// What to do
        #[arg(value_name = "off|on", value_parser = ["off", "on"], hide_possible_values = true)]
        change: String,
        /// The host: SITE/NODE, or HOSTNAME/ADDRESS if it has no other name
        #[arg(value_name = "HOST")]
        host: String,
    },
    /// Detach every loop device and forget everything
    Clear,
}

/// The arguments of a program.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Words {
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARG")]
    pub(crate) words: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_contradict_nothing() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_example_parses() {
        let examples: Vec<&str> = EXAMPLES.lines().filter_map(|line| line.trim().strip_prefix("$ ")).collect();
        assert!(!examples.is_empty());
        for example in examples {
            assert!(Args::try_parse_from(example.split_whitespace()).is_ok(), "{example}");
        }
    }
}
