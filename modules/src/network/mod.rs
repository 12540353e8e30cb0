//! Modules of the network.

mod net_check;

pub(crate) use net_check::NetCheck;
