//! What a change does to the world, as data: what a plan prints is exactly what runs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Command;
use crate::output::Output;
use crate::place::Place;
use crate::request::Request;

/// One request or command that changes the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Runs a command at a place.
    Exec {
        /// Where.
        place: Place,
        /// What.
        command: Command,
    },
    /// Streams one command's output into another's input; the stream passes through the controller.
    Pipe {
        /// Where the stream comes from.
        source: Place,
        /// The command that writes it.
        read: Command,
        /// Where it goes to.
        destination: Place,
        /// The command that reads it.
        write: Command,
    },
    /// Sends a request to a site's API server.
    Request(Request),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exec { place, command } => write!(f, "{place}$ {command}"),
            Self::Pipe { source, read, destination, write } => {
                write!(f, "{source}$ {read}  |  {destination}$ {write}")
            }
            Self::Request(request) => write!(f, "{request}"),
        }
    }
}

/// The result of an executed action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// A command's output (of a pipe: the receiving command's).
    Output(Output),
    /// An API server's answer.
    Response(Value),
}
