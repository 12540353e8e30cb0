//! The rendered file against the manual's, and against the real drbdadm of both generations where it is installed.

use std::process::Command as Process;

use super::*;
use crate::testing;

/// The file of the operators' manual for the standby's worker01, without its comments.
const MANUAL: &str = include_str!("../fixtures/manual.res");

fn rendered(site: &str, generation: Generation, net: &[(&str, &str)]) -> String {
    let cx = testing::pair_context();
    let pair = &cx.inventory().pairs[0];
    let peer = if site == "primary" { "standby" } else { "primary" };
    let net = net.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    render(pair, (&pair.members[site], &pair.members[peer]), generation, &net)
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The statements of a file with the sections they are in, sorted.
fn statements(text: &str) -> Vec<String> {
    let (mut found, mut within, mut statement) = (Vec::new(), Vec::new(), String::new());
    let code = text.lines().map(|line| line.split('#').next().unwrap()).collect::<Vec<_>>().join(" ");
    for c in code.chars() {
        match c {
            '{' => within.push(squeeze(&std::mem::take(&mut statement))),
            '}' => drop(within.pop()),
            ';' => found.push(format!("{}: {}", within.join(" / "), squeeze(&std::mem::take(&mut statement)))),
            _ => statement.push(c),
        }
    }
    found.sort();
    found
}

#[test]
fn it_says_what_the_manual_says() {
    let mut ours = statements(&rendered("standby", Generation::V9, &[]));
    // The manual leaves the quorum to what global_common.conf may say.
    ours.retain(|statement| statement != "resource etcd0 / options: quorum off");
    assert_eq!(ours, statements(MANUAL));
}

#[test]
fn both_generations_have_their_grammar() {
    let net = [("verify-alg", "crc32c"), ("ping-timeout", "30")];
    let files = [rendered("primary", Generation::V9, &net), rendered("primary", Generation::V84, &[])];
    insta::assert_snapshot!(files.join("\n"));
}

/// Asks a real drbdadm what it makes of a file; `None`, with a line that says so, if it is not installed here.
fn dump(program: &str, text: &str) -> Option<Result<String, String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cke_etcd0.res");
    std::fs::write(&path, text).unwrap();
    let Ok(output) = Process::new(program).arg("-c").arg(&path).args(["dump", "etcd0"]).output() else {
        println!("SKIPPED: {program} is not installed here; install drbd-utils to run this test");
        return None;
    };
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(if output.status.success() { Ok(words(&output.stdout)) } else { Err(words(&output.stderr)) })
}

/// This machine's name: drbdadm shows only resources that live here.
fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

#[test]
fn the_real_tools_read_it_as_it_is_meant() {
    let net = [("verify-alg", "crc32c"), ("after-sb-0pri", "discard-zero-changes"), ("max-buffers", "8000")];
    for (program, generation) in [("drbdadm", Generation::V9), ("/lib/drbd/drbdadm-84", Generation::V84)] {
        let cx = testing::pair_context();
        let mut pair = cx.inventory().pairs[0].clone();
        pair.members["primary"].hostname = hostname();
        pair.members["primary"].disk = "/dev/disk/by-path/pci-0000:00:05.0".to_owned();
        for addresses in [["172.16.1.1", "172.16.2.1"], ["fd01::1", "fd01::2"]] {
            for (member, address) in pair.members.values_mut().zip(addresses) {
                member.address = address.to_owned();
            }
            let net = net.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
            let text = render(&pair, (&pair.members["primary"], &pair.members["standby"]), generation, &net);
            let Some(seen) = dump(program, &text) else { continue };
            let seen = seen.unwrap_or_else(|words| panic!("{program} refuses\n{text}\n{words}"));
            // The dump writes out what the file leaves to defaults.
            let seen = seen.replace("/dev/drbd0 minor 0", "/dev/drbd0").replace("ipv4 ", "").replace('"', "");
            assert_eq!(statements(&seen), statements(&text.replace('"', "")), "{program}: {text}\n{seen}");
        }
        // The other generation's grammar is refused by 8.4, and 9 would not find what it needs.
        if program.ends_with("84") {
            let text =
                render(&pair, (&pair.members["primary"], &pair.members["standby"]), Generation::V9, &BTreeMap::new());
            assert!(dump(program, &text).is_none_or(|seen| seen.is_err()));
        }
    }
}

/// What a real drbdadm says of a text on its standard input, with its exit code.
fn tested(program: &str, text: &str) -> Option<(String, Option<i32>)> {
    let piped = std::process::Stdio::piped;
    let child = Process::new(program).args(["-c", "-", "sh-nop"]).stdin(piped()).stderr(piped()).spawn();
    let Ok(mut child) = child else {
        println!("SKIPPED: {program} is not installed here; install drbd-utils to run this test");
        return None;
    };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some((String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code()))
}

#[test]
fn the_real_tools_test_a_text_before_it_is_a_file() {
    for (program, generation) in [("drbdadm", Generation::V9), ("/lib/drbd/drbdadm-84", Generation::V84)] {
        let good = rendered("primary", generation, &[("verify-alg", "crc32c")]);
        let Some((words, code)) = tested(program, &good) else { continue };
        assert_eq!(code, Some(0), "{program}: {words}");
        let (words, code) = tested(program, &rendered("primary", generation, &[("bogus-option", "3")])).unwrap();
        assert_eq!(code, Some(10), "{program}: {words}");
        assert!(words.contains("STDIN:6: Parse error: 'an option keyword' expected"), "{program}: {words}");
    }
}
