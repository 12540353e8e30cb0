//! The directory of runs as its users meet it: how a run is named, who makes its directory, what it was started with, and
//! a journal that is damaged.

mod approved;
mod asked;
mod began;
mod damaged;
mod first_look;
mod kit;
mod named;
mod parameters;
mod secrets;
mod stalled;
mod window;
