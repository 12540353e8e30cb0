//! Files as spanned trees, and the faults that are shown in them. Not what the files mean.

mod fault;
mod fields;
mod location;
mod nearest;
mod node;
mod parse;

pub use fault::{Fault, Faults};
pub use fields::{Fields, decode, unknown_key, wrong_type};
pub use location::{Location, SourceFile};
pub use nearest::nearest;
pub use node::{Key, Kind, Node};
pub use parse::{parse, parse_partly};
