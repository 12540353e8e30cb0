//! What drbdadm says of a configuration. The expected texts are those of the real drbdadm 9.22 for the same files.

use cutover_engine::world::{Command, Place, TransportFault, World as _, collect};

use super::{P, Pair, resource_file};

const ON1: &str = "on worker01 { device /dev/drbd0; disk /dev/vdb; address 172.16.1.1:7790; node-id 1; }";
const ON2: &str = "on b { device /dev/drbd0; disk /dev/vdb; address 172.16.2.1:7790; node-id 2; }";

/// What `drbdadm dump r0` answers to a file, for each generation of DRBD.
async fn dump(version: &str, file: &str) -> String {
    let pair = Pair::new(version);
    pair.configure(P, file);
    let output = pair.run(P, "drbdadm dump r0").await;
    format!("{}{}[{}]", output.stdout, output.stderr, output.exit)
}

#[tokio::test(start_paused = true)]
async fn faults_of_nine() {
    let cases = [
        (
            format!("resource r0 {{\n net {{ protocl C; }}\n {ON1} {ON2} }}\n"),
            ":2: Parse error: 'an option keyword' expected,\n\tbut got 'protocl'\n",
        ),
        (
            format!("resource r0 {{\n net {{ protocol C }}\n {ON1} {ON2} }}\n"),
            ":2: Parse error: ';' expected,\n\tbut got '}' (TK 125)\n",
        ),
        (
            format!("resource r0 {{\n net {{ protocol X; }}\n {ON1} {ON2} }}\n"),
            ":2: Parse error: while parsing value ('X')\nfor protocol. Value is not valid.\nAllowed values are: A | B | C\n",
        ),
        (
            format!("resource r0 {{\n net {{ allow-two-primaries maybe; }}\n {ON1} {ON2} }}\n"),
            ":2: Parse error: while parsing value ('maybe')\nfor allow-two-primaries. Value is not 'yes' or 'no'.\n",
        ),
        (
            format!("resource r0 {{\n foo bar;\n {ON1} {ON2} }}\n"),
            ":2: Parse error: 'protocol | on | disk | net | syncer | startup | handlers | connection | ignore-on | stacked-on-top-of | skip' expected,\n\tbut got 'foo' (TK 281)\n",
        ),
        (
            format!("resource r0 {{\n on worker01 {{ foo bar; }} {ON2} }}\n"),
            ":2: Parse error: 'disk | device | address | meta-disk | flexible-meta-disk | node-id | skip' expected,\n\tbut got 'foo'\n",
        ),
        (
            format!("resourc r0 {{\n {ON1} }}\n"),
            ":1: Parse error: 'global | common | resource | skip | include |\n\trequire-drbd-module-version-{eq,ne,gt,ge,lt,le}' expected,\n\tbut got 'resourc'\n",
        ),
        (
            format!(
                "resource r0 {{\n on worker01 {{ device /dev/drbd0; disk /dev/vdb; address 172.16.1.1; node-id 1; }} {ON2} }}\n"
            ),
            ":2: Parse error: ':' expected,\n\tbut got ';' (TK 59)\n",
        ),
        (
            format!(
                "resource r0 {{\n on worker01 {{ device /dev/drbd0; disk /dev/vdb; address 172.16.1.1:7790; }} {ON2} }}\n"
            ),
            ":2: in resource r0, on worker01 { ... }: 'node-id' keyword missing.\n",
        ),
        (
            format!("resource r0 {{\n on worker01 {{ disk /dev/vdb; address 172.16.1.1:7790; node-id 1; }} {ON2} }}\n"),
            ":2: in resource r0, on worker01 { ... }: 'device' keyword missing.\n",
        ),
        (
            "resource r0 {\n options { auto-promote no; } }\n".to_owned(),
            ":1: in resource r0:\n\ta host sections ('on worker01 { ... }') is missing.\n",
        ),
    ];
    for (file, expected) in cases {
        // What is missing shows only after all was parsed, and drbdadm names the file otherwise then.
        let directory = if expected.contains("Parse error") { "drbd.d" } else { "/etc/drbd.d" };
        let expected = format!("{directory}/cke_etcd0.res{expected}[exit code 10]");
        assert_eq!(dump("9.2.14", &file).await, expected, "{file}");
    }
    let options = dump("9.2.14", &format!("resource r0 {{\n options {{ auto-promot no; }}\n {ON1} {ON2} }}\n")).await;
    assert!(options.contains(":2: Parse error: 'cpu-mask | on-no-data-accessible | auto-promote | "), "{options}");
    let twice = dump("9.2.14", &format!("resource r0 {{\n {ON1} {ON2} }}\n resource r0 {{ {ON1} {ON2} }}\n")).await;
    let file = "drbd.d/cke_etcd0.res";
    assert_eq!(
        twice,
        format!(
            "{file}:3: conflicting use of resource section 'r0' ...\n{file}:1: resource section 'r0' first used here.\n[exit code 10]"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn faults_of_eight() {
    let file = "drbd.d/cke_etcd0.res";
    let node_id = dump("8.4.11", &format!("resource r0 {{\n {ON1} {ON2} }}\n")).await;
    assert_eq!(
        node_id,
        format!(
            "{file}:2: Parse error: 'disk | device | address | meta-disk | flexible-meta-disk' expected,\n\tbut got 'node-id'\n[exit code 10]"
        )
    );
    let promote = dump("8.4.11", "resource r0 {\n options { auto-promote no; } }\n").await;
    assert_eq!(
        promote,
        format!("{file}:2: Parse error: 'an option keyword' expected,\n\tbut got 'auto-promote'\n[exit code 10]")
    );
    let (on1, on2) = (ON1.replace(" node-id 1;", ""), ON2.replace("node-id 2", "meta-disk internal"));
    let missing = dump("8.4.11", &format!("resource r0 {{\n {on1} {on2} }}\n")).await;
    assert_eq!(
        missing,
        format!(
            "{file}:2: in resource r0, on worker01 {{ ... }}: 'meta-disk' keyword missing.\n{file}:2: in resource r0, on worker01 {{ ... }}: 'meta-index' keyword missing.\n[exit code 10]"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_text_on_standard_input_is_tested_alone() {
    for version in ["9.2.14", "8.4.11"] {
        let pair = Pair::new(version);
        let test = async |text: &str| {
            let command = Command::new(["drbdadm", "-c", "-", "sh-nop"]).stdin(text);
            let output = crate::testing::run_at(&pair.sandbox, &Place::node(P, "worker01"), &command).await;
            format!("{}{}[{}]", output.stdout, output.stderr, output.exit)
        };
        let good = resource_file(P, version.starts_with('8'));
        assert_eq!(test(&good).await, "[exit code 0]");
        let bogus = good.replacen("protocol C;", "protocol C; bogus-option 3;", 1);
        let words = "STDIN:3: Parse error: 'an option keyword' expected,\n\tbut got 'bogus-option'\n[exit code 10]";
        assert_eq!(test(&bogus).await, words);
        if version.starts_with('9') {
            let words = "STDIN:9: in resource etcd0, on worker01 { ... }: 'node-id' keyword missing.\n\
                         command sh-nop exited with code 10\n[exit code 10]";
            assert_eq!(test(&good.replacen("node-id 1;", "", 1)).await, words);
        }
        // What it has itself does not matter to it.
        pair.configure(P, &bogus);
        assert_eq!(test(&good).await, "[exit code 0]");
        assert!(pair.refused(P, "drbdadm status etcd0").await.starts_with("drbd.d/cke_etcd0.res:3: Parse error"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dump_is_laid_out_as_drbdadm_does() {
    let file = "# the pair\nresource r0 {\n options { auto-promote no; quorum off; } net { verify-alg crc32c; max-buffers 10k; protocol C; allow-two-primaries no;}\n\
                device drbd5 minor 5; # both\n meta-disk internal;\n\
                on worker01 { disk \"/dev/disk/by-id/x-y\"; address ipv4 172.16.1.1:7790; node-id 1; } on b { disk /dev/vdb; address 172.16.2.1:7790; node-id 2; } }\n";
    assert_eq!(
        dump("9.2.14", file).await,
        "# resource r0 on worker01: not ignored, not stacked
# defined at /etc/drbd.d/cke_etcd0.res:2
resource r0 {
    device               /dev/drbd5 minor 5;
    meta-disk            internal;
    on worker01 {
        node-id 1;
        disk             /dev/disk/by-id/x-y;
        address          ipv4 172.16.1.1:7790;
    }
    on b {
        node-id 2;
        disk             /dev/vdb;
        address          ipv4 172.16.2.1:7790;
    }
    options {
        auto-promote      no;
        quorum           off;
    }
    net {
        verify-alg       crc32c;
        max-buffers      10k;
        protocol           C;
        allow-two-primaries  no;
    }
}

[exit code 0]"
    );
}

#[tokio::test(start_paused = true)]
async fn a_resource_of_other_hosts_or_addresses_is_not_this_hosts() {
    let pair = Pair::new("9.2.14");
    let unknown = "'etcd0' not defined in your config (for this host).\n[exit code 1]";
    pair.configure(P, &resource_file(P, false).replace("on worker01", "on worker09"));
    for line in ["drbdadm dump etcd0", "drbdadm status etcd0", "drbdadm up etcd0"] {
        assert_eq!(pair.refused(P, line).await, unknown, "{line}");
    }
    assert!(pair.ask(P, "drbdadm dump").await.contains("# resource etcd0 on worker01: ignored, not stacked\n"));
    assert!(
        pair.refused(P, "drbdadm up all")
            .await
            .starts_with("WARN: no normal resources defined for this host (worker01)!?\n")
    );
    pair.configure(P, &resource_file(P, false).replace("172.16.1.1", "172.16.9.9"));
    let wrong = "/etc/drbd.d/cke_etcd0.res: in resource etcd0, on worker01:\n\tIP 172.16.9.9 not found on this host.\n[exit code 10]";
    assert_eq!(pair.refused(P, "drbdadm up etcd0").await, wrong);
    assert_eq!(
        pair.refused(P, "drbdadm frobnicate etcd0").await,
        "drbdadm: Unknown command 'frobnicate'\n[exit code 1]"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_real_one_knows_and_this_one_does_not_is_named() {
    let pair = Pair::new("9.2.14");
    for (file, word) in [
        ("include \"more/*.res\";\n".to_owned(), "include"),
        (format!("resource r0 {{\n {ON1} {ON2}\n connection {{ host worker01; host b; }} }}\n"), "connection"),
        ("resource r0 {\n floating ipv4 10.0.0.1:7000 { }\n}\n".to_owned(), "floating"),
    ] {
        pair.configure(P, &file);
        let transport = pair.sandbox.transport(&Place::node(P, "worker01")).await.unwrap();
        let fault = collect(transport.as_ref(), &Command::new(["drbdadm", "dump", "r0"])).await.unwrap_err();
        assert!(
            matches!(&fault, TransportFault::Unsimulated(what) if what.starts_with(&format!("'{word}' in drbd.d"))),
            "{fault:?}"
        );
        let last = pair.sandbox.gaps().pop().unwrap();
        assert_eq!((last.name.as_str(), last.what.contains(word)), ("drbd-configuration", true));
    }
}
