//! A world that answers commands from a script, for the tests of what the DRBD modules ask. What is not in the script is
//! an unknown program.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutover_engine::clock::Clock;
use cutover_engine::module::Context;
use cutover_engine::world::{Answer, Command, Exit, Io, Place, Request, Transport, TransportFault, World};
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt as _;

/// Answers by place and command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    answers: BTreeMap<String, (i32, String, String)>,
    faults: BTreeMap<String, TransportFault>,
}

impl Script {
    /// Adds the answers of a place: blocks of `$ command`, output, `[rc=N]`, as in the records of real tools. What stands
    /// between command and code is standard output, and standard error if the code is not 0.
    pub(crate) fn at(mut self, place: &str, record: &str) -> Self {
        for block in record.split("$ ").skip(1) {
            let (command, rest) = block.split_once('\n').expect("a command stands on a line of its own");
            let (output, code) = rest.split_once("[rc=").expect("a block ends with its code");
            let code: i32 = code.split(']').next().and_then(|code| code.parse().ok()).expect("a code is a number");
            let (stdout, stderr) = if code == 0 { (output, "") } else { ("", output) };
            self.answers.insert(format!("{place}$ {command}"), (code, stdout.to_owned(), stderr.to_owned()));
        }
        self
    }

    /// Makes a place answer nothing.
    pub(crate) fn fault(mut self, place: &str, fault: TransportFault) -> Self {
        self.faults.insert(place.to_owned(), fault);
        self
    }

    /// A task on the first pair's member of site `primary` in this world.
    pub(crate) fn context(self) -> Context {
        let cx = crate::testing::pair_context();
        Context::new(cx.target().clone(), None, Arc::new(cx.inventory().clone()), Arc::new(self))
    }
}

impl Clock for Script {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

impl World for Script {
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>> {
        let place = place.to_string();
        Box::pin(async move {
            match self.faults.get(&place) {
                Some(fault) => Err(fault.clone()),
                None => Ok(Arc::new(Answers { place, script: self.clone() }) as Arc<dyn Transport>),
            }
        })
    }

    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>> {
        let fault = TransportFault::Unreachable(request.to_string());
        Box::pin(async move { Err(fault) })
    }
}

struct Answers {
    place: String,
    script: Script,
}

impl Transport for Answers {
    fn exec<'a>(&'a self, command: &'a Command, mut io: Io<'a>) -> BoxFuture<'a, Result<Exit, TransportFault>> {
        Box::pin(async move {
            let key = format!("{}$ {command}", self.place);
            let key = key.split(" <<< ").next().unwrap_or_default().to_owned();
            let Some((code, stdout, stderr)) = self.script.answers.get(&key) else {
                let _ = io.stderr.write_all(format!("sh: {key}: not in the script\n").as_bytes()).await;
                return Ok(Exit::Code(127));
            };
            let _ = io.stdout.write_all(stdout.as_bytes()).await;
            let _ = io.stderr.write_all(stderr.as_bytes()).await;
            Ok(Exit::Code(*code))
        })
    }
}
