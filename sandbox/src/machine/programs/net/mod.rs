//! Programs that ask the network: of iputils, iproute2 and hostname, and the scripts of the modules about it.

mod hostname;
mod network;

use super::Named;

pub(super) const ALL: &[Named] =
    &[&hostname::Hostname, &network::Ping, &network::Ss, &network::Tcp, &network::Throughput];
