//! The real world as far as a machine has one: SSH servers and containers of its own, and a stand-in for an API server.

mod container;
mod kubernetes;
mod plugins;
mod proxies;
mod silent;
mod ssh;
mod trouble;
