//! What the DRBD of all machines has in common: the clock it was brought up to, speeds, randomness. Not any resource.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::agenda::Agenda;
use crate::kernel::{WorldSpec, number};

/// Shared by all resources of the world.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shared {
    /// How far resync and connections were brought, since the world began.
    pub(crate) settled: Duration,
    /// When the world began, nanoseconds since 1970.
    pub(crate) starts_ns: i128,
    /// Throughput of the link that resyncs share, bytes per second.
    link: u64,
    /// Throughput of a disk, bytes per second.
    disk: u64,
    /// The version of the kernel's DRBD: `9.2.14`.
    pub(crate) version: String,
    /// Whether the kernel's DRBD is 8.4, not 9.
    pub(crate) legacy: bool,
    /// What happens by itself, and when.
    #[serde(default)]
    pub(crate) agenda: Agenda,
    seed: u64,
    drawn: u64,
}

impl Shared {
    /// DRBD in a world.
    pub(crate) fn new(spec: &WorldSpec, seed: u64, starts_ns: i128) -> Self {
        let (link, disk) = (spec.link_bytes_per_second, spec.disk_bytes_per_second);
        let legacy = spec.drbd_version.starts_with("8.");
        let version = spec.drbd_version.clone();
        Self {
            settled: Duration::ZERO,
            starts_ns,
            link,
            disk,
            version,
            legacy,
            agenda: Agenda::default(),
            seed,
            drawn: 0,
        }
    }

    /// Sets the throughput of the link and of a disk, in bytes per second.
    pub(crate) fn set_rate(&mut self, rate: u64) {
        (self.link, self.disk) = (rate, rate);
    }

    /// The rate of one of some resyncs that run at the same time, in bytes per second.
    pub(crate) fn rate(&self, resyncs: usize) -> u64 {
        (self.link / resyncs.max(1) as u64).min(self.disk).max(1)
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        self.agenda.next(self.settled, self.rate(self.agenda.running()))
    }

    /// Lets time pass, up to a moment.
    pub(crate) fn pass(&mut self, to: Duration) {
        let rate = self.rate(self.agenda.running());
        self.agenda.advance(to - self.settled, rate);
        self.settled = to;
    }

    /// Draws a generation identifier. Its lowest bit, which DRBD uses to mark a Primary, is clear.
    pub(crate) fn uuid(&mut self) -> u64 {
        self.drawn += 1;
        let drawn = number(self.seed, &format!("drbd/{}", self.drawn)) & !1;
        // Small numbers have a meaning of their own: 4 is "just created".
        drawn.max(1 << 32)
    }

    /// The simulated time of day in nanoseconds since 1970.
    pub(crate) fn now_ns(&self) -> i128 {
        self.starts_ns + i128::try_from(self.settled.as_nanos()).unwrap_or(i128::MAX)
    }
}
