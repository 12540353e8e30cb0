//! Files, on this machine and in the sandbox: single ones, whole trees, and the programs that work on them.

mod coreutils;
mod devices;
mod holes;
mod modes;
mod odd;
mod single;
mod trees;
mod trials;
