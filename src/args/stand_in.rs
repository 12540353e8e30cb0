//! Arguments of `stand-in`, the DRBD of hosts that have none.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `stand-in`.
#[derive(Debug, Clone, Args)]
pub(crate) struct StandInArgs {
    /// The directory that all hosts share
    #[arg(long, env = "CUTOVER_STAND_IN_DIR", value_name = "DIR", default_value = "/var/lib/cutover-stand-in")]
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) command: StandInCommand,
}

/// What the stand-in does.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum StandInCommand {
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
    /// Take a host's kernel state away, as a loss of power does, or boot it
    Power {
        /// What to do
        #[arg(value_name = "off|on", value_parser = ["off", "on"], hide_possible_values = true)]
        change: String,
        /// The host: SITE/NODE, or HOSTNAME/ADDRESS where it was given no other name
        #[arg(value_name = "HOST")]
        host: String,
    },
    /// Detach every loop device and forget everything
    Clear,
}

/// The arguments of a program.
#[derive(Debug, Clone, Args)]
pub(crate) struct Words {
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARG")]
    pub(crate) words: Vec<String>,
}
