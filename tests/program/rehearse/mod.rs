//! `cutover rehearse`: as it is typed, and that the same seed makes the same events.

mod command_line;
mod faults;
mod seeds;
