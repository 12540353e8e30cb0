//! What the subcommands do, one file for each. They take plain parameters and know no argument parser.

pub(crate) mod report;
pub(crate) mod runs;
mod stored;

#[cfg(test)]
mod tests;
