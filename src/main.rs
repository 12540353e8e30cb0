//! The command line of `cutover`.

#[cfg_attr(not(test), expect(dead_code, reason = "the arguments that call them follow"))]
mod commands;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the commands that report runs follow"))]
mod reporters;

fn main() {}
