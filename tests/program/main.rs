//! Every test of the program as a whole, in one binary: a module for each feature that an operator, an author or a contributor
//! knows by name. `docs/testing.md` says where each feature is tested and which page tells of it.

mod check;
mod command_line;
mod conformance;
mod doctor;
mod documents;
mod drbd;
mod files;
mod gates;
mod helm;
mod interrupts;
mod kind;
mod kubernetes;
mod lanes;
mod outage;
mod output;
mod playbooks;
mod properties;
mod rehearse;
mod resume;
mod rights;
mod runs;
mod schemas;
mod secrets;
mod shape;
mod storage;
mod support;
mod trouble;
mod undo;
mod words;
