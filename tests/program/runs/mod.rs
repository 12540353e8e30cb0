//! The directory of runs as its users meet it: how a run is named, who makes its directory, and a journal that is damaged.

mod began;
mod damaged;
mod dry_undo;
mod first_look;
mod named;
