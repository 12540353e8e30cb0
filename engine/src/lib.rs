//! The workflow engine of `cutover`.
//!
//! Data flows one way: files are *loaded* ([`playbook`], [`inventory`]), *bound* to targets, *planned* by reading the
//! world, *executed*, *recorded* in a journal, and *reported* from events. The engine knows no module, no terminal and
//! no sandbox; it touches the world only through [`world::World`].

pub mod check;
pub mod clock;
pub mod digest;
pub mod duration;
pub mod execute;
pub mod failure;
pub mod inventory;
pub mod journal;
pub mod module;
pub mod plan;
pub mod playbook;
pub mod record;
pub mod redact;
pub mod run;
pub mod schema;
pub mod secrets;
pub mod slug;
pub mod source;
pub mod template;
pub(crate) mod walk;
pub mod world;

// The data of a run is part of this crate's API, so that modules and worlds depend on one crate.
pub use cutover_protocol::{
    action, caller, change, command, diff, event, hidden, leaves, output, path, place, query, reads, request, selector,
    subject, target, task, text,
};
