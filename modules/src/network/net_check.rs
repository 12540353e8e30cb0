//! Checks the network between two nodes: round trip and loss, TCP ports, throughput. Looking changes nothing; only the
//! throughput is measured as a move, because it loads the link, which a plan must not do.

use std::collections::BTreeMap;

use cutover_engine::action::{Action, Done};
use cutover_engine::duration::HumanDuration;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::query::ReadScript;
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::world::{Command, Place};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::quantity::{Rate, human};
use crate::support::storage::stdout;

/// The module `net_check`.
#[derive(Clone, Copy)]
pub(crate) struct NetCheck;

/// What a playbook says to `net_check`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The address to reach; the other end of the pair if left out.
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// Measures round trip and loss.
    #[serde(default)]
    pub(crate) ping: Option<Ping>,
    /// TCP ports to try.
    #[serde(default)]
    pub(crate) tcp: Vec<u16>,
    /// What the ports must do.
    #[serde(default)]
    pub(crate) tcp_mode: TcpMode,
    /// Measures what the link carries.
    #[serde(default)]
    pub(crate) throughput: Option<Throughput>,
}

/// What TCP ports must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TcpMode {
    /// The host answers, be it that nothing listens yet: no firewall is in the way.
    #[default]
    Reachable,
    /// Something listens.
    Listening,
    /// On this task's own node no program listens on them: they are free for DRBD. DRBD itself does not count as one.
    Free,
}

/// How to ping.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ping {
    /// How many packets.
    pub(crate) count: u32,
    /// The longest round trip that is acceptable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_rtt: Option<HumanDuration>,
    /// The packet loss in percent that is acceptable.
    pub(crate) max_loss: f64,
}

impl Default for Ping {
    fn default() -> Self {
        Self { count: 10, max_rtt: None, max_loss: 0.0 }
    }
}

/// How to measure throughput: zeros over one TCP connection from this node to the other end of the pair.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Throughput {
    /// The rate that there must be at least.
    pub(crate) min: Rate,
    /// For how many seconds.
    #[serde(default = "five")]
    pub(crate) seconds: u32,
    /// The port to measure on. It must be free and not blocked by a firewall.
    #[serde(default = "iperf_port")]
    pub(crate) port: u16,
}

fn five() -> u32 {
    5
}

fn iperf_port() -> u16 {
    5201
}

/// What a probe saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct State {
    /// The address.
    pub(crate) to: String,
    /// Packets sent and received.
    pub(crate) packets: Option<(u32, u32)>,
    /// The mean and the longest round trip in milliseconds; `None` if nothing came back.
    pub(crate) rtt_ms: Option<(f64, f64)>,
    /// What each port did: `open`, `refused`, `unreachable`; or with `free`, the program that listens.
    pub(crate) ports: Vec<(u16, String)>,
    /// The node with the address; looked for only if throughput is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<Place>,
}

/// What `net_check` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// The address.
    to: String,
    /// Packets of the ping; null without `ping`.
    packets: Option<Packets>,
    /// Round trips of the ping; null without `ping`, or if nothing came back.
    rtt_ms: Option<RoundTrip>,
    /// What each port did, by its number: `open`, `refused`, `unreachable`; with `tcp_mode: free`, the program that listens.
    ports: BTreeMap<String, String>,
    /// The throughput in bytes per second; null if it was not measured.
    bytes_per_second: Option<u64>,
}

/// Packets of a ping.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Packets {
    /// How many were sent.
    sent: u32,
    /// How many came back.
    received: u32,
}

/// Round trips of a ping.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RoundTrip {
    /// The mean, in milliseconds.
    mean: f64,
    /// The longest, in milliseconds.
    max: f64,
}

/// What the script for ports does.
const TRY: &str = include_str!("../scripts/tcp.sh");
/// The script that tries ports: it opens connections and sends nothing.
const TCP: ReadScript = ReadScript::declare("cutover-tcp", TRY);
const THROUGHPUT: &str = include_str!("../scripts/throughput.sh");

impl Module for NetCheck {
    const NAME: &'static str = "net_check";
    const SUMMARY: &'static str = "Checks round trip, loss, TCP ports and throughput between two nodes against limits.";
    const EXAMPLE: &'static str = r#"
name: The link carries the replication
target: active.pairs
net_check:
  to: "{{ peer.address }}"
  ping: {count: 10, max_rtt: 10ms, max_loss: 0}
  tcp: ["{{ pair.port }}"]
  throughput: {min: 50MB/s, seconds: 5}
"#;

