//! Helm releases in a simulated cluster: charts, records, what an installation does to objects. Not its command line.

mod command;
mod record;
mod release;

pub(crate) use command::Helm;
pub(crate) use record::{Record, records, save};
pub(crate) use release::{conflict, install, manifest_text, uninstall, upgrade};
