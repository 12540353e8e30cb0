//! Commands in a container through its engine's `exec`, for clusters whose nodes are containers (kind). The engine's own
//! client runs here; a process that it starts in the container survives when the client is killed, so the command is wrapped
//! as on a host and its group is ended by a second `exec`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_engine::world::{Command, Exit, Io, Transport, TransportFault};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::endings::Endings;
use crate::local;
use crate::marker::Marked;
use crate::wrapper::{Wrapped, kill, kill_marked};

/// A container.
pub(crate) struct Container {
    engine: String,
    name: String,
    limit: Duration,
    endings: Endings,
    withheld: Vec<String>,
}

impl Container {
    /// A container by name; `engine` is the client program: `docker`, `podman`, `nerdctl`. `endings` ends commands early.
    pub(crate) fn new(engine: String, name: String, limit: Duration, endings: Endings) -> Self {
        Self { engine, name, limit, endings, withheld: Vec::new() }
    }

    /// Takes variables out of the environment of the client program.
    pub(crate) fn without(self, variables: &[String]) -> Self {
        Self { withheld: variables.to_vec(), ..self }
    }

    /// The engine's argv for a command. Variables come by name only: the engine takes the values from its own environment, so
    /// that they are in no argv.
    fn argv(&self, command: &Command, inner: &[String]) -> Vec<String> {
        let variables = command.env.keys().flat_map(|name| ["-e".to_owned(), name.clone()]);
        let head = ["exec", "-i"].map(str::to_owned).into_iter().chain(variables).chain([self.name.clone()]);
        head.chain(inner.iter().cloned()).collect()
    }
}

impl Transport for Container {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            // The engine passes the environment.
            let wrapped = Wrapped::new(command, self.limit)?;
            let mut process = tokio::process::Command::new(&self.engine);
            for name in &self.withheld {
                process.env_remove(name);
            }
            process.args(self.argv(command, &wrapped.argv)).envs(&command.env);
            let marked = Arc::new(Mutex::new(Marked::new(wrapped.marker.clone())));
            let lock = || marked.lock().unwrap_or_else(PoisonError::into_inner);
            let (engine, name, marker) = (&self.engine, &self.name, &wrapped.marker);
            let endings = &self.endings;
            let mut stop = Stop { engine, name, marker, marked: Some(Arc::clone(&marked)), endings };
            let (tap, mut tapped) = tokio::io::duplex(64 * 1024);
            let mut stderr = std::mem::replace(&mut io.stderr, Box::new(tap));
            let listening = async {
                let mut piece = vec![0; 16 * 1024];
                while let Ok(length @ 1..) = tapped.read(&mut piece).await {
                    let seen = lock().feed(&piece[..length]);
                    if let Some(seen) = seen {
                        let _ = stderr.write_all(&seen).await;
                    }
                }
            };
            let (exit, ()) = tokio::join!(local::run(process, command, io, self.limit, endings), listening);
            let exit = exit?;
            if exit != Exit::Signal("PIPE".to_owned()) {
                stop.marked = None;
            }
            if lock().group().is_none() {
                let stderr = lock().rest();
                return Err(TransportFault::Unreachable(format!(
                    "`{engine} exec {name}` did not start the command ({exit}): {stderr}; it needs sh and timeout in the container"
                )));
            }
            Ok(exit)
        })
    }
}

/// Ends the command's group in the container if it is dropped while it still has the marker.
struct Stop<'a> {
    engine: &'a str,
    name: &'a str,
    marker: &'a str,
    marked: Option<Arc<Mutex<Marked>>>,
    endings: &'a Endings,
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        let Some(marked) = self.marked.take() else { return };
        let group = marked.lock().unwrap_or_else(PoisonError::into_inner).group();
        let ending = group.map_or_else(|| kill_marked(self.marker), |group| kill(group, false));
        let mut process = tokio::process::Command::new(self.engine);
        process.args(["exec", self.name]).args(ending);
        let quiet = || std::process::Stdio::null();
        process.stdin(quiet()).stdout(quiet()).stderr(quiet());
        self.endings.begin(async move { drop(process.status().await) });
    }
}

#[cfg(test)]
mod tests;
