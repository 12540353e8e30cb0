//! What tests of several features share: programs that they write, directories with runs in them, terminals, and the shipped
//! playbooks executed in a simulated world. No test is in here.

pub(crate) mod executable;
pub(crate) mod execution;
pub(crate) mod place;
pub(crate) mod play;
pub(crate) mod ran;
pub(crate) mod releases;
pub(crate) mod roles;
pub(crate) mod stage;
pub(crate) mod terminal;
pub(crate) mod truth;
pub(crate) mod unharmed;
