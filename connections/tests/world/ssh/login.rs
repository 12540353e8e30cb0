//! Logging in over SSH, and every way in which that fails: each with the hint a person needs.

use std::fs;
use std::net::TcpListener;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use cutover_engine::world::{Command, Exit, TransportFault, collect, pipe};

use super::sshd::{Sshd, eventually, keygen, node, whoami};

async fn refused(world: &cutover_connections::RealWorld) -> TransportFault {
    node(world).await.map(drop).unwrap_err()
}

#[tokio::test]
async fn an_unknown_host_is_refused_with_its_fingerprint_and_what_to_type() {
    let Some(sshd) = Sshd::start() else { return };
    let printed = Process::new("ssh-keygen").arg("-lf").arg(sshd.path("host.pub")).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let fingerprint = printed.split_whitespace().nth(1).unwrap();
    fs::write(sshd.path("known_hosts"), "").unwrap();
    let fault = refused(&sshd.world("")).await;
    let TransportFault::HostKey(why) = &fault else { panic!("{fault}") };
    assert!(why.contains("not known") && why.contains(fingerprint), "{why}");
    assert!(why.contains(&format!("ssh-keyscan -p {} 127.0.0.1 >>", sshd.port)), "{why}");
}

#[tokio::test]
async fn a_changed_host_key_is_refused_with_both_fingerprints() {
    let Some(sshd) = Sshd::start() else { return };
    let other = fs::read_to_string(sshd.path("other.pub")).unwrap();
    fs::write(sshd.path("known_hosts"), format!("# old\n[127.0.0.1]:{} {other}", sshd.port)).unwrap();
    let fault = refused(&sshd.world("")).await;
    let TransportFault::HostKey(why) = &fault else { panic!("{fault}") };
    assert!(why.contains("has changed") && why.matches("SHA256:").count() == 2, "{why}");
    assert!(why.contains(&format!("ssh-keygen -R '[127.0.0.1]:{}'", sshd.port)), "{why}");
}

#[tokio::test]
async fn a_host_with_several_keys_is_known_by_any_of_them() {
    let Some(plain) = Sshd::start() else { return };
    let rsa = plain.path("rsa");
    let made = Process::new("ssh-keygen").args(["-q", "-t", "rsa", "-N", "", "-f"]).arg(&rsa).status().unwrap();
    assert!(made.success());
    let sshd = Sshd::start_with(&format!("HostKey {}", rsa.display())).unwrap();
    let public = fs::read_to_string(plain.path("rsa.pub")).unwrap();
    fs::write(sshd.path("known_hosts"), format!("[127.0.0.1]:{} {public}", sshd.port)).unwrap();
    assert!(node(&sshd.world("")).await.is_ok(), "only its RSA key is on file, and it has an ed25519 key, too");
    let hashed = Process::new("ssh-keygen").arg("-Hf").arg(sshd.path("known_hosts")).output().unwrap();
    assert!(hashed.status.success());
    assert!(node(&sshd.world("")).await.is_ok(), "a hashed file is read, too");
}

#[tokio::test]
async fn a_wrong_key_is_an_auth_fault() {
    let Some(sshd) = Sshd::start() else { return };
    let user = whoami();
    let wrong = sshd.world_with(&format!("user: {user}, key: {}", sshd.path("other").display()));
    let fault = refused(&wrong).await;
    assert!(matches!(&fault, TransportFault::Auth(why) if why.contains("authorized_keys")), "{fault}");
    let missing = sshd.world_with(&format!("user: {user}, key: /nowhere/id"));
    let fault = refused(&missing).await;
    assert!(matches!(&fault, TransportFault::Auth(why) if why.contains("cannot read the key /nowhere/id")), "{fault}");
    let password = sshd.world_with(&format!("user: {user}, password: word"));
    let fault = refused(&password).await;
    assert!(matches!(&fault, TransportFault::Auth(why) if why.contains("PasswordAuthentication")), "{fault}");
}

#[tokio::test]
async fn an_encrypted_key_opens_with_its_secret_and_not_without() {
    let Some(sshd) = Sshd::start() else { return };
    let key = format!("user: {}, key: {}", whoami(), sshd.path("locked").display());
    assert!(node(&sshd.world_with(&format!("{key}, passphrase: word"))).await.is_ok());
    let fault = refused(&sshd.world_with(&key)).await;
    assert!(matches!(&fault, TransportFault::Auth(why) if why.contains("ssh.passphrase")), "{fault}");
}

