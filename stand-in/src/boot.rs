//! Identifies the boot of a host that a command runs in: a new boot has lost the kernel's state.

use std::fs;

use serde::{Deserialize, Serialize};

/// A boot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Boot {
    /// The kernel's boot identifier.
    pub(crate) kernel: String,
    /// When the host's first process began, in clock ticks: a container that is restarted has another one.
    init: String,
}

impl Boot {
    /// The boot of this host.
    pub(crate) fn current() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let stat = read("/proc/1/stat");
        // The fields after the command's name, which is in parentheses; see proc_pid_stat(5).
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        Self {
            kernel: read("/proc/sys/kernel/random/boot_id").trim().to_owned(),
            init: fields.split_whitespace().nth(19).unwrap_or_default().to_owned(),
        }
    }
}
