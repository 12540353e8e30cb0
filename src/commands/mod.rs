//! The commands: one file for each. A command gets its arguments and gives its exit code; what it has to say about wrong
//! files and arguments it returns as an error.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod explain;
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