    const TARGETS: Targets = Targets::MACHINE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let Params { to, ping, tcp, throughput, .. } = params;
        if ping.is_none() && tcp.is_empty() && throughput.is_none() {
            let words = text!("net_check.nothing", "nothing is checked: give `ping`, `tcp` or `throughput`");
            return Err(Failure::invalid(words));
        }
        if to.as_ref().is_some_and(|to| to.is_empty() || to.starts_with('-')) {
            return Err(Failure::invalid(text!("net_check.address", "`to` is not an address")).pointer("/to"));
        }
        if ping.as_ref().is_some_and(|ping| !(1..=1000).contains(&ping.count)) {
            let words = text!("net_check.count", "send 1 to 1000 packets");
            return Err(Failure::invalid(words).pointer("/ping/count"));
        }
        if ping.as_ref().is_some_and(|ping| !(0.0..=100.0).contains(&ping.max_loss)) {
            let words = text!("net_check.loss", "a loss is 0 to 100 percent");
            return Err(Failure::invalid(words).pointer("/ping/max_loss"));
        }
        if let Some(index) = tcp.iter().position(|port| *port == 0) {
            return Err(no_port().pointer(format!("/tcp/{index}")));
        }
        match throughput {
            Some(throughput) if !(1..=600).contains(&throughput.seconds) => {
                let words = text!("net_check.seconds", "measure for 1 to 600 seconds");
                Err(Failure::invalid(words).pointer("/throughput/seconds"))
            }
            Some(throughput) if throughput.port == 0 => Err(no_port().pointer("/throughput/port")),
            _ => Ok(()),
        }
    }

    fn judge_on(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(), Failure> {
        let to = address(facts, params)?;
        params.throughput.as_ref().map_or(Ok(()), |_| destination(inventory, &to).map(drop))
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let to = address(cx.facts(), params)?;
        let peer = params.throughput.as_ref().map(|_| destination(cx.inventory(), &to)).transpose()?;
        let mut state = State { to: to.clone(), peer, ..State::default() };
        if let Some(ping) = &params.ping {
            let count = ping.count.to_string();
            let command = reads::PING.of([&count, &to]).accept([1]);
            let output = cx.read(&command).await?;
            state.packets = packets(&output.stdout);
            state.rtt_ms = round_trip(&output.stdout);
            if state.packets.is_none() {
                return Err(crate::support::storage::failed(&command, &output));
            }
        }
        if !params.tcp.is_empty() {
            state.ports = match params.tcp_mode {
                TcpMode::Free => listeners(cx, &params.tcp).await?,
                TcpMode::Reachable | TcpMode::Listening => answers(cx, &to, &params.tcp).await?,
            };
        }
        Ok(state)
    }

    /// Any program may take a port or listen on one; no step alters round trips, firewalls or rates.
    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let place = match params.tcp_mode {
            _ if params.tcp.is_empty() => None,
            TcpMode::Free => Some(facts.place()),
            TcpMode::Listening => listener_place(facts, params.to.as_deref()),
            TcpMode::Reachable => None,
        };
        Some(place.into_iter().map(|place| Subject::Anything { place }).collect())
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        let to = &state.to;
        let mut reasons = Vec::new();
        if let (Some(ping), Some((sent, received))) = (&params.ping, state.packets) {
            let loss = f64::from(sent.saturating_sub(received)) * 100.0 / f64::from(sent.max(1));
            if received == 0 {
                reasons.push(text!("net_check.no-answer", "{to} does not answer to ping ({sent} packets)", to, sent));
            } else if loss > ping.max_loss {
                reasons.push(text!(
                    "net_check.lost",
                    "{loss} % of the packets to {to} are lost, acceptable are {limit} %",
                    loss = format!("{loss:.1}"),
                    to,
                    limit = ping.max_loss
                ));
            }
            if let (Some(limit), Some((mean, longest))) = (ping.max_rtt, state.rtt_ms)
                && longest > limit.0.as_secs_f64() * 1000.0
            {
                reasons.push(text!(
                    "net_check.slow",
                    "the longest round trip to {to} takes {longest} ms (mean {mean} ms), acceptable are {limit}",
                    to,
                    longest = format!("{longest:.2}"),
                    mean = format!("{mean:.2}"),
                    limit = limit.to_string()
                ));
            }
        }
        for (port, word) in &state.ports {
            match (params.tcp_mode, word.as_str()) {
                (TcpMode::Free, program) => {
                    let place = facts.place();
                    reasons.push(text!(
                        "net_check.taken",
                        "port {port} is taken on {place}: {program} listens on it",
                        port,
                        place,
                        program
                    ));
                }
                (_, "open") | (TcpMode::Reachable, "refused") => {}
                (TcpMode::Listening, "refused") => {
                    reasons.push(text!("net_check.closed", "nothing listens on port {port} of {to}", port, to));
                }
                (_, _) => reasons.push(text!(
                    "net_check.unreachable",
                    "port {port} of {to} does not answer: look for a firewall between {place} and it",
                    port,
                    to,
                    place = facts.place()
                )),
            }
        }
        if !reasons.is_empty() {
            return Diff::refused(reasons);
        }
        match (&params.throughput, &state.peer) {
            (Some(throughput), Some(peer)) => Diff::Run(vec![measure(facts, throughput, to, peer.clone())]),
            _ => Diff::InSync,
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, done: &[Done]) -> Value {
        let measured = done.iter().find_map(|done| match done {
            Done::Output(output) => output.stdout.split(": ").nth(1)?.split(' ').next()?.parse::<u64>().ok(),
            Done::Response(_) => None,
        });
        let returned = Returned {
            to: state.to.clone(),
            packets: state.packets.map(|(sent, received)| Packets { sent, received }),
            rtt_ms: state.rtt_ms.map(|(mean, max)| RoundTrip { mean, max }),
            ports: state.ports.iter().map(|(port, word)| (port.to_string(), word.clone())).collect(),
            bytes_per_second: measured,
        };
        serde_json::to_value(returned).unwrap_or(Value::Null)
    }
}

