//! One execution at a terminal: who watches it, who approves its gates, what it goes on from, how it is stopped. Of the library it
//! alone writes to standard output and standard error.

mod approve;
mod audience;
mod earlier;
mod ports;
mod screen;
mod show;
mod signals;
pub mod terminal;

pub use approve::{Approval, Approvals, operator};
pub use audience::Audience;
pub use earlier::Earlier;
pub use ports::{close, ports};
pub use screen::Screen;
pub use show::Show;
pub use signals::{Said, listen};
