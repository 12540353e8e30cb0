//! What is made of the kernel's log, for lines as the two generations write them.

use super::*;

/// A standby's log of 8.4: contact, the peer dies, it comes back, it dies again.
const LOG_84: &str = "\
1732540000.100000 worker01 kernel: drbd etcd0: conn( StandAlone -> Unconnected ) 
1732540000.200000 worker01 kernel: drbd etcd0: conn( Unconnected -> WFConnection ) 
1732540001.300000 worker01 kernel: drbd etcd0: conn( WFConnection -> WFReportParams ) 
1732540001.400000 worker01 kernel: drbd etcd0/0 drbd0: peer( Unknown -> Secondary ) conn( WFReportParams -> Connected ) pdsk( DUnknown -> UpToDate ) 
1732543600.500000 worker01 kernel: drbd etcd0: peer( Primary -> Unknown ) conn( Connected -> NetworkFailure ) pdsk( UpToDate -> DUnknown ) 
1732543600.600000 worker01 kernel: drbd etcd0: conn( NetworkFailure -> Unconnected ) 
1732543600.700000 worker01 kernel: drbd etcd0: conn( Unconnected -> WFConnection ) 
";

/// The same of 9, which names the peer and in later versions adds a word.
const LOG_9: &str = "\
1732540000.100000 worker01 kernel: drbd etcd0 remote_172.16.1.1: conn( StandAlone -> Unconnected )
1732540000.200000 worker01 kernel: drbd etcd0 remote_172.16.1.1: conn( Unconnected -> Connecting ) [connecting]
1732540001.300000 worker01 kernel: drbd etcd0 remote_172.16.1.1: conn( Connecting -> Connected ) peer( Unknown -> Secondary )
1732543600.500000 worker01 kernel: drbd etcd0 remote_172.16.1.1: conn( Connected -> NetworkFailure ) peer( Primary -> Unknown )
1732543600.600000 worker01 kernel: drbd etcd0 remote_172.16.1.1: conn( NetworkFailure -> Unconnected ) [disconnected]
1732543600.700000 worker01 kernel: drbd etcd0 remote_172.16.1.1: conn( Unconnected -> Connecting ) [connecting]
";

fn parse(lines: &str) -> Result<Log, Text> {
    Log::parse(&format!("now 1732550000\nbegins 1732000000.5\n{lines}"), "etcd0")
}

fn last(lines: &str) -> Last {
    parse(lines).expect("it is understood").last
}

fn at(seconds: &str) -> Timestamp {
    stamp(seconds).expect("a time")
}

/// The first lines of a log.
fn head(log: &str, lines: usize) -> String {
    log.split_inclusive('\n').take(lines).collect()
}

#[test]
fn the_last_parting_counts_in_both_generations() {
    for log in [LOG_84, LOG_9] {
        assert_eq!(last(log), Last::Lost(at("1732543600.5")));
        let again = log.replace("17325", "17326");
        assert_eq!(last(&(log.to_owned() + &again)), Last::Lost(at("1732643600.5")), "the newer one");
    }
    // Out of a resync, by the peer's wish, by the own.
    let others = [("Connected -> NetworkFailure", "SyncTarget -> BrokenPipe"), ("NetworkFailure", "TearDown")];
    for (from, to) in others {
        assert_eq!(last(&LOG_84.replacen(from, to, 1)), Last::Lost(at("1732543600.5")), "{to}");
    }
}

#[test]
fn a_node_that_went_down_in_contact_does_not_know_its_end() {
    for (log, met, booted) in [(LOG_84, 4, 2), (LOG_9, 3, 2)] {
        let crashed = head(log, met) + &head(log, booted).replace("17325", "17326");
        assert_eq!(last(&crashed), Last::Met(at("1732540001.3")), "the boot alone is not a contact");
        assert_eq!(last(&head(log, booted)), Last::Nothing);
    }
}

