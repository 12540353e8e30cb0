//! `ping`, `ss` and the modules' scripts `cutover-tcp` and `cutover-throughput`: what the network says.

use std::time::Duration;

use cutover_engine::world::Place;
use futures_util::future::BoxFuture;

use super::super::options::Options;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::machine::drbd::Connection;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Hosts, Machines};

/// Whether packets from a place reach an address.
fn reaches(hosts: &Hosts, place: &Place, address: &str) -> bool {
    let Place::Node { site, node } = place else { return true };
    let machines = hosts.machines();
    machines.named(site, node).is_some_and(|own| {
        let own = own.source_for(address);
        host(&machines, address).is_some_and(|peer| peer.up && machines.links().connected(own, address))
    })
}

/// The machine that has an address.
fn host<'a>(machines: &'a Machines, address: &str) -> Option<&'a Machine> {
    machines.get(machines.at_address(address)?)
}

/// Whether DRBD listens on a port: a resource that is configured for it and is not StandAlone.
fn drbd_listens(hosts: &Hosts, address: &str, port: u16) -> bool {
    let machines = hosts.machines();
    let Some(machine) = host(&machines, address) else { return false };
    let mut resources = machine.drbd.values().filter(|resource| resource.connection != Connection::StandAlone);
    resources.any(|resource| resource.local.port == port)
}

/// `ping [-n] [-q] -c COUNT [-i INTERVAL] [-W TIMEOUT] ADDRESS`
pub(crate) struct Ping;

impl Program for Ping {
    fn names(&self) -> &'static [&'static str] {
        &["ping"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let options = match Options::parse(call.args, &["c=", "i=", "W=", "w=", "s=", "I=", "q", "n", "4", "6"]) {
                Ok(options) => options,
                Err(words) => return Reply::fail(2, format!("ping: {words}\n")),
            };
            let Some(address) = options.operands.first() else {
                return Reply::fail(1, "ping: usage error: Destination address required\n");
            };
            let count: u32 = options.number("c").unwrap_or(4);
            let interval: f64 = options.number("i").unwrap_or(1.0);
            let up = reaches(call.world, call.place, address);
            let rtt = call.kernel().spec.link_rtt_ms as f64;
            let tail = if up { rtt / 1000.0 } else { options.number("W").unwrap_or(10.0) };
            tokio::time::sleep(Duration::from_secs_f64(interval * f64::from(count.saturating_sub(1)) + tail)).await;
            Reply {
                code: i32::from(!up),
                ..Reply::ok(printed(call.kernel(), address, count, interval, up, options.has("q")))
            }
        })
    }
}

fn printed(kernel: &Kernel, address: &str, count: u32, interval: f64, up: bool, quiet: bool) -> String {
    let base = kernel.spec.link_rtt_ms as f64;
    // A few hundredths of the round trip up and down, the same ones for the same seed.
    let jitter = |sequence: u32| (kernel.number(&format!("ping/{address}/{sequence}")) % 100) as f64 / 1000.0 * base;
    let times: Vec<f64> = (1..=count).map(|sequence| base + jitter(sequence)).collect();
    let mut text = format!("PING {address} ({address}) 56(84) bytes of data.\n");
    if up && !quiet {
        for (index, time) in times.iter().enumerate() {
            text += &format!("64 bytes from {address}: icmp_seq={} ttl=64 time={time:.2} ms\n", index + 1);
        }
    }
    let (received, lost) = if up { (count, 0) } else { (0, 100) };
    let took = (interval * 1000.0 * f64::from(count.saturating_sub(1))).round();
    text += &format!("\n--- {address} ping statistics ---\n");
    text += &format!("{count} packets transmitted, {received} received, {lost}% packet loss, time {took}ms\n");
    if up {
        let (min, max) = times.iter().fold((f64::MAX, 0f64), |(min, max), time| (min.min(*time), max.max(*time)));
        let mean = times.iter().sum::<f64>() / f64::from(count.max(1));
        let deviation = times.iter().map(|time| (time - mean).abs()).sum::<f64>() / f64::from(count.max(1));
        text += &format!("rtt min/avg/max/mdev = {min:.3}/{mean:.3}/{max:.3}/{deviation:.3} ms\n");
    } else {
        text += "\n";
    }
    text
}

