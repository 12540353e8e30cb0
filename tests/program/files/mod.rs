//! Files, on this machine and in the sandbox: single ones, whole trees, and the programs that work on them.

mod coreutils;
mod single;
mod trees;