#[test]
fn a_handshake_that_fails_is_not_a_contact() {
    let split_84 = "\
1732547000.300000 worker01 kernel: drbd etcd0: conn( WFConnection -> WFReportParams ) 
1732547000.400000 worker01 kernel: block drbd0: Split-Brain detected but unresolved, dropping connection!
1732547000.500000 worker01 kernel: drbd etcd0: conn( WFReportParams -> Disconnecting ) 
1732547000.600000 worker01 kernel: drbd etcd0: conn( Disconnecting -> StandAlone ) 
";
    let split_9 = "\
1732547000.500000 worker01 kernel: drbd etcd0 remote_172.16.1.1: conn( Connecting -> Disconnecting )
1732547000.600000 worker01 kernel: drbd etcd0 remote_172.16.1.1: conn( Disconnecting -> StandAlone )
";
    for (log, split) in [(LOG_84, split_84), (LOG_9, split_9)] {
        assert_eq!(last(&(log.to_owned() + split)), Last::Lost(at("1732543600.5")));
        assert_eq!(last(split), Last::Nothing);
    }
}

#[test]
fn lines_of_others_do_not_count_and_strange_words_are_named() {
    for other in ["etcd01", "etcd0-backup", "etcd00 remote"] {
        assert_eq!(last(&LOG_84.replace("drbd etcd0:", &format!("drbd {other}:"))), Last::Nothing, "{other}");
    }
    let fault = parse(&LOG_9.replace("NetworkFailure", "Napping")).unwrap_err();
    assert_eq!(fault, "`Napping` is not a connection state that is known here");
    assert_eq!(parse("").unwrap().begins, Some(at("1732000000.5")));
    assert_eq!(Log::parse("now 1\nbegins \n", "etcd0").unwrap().begins, None);
    assert_eq!(Log::parse("", "etcd0").unwrap_err(), "`` is not `now TIME`");
    assert_eq!(Log::parse("now soon\n", "etcd0").unwrap_err(), "`soon` is not a time in seconds since 1970");
}

/// The script itself, with a journal that is a file.
#[test]
fn the_script_reads_the_journal_and_nothing_else() {
    use std::process::Command as Process;

    let directory = std::env::temp_dir().join(format!("cutover-drbd-log-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let journal = directory.join("journal");
    let noise = "-- Journal begins at Mon --\n1732539000.000000 worker01 kernel: Linux version 5.4\n";
    std::fs::write(&journal, format!("{noise}{LOG_9}1732549000.0 worker01 kernel: drbd etcd1: conn( x -> y )\n"))
        .unwrap();
    let program = directory.join("journalctl");
    let text = format!(
        "#!/bin/sh\n[ \"$*\" = '--no-pager -o short-unix _TRANSPORT=kernel' ] || exit 9\ncat {}\n",
        journal.display()
    );
    // Another process writes it: what this one has open for writing may be open in a program that another test starts meanwhile.
    let mut writer = Process::new("/bin/sh");
    writer.args(["-c", "printf %s \"$1\" >\"$2\" && chmod 755 \"$2\"", "sh", &text]).arg(&program);
    assert!(writer.status().unwrap().success());
    let run = |path: String| {
        Process::new("/bin/sh").args(["-c", SCRIPT, "cutover-drbd-log", "etcd0"]).env("PATH", path).output().unwrap()
    };
    let output = run(format!("{}:/usr/bin:/bin", directory.display()));
    let text = String::from_utf8(output.stdout).unwrap();
    let log = Log::parse(&text, "etcd0").expect("it is understood");
    assert_eq!((log.begins, log.last), (Some(at("1732539000")), Last::Lost(at("1732543600.5"))), "{text}");
    assert!(log.now > at("1732539000") && !text.contains("etcd1"), "{text}");
    let without = run("/nowhere".to_owned());
    assert_eq!(without.status.code(), Some(127));
    assert_eq!(String::from_utf8(without.stderr).unwrap(), "journalctl: not found\n");
    std::fs::remove_dir_all(&directory).unwrap();
}
