//! What every world has, whatever is in it: a clock, randomness, links between addresses, what is due later, the account of the
//! calls of a run, and the strikes that are to hit them. It knows no machine.

mod agenda;
pub(crate) mod calls;
mod clock;
mod links;
mod random;
mod rights;
mod spec;
pub(crate) mod strike;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_engine::inventory::Inventory;
use jiff::Timestamp;

use calls::Calls;

pub(crate) use agenda::Agenda;
pub(crate) use clock::Clock;
pub(crate) use links::Links;
pub(crate) use random::{number, uuid};
pub use rights::{Rights, Rule};
pub(crate) use spec::Workload;
pub use spec::WorldSpec;

/// Locks what a world shares, whatever happened to others who held the lock. Never held across an await.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The seconds from 1970 to 2200.
const MOST_SECONDS: i64 = 7_258_118_400;

/// The kernel of a world.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The world file.
    pub(crate) spec: Arc<WorldSpec>,
    /// What the world was derived from.
    pub(crate) inventory: Arc<Inventory>,
    /// The seed of all randomness.
    pub(crate) seed: u64,
    /// Its clock.
    pub(crate) clock: Clock,
    calls: Mutex<Calls>,
    /// How often identifiers were drawn; see [`Self::draw`].
    drawn: AtomicU64,
}

impl Kernel {
    /// The kernel of a world that begins now. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Says what is wrong with a size, speed or time in the world file, or with the instant at which it begins.
    pub(crate) fn new(inventory: Arc<Inventory>, spec: WorldSpec, seed: u64) -> Result<Self, String> {
        spec.check(&inventory)?;
        let starts: Timestamp = spec.starts.parse().map_err(|error| format!("`starts: {}`: {error}", spec.starts))?;
        // Certificates and calendars of the simulated programs end there.
        if !(0..MOST_SECONDS).contains(&starts.as_second()) {
            return Err(format!("`starts: {}`: it may be 1970 to 2200", spec.starts));
        }
        let (clock, calls, drawn) = (Clock::new(starts), Mutex::default(), AtomicU64::new(0));
        Ok(Self { spec: Arc::new(spec), inventory, seed, clock, calls, drawn })
    }

    /// A copy that goes on by itself, by a clock of its own.
    pub(crate) fn copy(&self, clock: Clock) -> Self {
        Self {
            spec: Arc::clone(&self.spec),
            inventory: Arc::clone(&self.inventory),
            seed: self.seed,
            clock,
            calls: Mutex::new(self.calls().clone()),
            drawn: AtomicU64::new(self.drawn.load(Ordering::Relaxed)),
        }
    }

    /// The account of the calls of the run.
    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls> {
        lock(&self.calls)
    }

    /// The simulated time of day in nanoseconds since 1970, as file times are kept.
    pub(crate) fn now_ns(&self) -> i128 {
        self.clock.now().as_nanosecond()
    }

    /// Draws a 64-bit number that depends on the seed, a label and nothing else: the same label yields the same number.
    pub(crate) fn number(&self, label: &str) -> u64 {
        number(self.seed, label)
    }

    /// Makes a UUID out of the seed and a label.
    pub(crate) fn uuid(&self, label: &str) -> String {
        uuid(self.seed, label)
    }

    /// Draws the next number of the world's sequence, for things that have no stable label.
    pub(crate) fn draw(&self) -> u64 {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
        self.number(&format!("draw/{drawn}"))
    }

    /// Lets the time pass that moving this many bytes takes at a rate.
    pub(crate) async fn transfer(&self, bytes: u64, bytes_per_second: u64) {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
        tokio::time::sleep(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))).await;
    }
}