#[tokio::test]
async fn where_nobody_listens_is_unreachable() {
    let Some(mut sshd) = Sshd::start() else { return };
    sshd.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let fault = refused(&sshd.world("")).await;
    assert!(matches!(&fault, TransportFault::Unreachable(why) if why.contains("refused")), "{fault}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    sshd.port = silent.local_addr().unwrap().port();
    let fault = refused(&sshd.world("connect_timeout: 500ms")).await;
    assert!(matches!(&fault, TransportFault::Unreachable(why) if why.contains("within 500ms")), "{fault}");
}

#[tokio::test]
async fn a_host_that_cuts_the_connection_is_likely_to_answer_later() {
    let Some(mut sshd) = Sshd::start() else { return };
    let (known, own) = (fs::read_to_string(sshd.path("known_hosts")).unwrap(), sshd.port);
    let cuts = TcpListener::bind("127.0.0.1:0").unwrap();
    sshd.port = cuts.local_addr().unwrap().port();
    std::thread::spawn(move || while cuts.accept().is_ok() {});
    let by_key = known.replace(&format!(":{own} "), &format!(":{} ", sshd.port));
    assert_ne!(known, by_key);
    for known in [known, by_key] {
        fs::write(sshd.path("known_hosts"), &known).unwrap();
        let fault = refused(&sshd.world("")).await;
        assert!(matches!(&fault, TransportFault::Busy { why, .. } if why.contains("127.0.0.1")), "{known}: {fault:?}");
    }
}

#[tokio::test]
async fn a_jump_host_leads_to_the_host_behind_it() {
    let Some(jump) = Sshd::start() else { return };
    let sshd = Sshd::start().unwrap();
    let known = |from: &Sshd| fs::read_to_string(from.path("known_hosts")).unwrap();
    fs::write(sshd.path("known_hosts"), known(&sshd) + &known(&jump)).unwrap();
    let public = fs::read_to_string(sshd.path("id.pub")).unwrap();
    fs::write(jump.path("authorized_keys"), public).unwrap();
    let through = format!("jump: '{}@127.0.0.1:{}'", whoami(), jump.port);
    let world = sshd.world(&through);
    let transport = node(&world).await.unwrap();
    let output = collect(&*transport, &Command::new(["sh", "-c", "echo $SSH_CONNECTION"])).await.unwrap();
    assert_eq!(output.stdout.split_whitespace().last(), Some(sshd.port.to_string().as_str()));
    let (read, write) = (Command::new(["head", "-c", "32M", "/dev/zero"]), Command::new(["wc", "-c"]));
    let (_, received) = pipe((&*transport, &read), (&*transport, &write)).await.unwrap();
    assert_eq!(received.stdout.trim(), "33554432");

    fs::write(sshd.path("known_hosts"), known(&jump)).unwrap();
    let fault = refused(&sshd.world(&through)).await;
    assert!(matches!(&fault, TransportFault::HostKey(why) if why.contains("SHA256:")), "behind it: {fault}");
    drop(jump);
    let fault = refused(&sshd.world(&through)).await;
    assert!(matches!(&fault, TransportFault::Unreachable(why) if why.contains("jump host")), "{fault}");
}

/// Runs only in the process that the next test starts, whose environment names an agent.
#[tokio::test]
#[ignore = "needs an agent of its own; `the_agent_lends_its_keys` runs it"]
async fn with_the_agent_of_the_environment() {
    let sshd = Sshd::start().unwrap();
    let world = sshd.world_with(&format!("user: {}", whoami()));
    let fault = refused(&world).await;
    assert!(
        matches!(&fault, TransportFault::Auth(why) if why.contains("the agent has no keys")),
        "no key yet: {fault}"
    );
    assert!(Process::new("ssh-add").arg("-q").arg(sshd.path("id")).status().unwrap().success());
    node(&world).await.map(drop).unwrap_or_else(|fault| panic!("{fault}"));

    // Eight keys before the right one, of a host that ends a connection after six failures.
    let add = |name: &str| assert!(Process::new("ssh-add").arg("-q").arg(sshd.path(name)).status().unwrap().success());
    assert!(Process::new("ssh-add").args(["-q", "-D"]).status().unwrap().success());
    for number in 0..8 {
        let path = sshd.path(&format!("wrong{number}"));
        keygen(&path, "");
        add(&format!("wrong{number}"));
    }
    add("id");
    let world = sshd.world_with(&format!("user: {}", whoami()));
    node(&world).await.map(drop).unwrap_or_else(|fault| panic!("the ninth key: {fault}"));
    let log = || fs::read_to_string(sshd.path("log")).unwrap();
    assert!(log().contains("Too many authentication failures"), "{}", log());

    let failures = log().matches("Failed publickey").count();
    let named = sshd.world_with(&format!("user: {}, key: {}", whoami(), sshd.path("id.pub").display()));
    node(&named).await.map(drop).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(log().matches("Failed publickey").count(), failures, "the named key is the only one that is offered");
    let other = sshd.world_with(&format!("user: {}, key: {}", whoami(), sshd.path("other.pub").display()));
    let fault = refused(&other).await;
    assert!(matches!(&fault, TransportFault::Auth(why) if why.contains("does not have them")), "{fault}");

    let strict = Sshd::start_with("MaxAuthTries 1").unwrap();
    let fault = refused(&strict.world_with(&format!("user: {}", whoami()))).await;
    assert!(
        matches!(&fault, TransportFault::Auth(why) if why.contains("MaxAuthTries") && why.contains("FILE.pub")),
        "{fault}"
    );
}

#[tokio::test]
async fn the_agent_lends_its_keys() {
    let Some(sshd) = Sshd::start() else { return };
    let socket = sshd.path("agent");
    let mut agent = Process::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    eventually(Duration::from_secs(5), "the agent listens", || socket.exists()).await;
    let test = ["--exact", "ssh::login::with_the_agent_of_the_environment", "--ignored", "--nocapture"];
    let with = |socket: &std::path::Path| {
        let mut process = Process::new(std::env::current_exe().unwrap());
        process.args(test).env("SSH_AUTH_SOCK", socket).output().unwrap()
    };
    let (there, gone) = (with(&socket), with(std::path::Path::new("/nowhere")));
    let _ = agent.kill();
    let _ = agent.wait();
    let stdout = String::from_utf8_lossy(&there.stdout);
    assert!(
        there.status.success() && stdout.contains("1 passed"),
        "{stdout}{}",
        String::from_utf8_lossy(&there.stderr)
    );
    let stderr = String::from_utf8_lossy(&gone.stderr);
    assert!(!gone.status.success() && stderr.contains("no agent answers at SSH_AUTH_SOCK"), "{stderr}");
}

/// A user that is made for a test and removed after it.
struct User(&'static str);

impl User {
    fn add(name: &'static str) -> Option<Self> {
        if whoami() != "root" {
            println!("SKIPPED: only root can add a user to log in as");
            return None;
        }
        let _ = Process::new("userdel").args(["-f", "-r", name]).output();
        let hash = Process::new("openssl").args(["passwd", "-6", "open sesame"]).output();
        let Ok(hash) = hash else {
            println!("SKIPPED: no openssl to hash the password of a user with");
            return None;
        };
        let hash = String::from_utf8(hash.stdout).unwrap();
        let added = Process::new("useradd").args(["-m", "-s", "/bin/sh", "-p", hash.trim(), name]).output();
        if !added.as_ref().is_ok_and(|output| output.status.success()) {
            println!("SKIPPED: cannot add a user to log in as: {added:?}");
            return None;
        }
        Some(Self(name))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Process::new("userdel").args(["-f", "-r", self.0]).output();
    }
}

#[tokio::test]
async fn a_user_logs_in_with_a_password_and_becomes_root_only_if_allowed() {
    // In this order: a user who is logged in cannot be removed.
    let Some(user) = User::add("cutover-test") else { return };
    let Some(sshd) = Sshd::start_with("PasswordAuthentication yes") else { return };
    let login = format!("user: {}, password: word", user.0);
    let world = sshd.world_with(&login);
    let who = collect(&*node(&world).await.unwrap(), &Command::new(["id", "-un"])).await.unwrap();
    assert_eq!(who.stdout, "cutover-test\n");

    let world = sshd.world_with(&format!("{login}, become: true"));
    let transport = node(&world).await.unwrap();
    let fault = collect(&*transport, &Command::new(["id", "-un"])).await.unwrap_err();
    if !std::path::Path::new("/usr/bin/sudo").exists() {
        assert!(matches!(&fault, TransportFault::Unreachable(why) if why.contains("no sudo")), "{fault}");
        println!("SKIPPED: no sudo on this machine to be refused by or to become root with; install sudo");
        return;
    }
    assert!(matches!(&fault, TransportFault::Auth(why) if why.contains("NOPASSWD")), "{fault}");
    let rule = "/etc/sudoers.d/cutover-test";
    fs::write(rule, "cutover-test ALL=(root) NOPASSWD: ALL\n").unwrap();
    let mut command = Command::new(["sh", "-c", "id -un; printf %s \"$WORD\"; cat; kill -TERM $$"]).stdin("in");
    command.env.insert("WORD".to_owned(), "a b".to_owned());
    let output = collect(&*transport, &command).await;
    fs::remove_file(rule).unwrap();
    let output = output.unwrap();
    assert_eq!((output.exit, output.stdout.as_str()), (Exit::Signal("TERM".to_owned()), "root\na bin"));
}

#[tokio::test]
async fn a_host_that_asks_for_the_password_gets_it_and_nothing_else() {
    let Some(user) = User::add("cutover-ask") else { return };
    let asking = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no";
    let Some(sshd) = Sshd::start_with(asking) else { return };
    let world = sshd.world_with(&format!("user: {}, password: word", user.0));
    let who = collect(&*node(&world).await.unwrap(), &Command::new(["id", "-un"])).await.unwrap();
    assert_eq!(who.stdout, "cutover-ask\n");
    let log = fs::read_to_string(sshd.path("log")).unwrap();
    assert!(log.contains("Accepted keyboard-interactive") && !log.contains("Failed"), "{log}");

    let wrong = sshd.world_with("user: nobody, password: word");
    let fault = refused(&wrong).await;
    assert!(matches!(&fault, TransportFault::Auth(why) if why.contains("refuses the password")), "{fault}");
}

#[tokio::test]
async fn the_configuration_of_openssh_leads_to_the_host() {
    let Some(jump) = Sshd::start() else { return };
    let sshd = Sshd::start().unwrap();
    fs::write(jump.path("authorized_keys"), fs::read_to_string(sshd.path("id.pub")).unwrap()).unwrap();
    let keys = |from: &Sshd| fs::read_to_string(from.path("known_hosts")).unwrap();
    fs::write(sshd.path("both"), keys(&jump)).unwrap();
    let host = fs::read_to_string(sshd.path("host.pub")).unwrap();
    fs::write(sshd.path("aliased"), format!("db-host {host}")).unwrap();
    let folder = sshd.path(".ssh");
    fs::create_dir(&folder).unwrap();
    let config = format!(
        "Include conf.d/*\nHost bastion\n HostName 127.0.0.1\n Port {}\nHost 127.0.0.1\n Port {}\n ProxyJump bastion\n HostKeyAlias db-host\n\
         Host *\n User {}\n IdentityFile {}\n UserKnownHostsFile {} {}\n",
        jump.port,
        sshd.port,
        whoami(),
        sshd.path("id").display(),
        sshd.path("both").display(),
        sshd.path("aliased").display(),
    );
    fs::write(folder.join("config"), config).unwrap();
    let world = sshd.configured();
    let transport = node(&world).await.unwrap_or_else(|fault| panic!("{fault}"));
    let output = collect(&*transport, &Command::new(["sh", "-c", "echo $SSH_CONNECTION"])).await.unwrap();
    assert_eq!(output.stdout.split_whitespace().last(), Some(sshd.port.to_string().as_str()));
    let log = fs::read_to_string(jump.path("log")).unwrap();
    assert!(log.contains("Accepted publickey"), "through the jump host: {log}");

    fs::write(sshd.path("aliased"), "").unwrap();
    let fault = refused(&sshd.configured()).await;
    assert!(matches!(&fault, TransportFault::HostKey(why) if why.starts_with("db-host is not known")), "{fault}");
    fs::write(folder.join("config"), "Host *\n ProxyCommand nc %h %p\n").unwrap();
    let fault = refused(&sshd.configured()).await;
    assert!(
        matches!(&fault, TransportFault::Unreachable(why) if why.contains("config line 2: `proxycommand")),
        "{fault}"
    );
}
