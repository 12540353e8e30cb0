//! One execution at a terminal: who watches it, who approves its gates, what it goes on from, how it is stopped. Of the library it
//! alone writes to standard output and standard error.

mod approve;
mod audience;
mod earlier;
mod first_look;
mod keyboard;
mod ports;
mod prompt;
mod screen;
mod show;
mod signals;
pub mod terminal;

pub use approve::{Approval, Approvals, known_approvals, known_phrase, operator};
pub use audience::Audience;
pub use earlier::Earlier;
pub use first_look::{Cause, causes, first_look, reach};
pub use ports::{close, ports};
pub use screen::Screen;
pub use show::Show;
pub use signals::{StopMessages, listen};
