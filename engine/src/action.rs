//! What a change does to the world, as data: exactly what a plan prints is exactly what runs.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::redact::HIDDEN;
use crate::world::{Command, Output, Place};

/// One request or command that changes the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// A request to an API server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The site's name in the inventory.
    pub site: String,
    /// `POST`, `PUT`, `PATCH` or `DELETE`; `GET` before one of them, to keep what was with the results of the change.
    pub method: String,
    /// Path and query, for example `/apis/apps/v1/namespaces/common/statefulsets/x/scale`.
    pub path: String,
    /// The body's media type; `application/json` if not given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_type: Option<String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Value>,
    /// HTTP status codes that count as success beside 2xx: 404 for a delete of what is gone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accept: Vec<u16>,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exec { place, command } => write!(f, "{place}$ {command}"),
            Self::Pipe { source, read, destination, write } => {
                write!(f, "{source}$ {read}  |  {destination}$ {write}")
            }
            Self::Request(request) => {
                write!(f, "{}> {} {}", request.site, request.method, request.path)?;
                match &request.body {
                    Some(body) => write!(f, " {body}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// What an executed action gave back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// A command's output (of a pipe: the receiving command's).
    Output(Output),
    /// An API server's answer.
    Response(Value),
}

impl Done {
    /// The same without what was said.
    #[must_use]
    pub(crate) fn hidden(&self) -> Self {
        let hidden = || HIDDEN.to_owned();
        match self {
            Self::Output(output) => {
                Self::Output(Output { exit: output.exit.clone(), stdout: hidden(), stderr: hidden() })
            }
            Self::Response(_) => Self::Response(Value::String(hidden())),
        }
    }
}
