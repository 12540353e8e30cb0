//! What `net_check` reads and decides; its scripts on the real loopback.

use std::net::TcpListener;
use std::process::{Command as Process, Stdio};

use super::*;
use crate::testing;

#[test]
fn ping_is_read() {
    let real = "PING 172.16.1.1 (172.16.1.1) 56(84) bytes of data.\n\n--- 172.16.1.1 ping statistics ---\n10 packets transmitted, 9 received, 10% packet loss, time 1809ms\nrtt min/avg/max/mdev = 3.341/3.5/4.25/0.000 ms\n";
    assert_eq!((packets(real), round_trip(real)), (Some((10, 9)), Some((3.5, 4.25))));
    let errors =
        "--- x ping statistics ---\n2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1ms\n\n";
    assert_eq!((packets(errors), round_trip(errors)), (Some((2, 0)), None));
    assert_eq!(packets("ping: x: Name or service not known\n"), None);
}

#[test]
fn listeners_are_programs_only() {
    let program = "LISTEN 0 4096 [::]:7790 [::]:* users:((\"nginx\",pid=9,fd=6),(\"nginx\",pid=8,fd=6))";
    assert_eq!(listener(program), Some((7790, "nginx".to_owned())));
    assert_eq!(listener("LISTEN 0 5 172.16.1.1:7790 0.0.0.0:*"), None);
}

#[test]
fn limits_are_held_against_what_was_seen() {
    let state = |packets, rtt_ms, ports: &[(u16, &str)]| State {
        to: "172.16.2.1".into(),
        packets,
        rtt_ms,
        ports: ports.iter().map(|(port, word)| (*port, (*word).to_owned())).collect(),
        peer: Some(Place::node("standby", "worker01")),
    };
    let ping = "{ping: {max_rtt: 10ms, max_loss: 5}}";
    let answers = [(7790, "refused"), (7791, "open"), (7792, "unreachable")];
    let cases = [
        (ping, state(Some((100, 100)), Some((2.0, 9.9)), &[])),
        (ping, state(Some((100, 90)), Some((2.0, 10.1)), &[])),
        (ping, state(Some((100, 0)), None, &[])),
        ("{tcp: [7790, 7791, 7792]}", state(None, None, &answers)),
        ("{tcp: [7790, 7791, 7792], tcp_mode: listening}", state(None, None, &answers)),
        ("{tcp: [7790], tcp_mode: free}", state(None, None, &[(7790, "nginx")])),
        ("{tcp: [7790], tcp_mode: free}", state(None, None, &[])),
        ("{throughput: {min: 50MB/s}}", state(None, None, &[])),
        ("{throughput: {min: 50MB/s}, tcp: [7792]}", state(None, None, &answers[2..])),
    ];
    let shown = cases.map(|(yaml, state)| {
        let params: Params = serde_yaml::from_str(yaml).unwrap();
        format!("-- {yaml}\n{}", testing::show(&NetCheck.diff(testing::pair_context().facts(), &params, &state)))
    });
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn the_result_carries_what_was_measured() {
    use cutover_engine::world::{Exit, Output};
    let params: Params = serde_yaml::from_str("{throughput: {min: 1MB/s}}").unwrap();
    let stdout = "received 550000000 bytes in 5.000 s: 110000000 bytes/s\n".to_owned();
    let done = Done::Output(Output { exit: Exit::Code(0), stdout, stderr: String::new() });
    let result = NetCheck.result(testing::pair_context().facts(), &params, &State::default(), &[done]);
    assert_eq!(result["bytes_per_second"], 110_000_000);
}

#[test]
fn the_port_script_tells_open_from_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap().port();
    let refused = {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().port()
    };
    let [open_word, refused_word] = [open, refused].map(|port| port.to_string());
    let script = ["-c", TRY, "cutover-tcp", "127.0.0.1", &open_word, &refused_word];
    let output = Process::new("sh").args(script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{open} open\n{refused} refused\n"));
}

#[test]
fn the_throughput_script_measures_and_holds_to_the_minimum() {
    let measure = |minimum: &str| {
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port().to_string()
        };
        let start = |args: &[&str], stdin: Stdio| {
            let mut process = Process::new("sh");
            process.args(["-c", THROUGHPUT, "cutover-throughput"]).args(args);
            process.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        // As the engine does: what the sender says is the receiver's input, and late.
        let mut sender = start(&["send", "127.0.0.1", &port, "1"], Stdio::null());
        let mut report = sender.stdout.take().unwrap();
        let mut receiver = start(&["receive", &port, "1", minimum], Stdio::piped());
        let mut input = receiver.stdin.take().unwrap();
        let sent = sender.wait_with_output().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        std::io::copy(&mut report, &mut input).expect("the receiver reads what the sender says");
        drop(input);
        let received = receiver.wait_with_output().unwrap();
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        let [stdout, stderr] =
            [&received.stdout, &received.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        (received.status.code(), stdout, stderr)
    };
    let (code, stdout, stderr) = measure("1000");
    assert!(
        code == Some(0) && stdout.starts_with("received ") && stdout.trim_end().ends_with(" bytes/s"),
        "{stdout}{stderr}"
    );
    let (code, _, stderr) = measure("99000000000000");
    assert!(code == Some(1) && stderr.contains("less than the minimum of 99000000000000 bytes/s"), "{stderr}");
}
