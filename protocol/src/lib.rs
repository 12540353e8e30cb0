//! The data of a run, as plain types: the names of work ([`path`], [`task`]), where it happens ([`target`], [`place`]),
//! what is sent ([`command`], [`request`], [`action`], [`query`]), what is asked for and what happened ([`change`], [`diff`],
//! [`event`]), and what people read ([`text`]). No I/O, no clock, no runtime: everything here can be written to a journal
//! and read back on another machine.

pub mod action;
pub mod caller;
pub mod change;
pub mod command;
pub mod diff;
pub mod event;
pub mod failure;
pub mod hidden;
pub mod leaves;
pub mod output;
pub mod path;
pub mod place;
pub mod query;
pub mod reads;
pub mod request;
pub mod selector;
pub mod subject;
pub mod target;
pub mod task;
pub mod text;
pub mod transport_fault;
