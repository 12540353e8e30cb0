//! Modules of the flow of a playbook: conditions, facts, pauses, and commands of which nothing else is known.

mod assert;
pub(crate) mod command;
mod pause;
mod set_fact;

pub(crate) use assert::Assert;
pub(crate) use command::Command;
pub(crate) use pause::Pause;
pub(crate) use set_fact::SetFact;
