//! The command line of `cutover`.
fn main() {}
