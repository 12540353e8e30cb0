//! DRBD: its modules against the sandbox, and over real SSH against real DRBD in machines.

mod machines;
mod modules;
