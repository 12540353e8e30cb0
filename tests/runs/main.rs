//! The directory of runs as its users meet it: the names of runs, the creation of their directories, their parameters, and
//! damaged journals.

mod asked;
mod began;
mod damaged;
mod kit;
mod named;
mod parameters;
mod secrets;
mod stalled;