/// `ss [-H] -l -t -n -p`: the listening sockets. DRBD's belong to no process.
pub(crate) struct Ss;

impl Program for Ss {
    fn names(&self) -> &'static [&'static str] {
        &["ss"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let Place::Node { site, node } = call.place else { return Reply::ok("") };
            let ssh = call.kernel().inventory.sites.get(site).map_or(22, |site| site.ssh.port);
            let machine = call.world.with_machine(call.place, |machine| machine.address.clone());
            let mut text = String::new();
            if !call.args.iter().any(|arg| arg == "-H") {
                text += "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n";
            }
            text += &format!("LISTEN 0      128    0.0.0.0:{ssh}  0.0.0.0:*    users:((\"sshd\",pid=901,fd=3))\n");
            text += "LISTEN 0      4096   0.0.0.0:10250 0.0.0.0:*    users:((\"kubelet\",pid=1144,fd=21))\n";
            let members = call.kernel().inventory.pairs.iter().flat_map(|pair| pair.members.values());
            for member in members.filter(|member| member.site == *site && member.node == *node) {
                if machine.as_ref().is_some_and(|address| drbd_listens(call.world, address, member.port)) {
                    text += &format!("LISTEN 0      5      {}:{} 0.0.0.0:*\n", member.address, member.port);
                }
            }
            Reply::ok(text)
        })
    }
}

/// `cutover-tcp ADDRESS PORT...`: a line `PORT open|refused|unreachable` for each.
pub(crate) struct Tcp;

impl Program for Tcp {
    fn names(&self) -> &'static [&'static str] {
        &["cutover-tcp"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let Some((address, ports)) = call.args.split_first() else { return Reply::fail(2, "") };
            let mut text = String::new();
            for port in ports {
                let up = reaches(call.world, call.place, address);
                let wait =
                    if up { Duration::from_millis(call.kernel().spec.link_rtt_ms) } else { Duration::from_secs(3) };
                tokio::time::sleep(wait).await;
                let open = port.parse().is_ok_and(|port| port == 10250 || drbd_listens(call.world, address, port));
                let word = match (up, open) {
                    (false, _) => "unreachable",
                    (true, true) => "open",
                    (true, false) => "refused",
                };
                text += &format!("{port} {word}\n");
            }
            Reply::ok(text)
        })
    }
}

/// `cutover-throughput send ADDRESS PORT SECONDS` and `cutover-throughput receive PORT SECONDS MINIMUM`. In this world
/// the sender's report, which the engine pipes to the receiver, carries the measurement.
pub(crate) struct Throughput;

impl Program for Throughput {
    fn names(&self) -> &'static [&'static str] {
        &["cutover-throughput"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            match call.args {
                [verb, address, _, seconds] if verb == "send" => {
                    let seconds: u64 = seconds.parse().unwrap_or(1);
                    if !reaches(call.world, call.place, address) {
                        tokio::time::sleep(Duration::from_secs(10)).await;
                        return Reply::fail(1, format!("cannot connect to {address}: timed out\n"));
                    }
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    let bytes = call.kernel().spec.link_bytes_per_second * seconds;
                    Reply::ok(format!("sent {bytes} bytes in {seconds}.000 s\n"))
                }
                [verb, _, seconds, minimum] if verb == "receive" => {
                    let report = String::from_utf8_lossy(&call.stdin);
                    let Some(bytes) = report.split(' ').nth(1).and_then(|word| word.parse::<u64>().ok()) else {
                        return Reply::fail(1, "nobody connected\n");
                    };
                    let (seconds, minimum) = (seconds.parse().unwrap_or(1u64), minimum.parse().unwrap_or(0u64));
                    let rate = bytes / seconds.max(1);
                    let text = format!("received {bytes} bytes in {seconds}.000 s: {rate} bytes/s\n");
                    if rate < minimum {
                        let words = format!("{rate} bytes/s is less than the minimum of {minimum} bytes/s\n");
                        return Reply { code: 1, stdout: text.into(), stderr: words.into() };
                    }
                    Reply::ok(text)
                }
                _ => Reply::fail(2, "cutover-throughput: wrong arguments\n"),
            }
        })
    }
}
