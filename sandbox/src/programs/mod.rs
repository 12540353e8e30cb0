//! The programs that simulated machines have, one file for each family.

use crate::program::Program;

/// Every program of the simulated machines.
pub(crate) const ALL: &[&dyn Program] = &[];
