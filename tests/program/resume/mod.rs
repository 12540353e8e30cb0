//! `cutover resume`: a run goes on after its controller was killed, after connections were lost, at every call, and with the
//! parameters that it began with.

mod killed;
mod lost;
mod parameters;
mod struck;
mod window;
