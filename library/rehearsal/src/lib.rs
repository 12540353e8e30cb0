//! Rehearsals: playbooks in a simulated world on a paused clock, and what is to go wrong there. Prints nothing: the caller
//! provides a reader and a journal.

mod chain;
mod chart;
mod failing;
mod failures;
pub mod faults;
mod granted;
mod made_to_fail;
mod not_simulated;
mod rehearsal;
mod turn;

pub use failing::Failing;
pub use failures::Failures;
pub use made_to_fail::MadeToFail;
pub use not_simulated::NotSimulated;
pub use rehearsal::{Changes, Rehearsal, Rehearsed, Watch};
