//! Worlds as a playbook meets them.

mod clusters;
mod strikes;