/// The node of a pair that has an address; the other end of the task's pair for none.
fn listener_place(facts: &Facts, to: Option<&str>) -> Option<Place> {
    let peer = || facts.pair().ok().map(|(_, _, peer)| peer.address.as_str());
    let to = to.or_else(peer)?;
    let member = facts.pairs().iter().flat_map(|pair| pair.members.values()).find(|member| member.address == to)?;
    Some(Place::node(&member.site, &member.node))
}

/// What is asked: the address that is given, or the peer's.
fn address(facts: &Facts, params: &Params) -> Result<String, Failure> {
    match &params.to {
        Some(to) => Ok(to.clone()),
        None => Ok(facts.pair()?.2.address.clone()),
    }
}

/// The node that has an address, by the inventory: the receiving end is started there.
fn destination(inventory: &Inventory, to: &str) -> Result<Place, Failure> {
    let members = inventory.pairs.iter().flat_map(|pair| pair.members.values());
    let by_member =
        members.into_iter().find(|member| member.address == to).map(|member| Place::node(&member.site, &member.node));
    let by_node = || {
        let nodes = inventory.sites.values().flat_map(|site| site.nodes.values().map(move |node| (site, node)));
        nodes.into_iter().find(|(_, node)| node.address == to).map(|(site, node)| Place::node(&site.name, &node.name))
    };
    by_member.or_else(by_node).ok_or_else(|| {
        Failure::invalid(text!(
            "net_check.not-a-node",
            "`{to}` is not the address of a node: throughput needs a node of the inventory at both ends",
            to
        ))
        .pointer("/to")
    })
}

/// The failure of a port that cannot be one.
fn no_port() -> Failure {
    Failure::invalid(text!("net_check.port", "a port is 1 to 65535"))
}

/// Both ends run at the same time, joined by a pipe that carries nothing but the sender's report.
fn measure(facts: &Facts, throughput: &Throughput, to: &str, peer: Place) -> Change {
    let Throughput { min, seconds, port } = throughput;
    let [port, time, minimum] = [port.to_string(), seconds.to_string(), min.0.to_string()];
    let send = Command::script("cutover-throughput", THROUGHPUT, ["send", to, &port, &time]);
    let receive = Command::script("cutover-throughput", THROUGHPUT, ["receive", &port, &time, &minimum]);
    let action = Action::Pipe { source: facts.place(), read: send, destination: peer, write: receive };
    let summary = text!(
        "net_check.measure",
        "measure the throughput to {to} for {seconds} s, at least {minimum}/s",
        to,
        seconds,
        minimum = human(min.0)
    );
    Change::transient("measure-throughput", summary, [action])
}

async fn answers(cx: &Context, to: &str, ports: &[u16]) -> Result<Vec<(u16, String)>, Failure> {
    let args = [to.to_owned()].into_iter().chain(ports.iter().map(u16::to_string));
    let command = TCP.of(args);
    let text = stdout(&command, cx.read(&command).await?)?;
    let answer = |line: &str| {
        let (port, word) = line.split_once(' ')?;
        Some((port.parse().ok()?, word.to_owned()))
    };
    Ok(text.lines().filter_map(answer).collect())
}

/// The programs that listen on some ports here. Sockets of the kernel, such as DRBD's, have none.
async fn listeners(cx: &Context, ports: &[u16]) -> Result<Vec<(u16, String)>, Failure> {
    let ss = reads::SS_LISTENERS.of([]);
    let text = stdout(&ss, cx.read(&ss).await?)?;
    Ok(text.lines().filter_map(listener).filter(|(port, _)| ports.contains(port)).collect())
}

fn listener(line: &str) -> Option<(u16, String)> {
    let port = line.split_whitespace().nth(3)?.rsplit(':').next()?.parse().ok()?;
    let program = line.split_once("users:((\"")?.1.split('"').next()?;
    Some((port, program.to_owned()))
}

/// Reads `10 packets transmitted, 9 received, ...`.
fn packets(text: &str) -> Option<(u32, u32)> {
    let line = text.lines().find(|line| line.contains("packets transmitted"))?;
    let numbers: Vec<u32> = line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    Some((*numbers.first()?, *numbers.get(1)?))
}

/// Reads `rtt min/avg/max/mdev = 2.0/2.1/2.2/0.1 ms`: the mean and the longest.
fn round_trip(text: &str) -> Option<(f64, f64)> {
    let line = text.lines().find(|line| line.starts_with("rtt ") || line.starts_with("round-trip "))?;
    let mut numbers = line.split_once(" = ")?.1.split(['/', ' ']).filter_map(|word| word.parse::<f64>().ok()).skip(1);
    Some((numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests;
