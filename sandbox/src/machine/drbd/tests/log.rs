//! What the kernel's log and the journal tell of connections.

use super::{P, Pair, S};

const JOURNAL: &str = "journalctl --no-pager -o short-unix _TRANSPORT=kernel";

/// The log of a side, without times.
async fn log(pair: &Pair, site: &str, command: &str) -> Vec<String> {
    let text = pair.ask(site, command).await;
    let message = |line: &str| line.split_once("kernel: ").map(|(_, message)| message.to_owned());
    text.lines().map(|line| message(line).unwrap_or_else(|| panic!("no entry: {line}"))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_lost_peer_is_logged_when_it_is_noticed_and_the_journal_outlives_a_boot() {
    let nine = [
        "drbd etcd0 remote_172.16.1.1: conn( Connecting -> Connected ) peer( Unknown -> Secondary )",
        "drbd etcd0 remote_172.16.1.1: conn( Connected -> NetworkFailure ) peer( Primary -> Unknown )",
        "drbd etcd0 remote_172.16.1.1: conn( NetworkFailure -> Unconnected )",
        "drbd etcd0 remote_172.16.1.1: conn( Unconnected -> Connecting )",
    ];
    let eight = [
        "drbd etcd0: conn( WFConnection -> WFReportParams ) ",
        "block drbd0: peer( Unknown -> Secondary ) conn( WFReportParams -> Connected ) pdsk( DUnknown -> Inconsistent ) ",
        "drbd etcd0: peer( Primary -> Unknown ) conn( Connected -> NetworkFailure ) pdsk( UpToDate -> DUnknown ) ",
        "drbd etcd0: conn( NetworkFailure -> Unconnected ) ",
        "drbd etcd0: conn( Unconnected -> WFConnection ) ",
    ];
    for (version, expected) in [("9.2.14", &nine[..]), ("8.4.11", &eight[..])] {
        let pair = Pair::synchronised(version).await;
        pair.all_well(P, &["drbdadm primary etcd0"]).await;
        assert!(pair.sandbox.power_off(P, "worker01"));
        let before = pair.ask(S, "date +%s").await.trim().parse::<f64>().unwrap();
        pair.wait(60).await;
        assert_eq!(log(&pair, S, JOURNAL).await, expected);
        let stamps = pair.ask(S, JOURNAL).await;
        let noticed = stamps.lines().find(|line| line.contains("NetworkFailure )")).unwrap();
        let at: f64 = noticed.split(' ').next().unwrap().parse().unwrap();
        assert!((10.0..=11.5).contains(&(at - before)), "{before} {noticed}");
        assert!(pair.sandbox.power_off(S, "worker01") && pair.sandbox.power_on(S, "worker01"));
        assert_eq!(log(&pair, S, "journalctl -k").await, [""; 0]);
        assert_eq!(log(&pair, S, JOURNAL).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn who_ends_a_connection_is_logged() {
    let pair = Pair::synchronised("9.2.14").await;
    pair.all_well(P, &["drbdadm disconnect etcd0"]).await;
    for (site, words) in [(P, ["Disconnecting", "StandAlone"]), (S, ["Unconnected", "Connecting"])] {
        let [from, to] = words;
        let last = log(&pair, site, JOURNAL).await.pop().unwrap();
        assert!(last.ends_with(&format!("conn( {from} -> {to} )")), "{last}");
    }
    assert!(log(&pair, S, JOURNAL).await.iter().any(|line| line.contains("conn( Connected -> TearDown )")));
}
