//! Why the kernel refuses a command: its number and words, as drbdsetup prints them.

/// A refusal by the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error number; state changes have negative ones.
    pub(crate) number: i32,
    /// Its text.
    pub(crate) text: &'static str,
    /// What the kernel adds, a line each.
    pub(crate) info: Vec<String>,
}

impl Refusal {
    fn new(number: i32, text: &'static str) -> Self {
        Self { number, text, info: Vec::new() }
    }

    fn with_info(self, info: impl Into<String>) -> Self {
        Self { info: vec![info.into()], ..self }
    }

    pub(crate) fn two_primaries() -> Self {
        Self::new(-1, "Multiple primaries not allowed by config")
    }

    pub(crate) fn no_up_to_date_disk() -> Self {
        Self::new(-2, "Need access to UpToDate data")
    }

    /// The device is mounted.
    pub(crate) fn device_in_use(info: Option<String>) -> Self {
        Self { info: info.into_iter().collect(), ..Self::new(-12, "Device is held open by someone") }
    }

    pub(crate) fn no_quorum() -> Self {
        Self::new(-25, "No quorum").with_info("1 of 2 nodes visible, need 2 for quorum")
    }

    /// The peer would lose the only good data that it has.
    pub(crate) fn declined_by_peer(name: &str, node_id: u32) -> Self {
        Self::new(-10, "State change was refused by peer node")
            .with_info(format!("Declined by peer {name} (id: {node_id}), see the kernel log there"))
    }

    pub(crate) fn no_verify_algorithm() -> Self {
        Self::new(-14, "Need a verify algorithm to start online verify")
    }

    pub(crate) fn need_connection() -> Self {
        Self::new(-15, "Need a connection to start verify or resync")
    }

    pub(crate) fn resync_running() -> Self {
        Self::new(-8, "Can not start OV/resync since it is already active")
    }

    pub(crate) fn address_in_use() -> Self {
        Self::new(102, "Local address(port) already in use.")
    }

    pub(crate) fn cannot_open_disk() -> Self {
        Self::new(104, "Can not open backing device.")
    }

    /// The lower device is mounted or attached elsewhere.
    pub(crate) fn disk_claimed() -> Self {
        Self::new(114, "Lower device is already claimed. This usually means it is mounted.")
    }

    pub(crate) fn discard_impossible() -> Self {
        Self::new(123, "--discard-my-data not allowed when primary.")
    }

    pub(crate) fn disk_configured() -> Self {
        Self::new(124, "Device is attached to a disk (use detach first)")
    }

    pub(crate) fn net_configured() -> Self {
        Self::new(125, "Device has a net-config (use disconnect first)")
    }

    pub(crate) fn minor_invalid() -> Self {
        Self::new(127, "Device minor not allocated").with_info("unknown minor")
    }

    pub(crate) fn unknown_resource() -> Self {
        Self::new(158, "Unknown resource").with_info("unknown resource")
    }

    pub(crate) fn minor_exists() -> Self {
        Self::new(161, "Minor or volume exists already (delete it first)")
    }

    /// The exit code of drbdsetup.
    pub(crate) fn code(&self) -> i32 {
        match self.number {
            1.. => 10,
            -2 => 17,
            _ => 11,
        }
    }

    /// What drbdsetup prints, about an object: a resource's name, or a minor number.
    pub(crate) fn words(&self, object: &str) -> String {
        let kind = if self.number > 0 { "Failure" } else { "State change failed" };
        let mut words = format!("{object}: {kind}: ({}) {}\n", self.number, self.text);
        if !self.info.is_empty() {
            words += "additional info from kernel:\n";
            self.info.iter().for_each(|line| words += &format!("{line}\n"));
        }
        words
    }
}
