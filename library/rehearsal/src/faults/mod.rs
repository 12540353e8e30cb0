//! An exhaustive rehearsal of faults: a playbook is rehearsed once undisturbed, and then once for each call of it and each kind of strike,
//! from a snapshot right before. Each case is resumed and undone, and held to laws.

mod account;
mod campaign;
mod case;
mod fault;
mod judge;
mod law;
mod ledger;
mod leg;
mod operator;
mod page;
mod table;
#[cfg(test)]
mod tests;
mod undisturbed;
mod witness;

pub use campaign::{Campaign, Order, UndoTried};
pub use case::{Tried, Verdict};
pub use fault::{Blow, Fault};
pub use law::{Breach, Law, Leg};
