//! Files as spanned trees, and the faults that are shown in them. Not what the files mean.

mod fault;
mod location;
mod nearest;
mod node;
mod parse;

pub use fault::{Fault, Faults};
pub use location::{Location, SourceFile};
pub use nearest::nearest;
pub use node::{Key, Kind, Node};
pub use parse::parse;
