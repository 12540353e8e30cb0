//! Which host keys are accepted: each case is tried with OpenSSH's own client as well, which has to come to the same verdict.

use std::fs;
use std::process::{Command as Process, Stdio};

use cutover_engine::world::TransportFault;

use super::sshd::{Sshd, keygen, node, whoami};

/// Whether `ssh` accepts the host with this known_hosts file.
fn openssh_accepts(sshd: &Sshd) -> bool {
    let mut ssh = Process::new("ssh");
    ssh.args([
        "-F",
        "none",
        "-T",
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "IdentitiesOnly=yes",
    ]);
    ssh.args(["-o", "GlobalKnownHostsFile=/dev/null", "-p", &sshd.port.to_string()]);
    ssh.arg("-o").arg(format!("UserKnownHostsFile={}", sshd.path("known_hosts").display()));
    ssh.arg("-i").arg(sshd.path("id")).arg(format!("{}@127.0.0.1", whoami())).arg("true");
    ssh.stdin(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// Tries a known_hosts file; the refusal, if it is one. OpenSSH agrees.
async fn refusal(sshd: &Sshd, known_hosts: &str) -> Option<String> {
    fs::write(sshd.path("known_hosts"), known_hosts).unwrap();
    let certificate = Process::new("ssh-keygen").arg("-Lf").arg(sshd.path("host-cert.pub")).output().unwrap();
    let certificate = String::from_utf8_lossy(&certificate.stdout).into_owned();
    let refused = match node(&sshd.world("")).await {
        Ok(_) => None,
        Err(TransportFault::HostKey(why)) => Some(why),
        Err(fault) => panic!("{fault} with {known_hosts}"),
    };
    assert_eq!(refused.is_none(), openssh_accepts(sshd), "OpenSSH with {known_hosts}{certificate}: {refused:?}");
    refused
}

fn public(sshd: &Sshd, name: &str) -> String {
    fs::read_to_string(sshd.path(&format!("{name}.pub"))).unwrap().trim().to_owned()
}

#[tokio::test]
async fn lines_count_as_they_do_for_openssh() {
    let Some(sshd) = Sshd::start() else { return };
    let (port, key, other) = (sshd.port, public(&sshd, "host"), public(&sshd, "other"));
    let accepted = [
        format!("[127.0.0.*]:{port} {key}\n"),
        format!("*,!other.example {key}\n"),
        format!("127.0.0.1 {key}\n"),
        format!("127.0.0.? {key}\n"),
        format!("[127.0.0.1]:{port} {other}\n[127.0.0.1]:{port} {key}\n"),
        format!("127.0.0.1 {other}\n[127.0.0.1]:{port} {key}\n"),
        format!("@revoked * {other}\n127.0.0.1 {key}\n"),
        format!("@cert-authority * {other}\n127.0.0.1 {key}\n"),
    ];
    for text in accepted {
        assert_eq!(refusal(&sshd, &text).await, None, "{text}");
    }
    let refused = [
        (format!("[127.0.0.1]:{port} {key}\n@revoked * {key}\n"), "is revoked"),
        (format!("@revoked [127.0.0.1]:{port} {key}\n127.0.0.1 {key}\n"), "is revoked"),
        (format!("@revoked * {key}\n"), "line 1 revokes"),
        (format!("*,![127.0.0.1]:{port},!127.0.0.1 {key}\n"), "is not known"),
        (format!("[127.0.0.1]:{port} {other}\n127.0.0.1 {key}\n"), "has changed"),
        (format!("[127.0.0.1]:1 {key}\n"), "is not known"),
        (format!("@cert-authority * {key}\n"), "shows no certificate"),
    ];
    for (text, words) in refused {
        let why = refusal(&sshd, &text).await.unwrap();
        assert!(why.contains(words) && why.contains("SHA256:"), "{text}: {why}");
    }
}

/// Makes a certificate for the host's key.
fn certify(sshd: &Sshd, authority: &str, more: &[&str]) {
    let mut keygen = Process::new("ssh-keygen");
    keygen.args(["-q", "-s"]).arg(sshd.path(authority)).args(["-I", "db-host"]).args(more).arg(sshd.path("host.pub"));
    assert!(keygen.stderr(Stdio::null()).status().unwrap().success());
}

#[tokio::test]
async fn a_certificate_counts_if_an_authority_vouches_for_this_host_now() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let Some(mut sshd) = Sshd::start() else { return };
        for authority in ["authority", "stranger"] {
            let mut make = Process::new("ssh-keygen");
            make.args(["-q", "-t", kind, "-N", "", "-f"]).arg(sshd.path(authority));
            assert!(make.status().unwrap().success());
        }
        keygen(&sshd.path("user"), "");
        let line = format!("HostCertificate {}", sshd.path("host-cert.pub").display());
        let trusted = format!("@cert-authority [127.0.0.*]:{} {}\n", sshd.port, public(&sshd, "authority"));
        let cases: [(&str, &[&str], Option<&str>); 7] = [
            ("authority", &["-h", "-n", "127.0.0.1"], None),
            ("authority", &["-h", "-n", "127.0.0.*"], Some("valid for 127.0.0.*, not for")),
            ("authority", &["-h"], None),
            ("authority", &["-h", "-n", "elsewhere"], Some("valid for elsewhere, not for 127.0.0.1")),
            ("authority", &["-h", "-V", "20200101:20210101"], Some("it expired at 202")),
            ("authority", &["-h", "-V", "20900101:20910101"], Some("not valid yet")),
            ("stranger", &["-h"], Some("not an authority for this host")),
        ];
        let count = if kind == "ed25519" { cases.len() } else { 1 };
        for (authority, more, words) in cases.into_iter().take(count) {
            certify(&sshd, authority, more);
            sshd.restart(&line);
            let why = refusal(&sshd, &trusted).await;
            match words {
                None => assert_eq!(why, None, "{kind} {more:?}"),
                Some(words) => {
                    let why = why.unwrap();
                    assert!(why.contains(words) && why.contains("`db-host`"), "{kind} {more:?}: {why}");
                }
            }
        }
        certify(&sshd, "authority", &["-h"]);
        sshd.restart(&line);
        let revoked = format!("{trusted}@revoked * {}\n", public(&sshd, "authority"));
        assert!(refusal(&sshd, &revoked).await.unwrap().contains("its authority is revoked"));
        let revoked = format!("{trusted}@revoked * {}\n", public(&sshd, "host"));
        assert!(refusal(&sshd, &revoked).await.unwrap().contains("is revoked"));
        let anywhere = format!("@cert-authority 127.0.0.1 {}\n", public(&sshd, "authority"));
        assert_eq!(refusal(&sshd, &anywhere).await, None, "named without the port");
    }
}
