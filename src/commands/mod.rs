//! The commands: one file for each. A command takes its arguments and returns its exit code, or an error with the faults of
//! files and arguments.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod explain;
mod faults;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod rehearse;
mod report;
pub(crate) mod resume;
pub(crate) mod run;
mod runs;
pub(crate) mod schema;
pub(crate) mod show;
#[cfg(test)]
mod tests;
pub(crate) mod undo;
