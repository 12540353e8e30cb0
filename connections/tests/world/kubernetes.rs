//! Clients for API servers, against a stand-in on loopback that speaks just enough HTTP and WebSocket: contexts, identity,
//! refusals, exec.

use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_connections::RealWorld;
use cutover_engine::inventory::{SecretSource, Secrets, load};
use cutover_engine::world::{Command, Exit, Place, TransportFault, World as _, collect};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// The API server: its port and the requests it has seen.
pub(crate) struct Api {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    authorization: Arc<Mutex<Option<String>>>,
}

impl Api {
    /// Answers every request with the result of `answer` for its first line.
    pub(crate) async fn start(answer: fn(&str) -> (u16, Value)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let (log, authorization) = (Arc::clone(&seen), Arc::new(Mutex::new(None)));
        let sent = Arc::clone(&authorization);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, Arc::clone(&log), Arc::clone(&sent)));
            }
        });
        Self { port, seen, authorization }
    }

    /// The credentials of the last request.
    pub(crate) fn last_authorization(&self) -> Option<String> {
        self.authorization.lock().unwrap().clone()
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: fn(&str) -> (u16, Value),
    log: Arc<Mutex<Vec<String>>>,
    sent: Arc<Mutex<Option<String>>>,
) {
    let mut head = vec![0; 8192];
    loop {
        let length = stream.peek(&mut head).await.unwrap_or(0);
        let text = String::from_utf8_lossy(&head[..length]).into_owned();
        if length == 0 {
            return;
        }
        let Some(end) = text.find("\r\n\r\n") else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let line = text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let authorization = text.lines().find_map(|line| line.strip_prefix("authorization: "));
        sent.lock().unwrap().clone_from(&authorization.map(str::to_owned));
        log.lock().unwrap().push(line.clone());
        if line.contains("/pods/locked-0/exec?") {
            let body = forbidden(&line).1.to_string();
            let head = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length";
            let reply = format!("{head}: {}\r\n\r\n{body}", body.len());
            return stream.write_all(reply.as_bytes()).await.unwrap();
        }
        if line.contains("/exec?") {
            return exec(stream, &line).await;
        }
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut taken = vec![0; end + 4 + length.parse::<usize>().unwrap()];
        stream.read_exact(&mut taken).await.unwrap();
        if line.contains("/cut") {
            return;
        }
        let (code, body) = answer(&line);
        let body = match body {
            Value::String(plain) => plain,
            body => body.to_string(),
        };
        let warning = if line.contains("v1beta1") { "warning: 299 - \"v1beta1 is deprecated\"\r\n" } else { "" };
        let reply = format!(
            "HTTP/1.1 {code} X\r\n{warning}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(reply.as_bytes()).await.unwrap();
    }
}

/// A command in a pod that prints its arguments and input, and exits with 3; or is cut off, if its name is `cut`.
async fn exec(stream: TcpStream, line: &str) {
    let accept = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        response.headers_mut().insert("sec-websocket-protocol", "v5.channel.k8s.io".parse().unwrap());
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, accept).await.unwrap();
    let mut input = Vec::new();
    if line.contains("stdin=true") {
        while let Some(Ok(message)) = socket.next().await {
            match message.into_data().as_ref() {
                [255, 0] => break,
                [0, bytes @ ..] => input.extend_from_slice(bytes),
                _ => {}
            }
        }
    }
    let mut send = async |channel: u8, bytes: &[u8]| {
        let frame = [&[channel], bytes].concat();
        socket.send(Message::binary(frame)).await.unwrap();
    };
    send(1, &input).await;
    send(2, b"to stderr\n").await;
    if line.contains("command=cut") {
        return;
    }
    let status = json!({"status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with exit code 3",
                        "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}});
    send(3, status.to_string().as_bytes()).await;
    let _ = socket.close(None).await;
}

pub(crate) fn answer(line: &str) -> (u16, Value) {
    match line {
        "GET /api/v1/namespaces/kube-system?" | "GET /api/v1/namespaces/kube-system" => {
            (200, json!({"metadata": {"name": "kube-system", "uid": "11-22"}}))
        }
        "GET /api/v1/namespaces/common/pods/etcd-0" => (
            200,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "etcd-0"},
                   "spec": {"containers": [{"name": "etcd"}, {"name": "metrics"}]}}),
        ),
        "GET /version" => (200, json!({"gitVersion": "v1.20.2"})),
        "GET /plain" => (200, json!("ok")),
        "PATCH /apis/policy/v1beta1/x" => (200, json!({"kind": "X"})),
        _ => (404, json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "no", "code": 404})),
    }
}

fn forbidden(_: &str) -> (u16, Value) {
    let message = "namespaces \"kube-system\" is forbidden: User \"op\" cannot get resource";
    (403, json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": message, "code": 403}))
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, _: &SecretSource) -> Result<String, String> {
        Err("none here".to_owned())
    }
}

/// A folder with a kubeconfig for a server, with the contexts `lab` and `other`.
pub(crate) fn kubeconfig(server: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: other\nclusters:\n- {{name: c, cluster: {{server: '{server}'{more}}}}}\n\
         users:\n- {{name: u, user: {{token: t}}}}\n\
         contexts:\n- {{name: lab, context: {{cluster: c, user: u}}}}\n- {{name: other, context: {{cluster: c, user: u}}}}\n"
    );
    fs::write(folder.path().join("kube.conf"), text).unwrap();
    folder
}

/// The world of an inventory in that folder whose site `site` has these settings of `kubernetes`.
pub(crate) fn world(folder: &Path, settings: &str) -> RealWorld {
    let text = format!(
        "sites:\n  site: {{kubernetes: {{{settings}}}, nodes: {{}}}}\n  b: {{nodes: {{}}}}\n\
         roles: {{active: site, passive: b}}\n"
    );
    let inventory = load(&folder.join("inventory.yml"), &move |_: &Path| Ok(text.clone()), &NoSecrets).unwrap();
    RealWorld::new(Arc::new(inventory), folder.to_owned())
}

pub(crate) fn get(path: &str) -> cutover_engine::world::Request {
    cutover_engine::world::Request::get("site", path)
}

pub(crate) async fn refused(world: &RealWorld) -> TransportFault {
    world.request(&get("/version")).await.map(drop).unwrap_err()
}

#[tokio::test]
async fn the_context_is_always_explicit() {
    let folder = kubeconfig("http://127.0.0.1:1", "");
    let cases = [
        ("kubeconfig: kube.conf", "set `kubernetes.kubeconfig` and `kubernetes.context`"),
        ("kubeconfig: kube.conf, context: prod", "no context `prod`; it has: lab, other"),
        ("kubeconfig: missing.conf, context: lab", "missing.conf"),
    ];
    for (settings, words) in cases {
        let fault = refused(&world(folder.path(), settings)).await;
        assert!(matches!(&fault, TransportFault::Unreachable(why) if why.contains(words)), "{settings}: {fault}");
    }
}

#[tokio::test]
async fn the_cluster_must_be_the_pinned_one_and_is_asked_once() {
    let api = Api::start(answer).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{}", api.port), "");
    let pinned = |uid: &str| world(folder.path(), &format!("kubeconfig: kube.conf, context: lab, uid: {uid}"));
    let right = pinned("11-22");
    let version = get("/version");
    let (first, second) = tokio::join!(right.request(&version), right.request(&version));
    assert!(first.is_ok() && second.is_ok() && right.request(&version).await.is_ok());
    let seen = api.seen();
    assert_eq!(seen[0], "GET /api/v1/namespaces/kube-system");
    assert_eq!(seen[1..], ["GET /version"; 3]);

    let fault = refused(&pinned("33-44")).await;
    let TransportFault::HostKey(why) = &fault else { panic!("{fault}") };
    assert!(why.contains("wrong cluster") && why.contains("`11-22`") && why.contains("`33-44`"), "{why}");

    let unpinned = world(folder.path(), "kubeconfig: kube.conf, context: lab");
    assert!(unpinned.request(&version).await.is_ok());
    assert_eq!(api.seen().len(), 6, "nothing is asked that is not needed");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_identified_is_refused_with_the_reason() {
    let api = Api::start(forbidden).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{}", api.port), "");
    let fault = refused(&world(folder.path(), "kubeconfig: kube.conf, context: lab, uid: x")).await;
    assert!(matches!(&fault, TransportFault::Auth(why) if why.contains("User \"op\" cannot get")), "{fault}");
    assert_eq!(api.seen().len(), 1, "no request is repeated by the library");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = kubeconfig(&format!("http://127.0.0.1:{free}"), "");
    let fault = refused(&world(folder.path(), "kubeconfig: kube.conf, context: lab, uid: x")).await;
    let words = ["refused", "is the API server up"];
    assert!(
        matches!(&fault, TransportFault::Unreachable(why) if words.iter().all(|word| why.contains(word))),
        "{fault}"
    );
}

#[tokio::test]
async fn an_answer_is_data_whatever_its_status() {
    let api = Api::start(answer).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{}", api.port), "");
    let world = world(folder.path(), "kubeconfig: kube.conf, context: lab");
    let patch = cutover_engine::world::Request {
        method: "PATCH".to_owned(),
        content_type: Some("application/merge-patch+json".to_owned()),
        body: Some(json!({"a": 1})),
        ..get("/apis/policy/v1beta1/x")
    };
    let answer = world.request(&patch).await.unwrap();
    assert_eq!((answer.status, &answer.body), (200, &json!({"kind": "X"})));
    assert_eq!(answer.warnings().collect::<Vec<_>>(), ["v1beta1 is deprecated"]);
    let answer = world.request(&get("/none")).await.unwrap();
    assert_eq!((answer.status, answer.body["reason"].as_str()), (404, Some("NotFound")));
    assert_eq!(world.request(&get("/plain")).await.unwrap().body, json!("ok"), "what is not JSON is a string");
}

#[tokio::test]
async fn a_request_that_was_never_sent_is_distinguished_from_a_lost_answer() {
    let api = Api::start(answer).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{}", api.port), "");
    let lost = world(folder.path(), "kubeconfig: kube.conf, context: lab").request(&get("/cut")).await;
    assert!(matches!(&lost, Err(TransportFault::Lost(why)) if why.starts_with("site: GET /cut: ")), "{lost:?}");
    assert_eq!(api.seen().len(), 1, "it is not sent again");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = kubeconfig(&format!("http://127.0.0.1:{free}"), "");
    let unsent = world(folder.path(), "kubeconfig: kube.conf, context: lab").request(&get("/cut")).await;
    assert!(matches!(&unsent, Err(TransportFault::Unreachable(why)) if why.contains("refused")), "{unsent:?}");
}

/// A TLS server with a certificate of its own, ended by pid.
struct Tls(std::process::Child, u16);

impl Tls {
    async fn start(folder: &Path, name: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Process::new("openssl");
        server.args(["s_server", "-quiet", "-www", "-accept", &port.to_string()]);
        server.arg("-cert").arg(folder.join(format!("{name}.crt"))).arg("-key").arg(folder.join(format!("{name}.key")));
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self(server, port);
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn certificate(folder: &Path, name: &str, ca: &str) -> bool {
    let (key, cert) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.crt")));
    let mut openssl = Process::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]);
    openssl.args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.args(["-addext", &format!("basicConstraints=critical,CA:{ca}")]);
    openssl.arg("-keyout").arg(key).arg("-out").arg(cert).stderr(Stdio::null());
    openssl.status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn certificates_that_rustls_refuses_come_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let make = |(name, ca)| certificate(folder.path(), name, ca);
    if ![("server", "TRUE"), ("leaf", "FALSE"), ("stranger", "TRUE")].into_iter().all(make) {
        println!("SKIPPED: no openssl on this machine to make certificates with");
        return;
    }
    let cases = [("leaf", "stranger", "UnknownIssuer"), ("server", "server", "CaUsedAsEndEntity")];
    for (name, authority, words) in cases {
        let server = Tls::start(folder.path(), name).await;
        let authority = folder.path().join(format!("{authority}.crt"));
        let trust = format!(", certificate-authority: {}", authority.display());
        let config = kubeconfig(&format!("https://127.0.0.1:{}", server.1), &trust);
        let fault = refused(&world(config.path(), "kubeconfig: kube.conf, context: lab, uid: x")).await;
        let TransportFault::Unreachable(why) = &fault else { panic!("{fault}") };
        assert!(why.contains(words) && why.contains("CA:TRUE"), "{why}");
    }
}

#[tokio::test]
async fn a_token_may_end_in_a_newline_and_be_renewed() {
    let api = Api::start(answer).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{}", api.port), "");
    let (file, token) = (folder.path().join("kube.conf"), folder.path().join("token"));
    let text = fs::read_to_string(&file).unwrap();
    let user = |written: &str| fs::write(&file, text.replace("token: t", written)).unwrap();
    let settings = "kubeconfig: kube.conf, context: lab";
    user("token: \"inline\\n\"");
    assert!(world(folder.path(), settings).request(&get("/version")).await.is_ok());
    assert_eq!(api.last_authorization().as_deref(), Some("Bearer inline"));
    user("tokenFile: token");
    fs::write(&token, "first\r\n").unwrap();
    let world = world(folder.path(), settings);
    for (written, sent) in [(None, "Bearer first"), (Some("second\n\n"), "Bearer second")] {
        written.into_iter().for_each(|text| fs::write(&token, text).unwrap());
        assert!(world.request(&get("/version")).await.is_ok());
        assert_eq!(api.last_authorization().as_deref(), Some(sent));
    }
    fs::remove_file(&token).unwrap();
    assert!(world.request(&get("/version")).await.is_ok(), "the last one counts");
    let fault = refused(&self::world(folder.path(), settings)).await;
    assert!(
        matches!(&fault, TransportFault::Unreachable(why) if why.contains("cannot read the token file")),
        "{fault}"
    );
}

#[tokio::test]
async fn client_certificates_that_cannot_count_are_found_without_the_cluster() {
    let folder = kubeconfig("https://127.0.0.1:1", "");
    let (file, place) = (folder.path().join("kube.conf"), folder.path().join("cl.crt"));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("token: t", "client-certificate: cl.crt, client-key: cl.key")).unwrap();
    let openssl = |arguments: &str| {
        let mut openssl = Process::new("openssl");
        openssl.args(arguments.split(' ')).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        openssl.status().is_ok_and(|status| status.success())
    };
    if !openssl("req -newkey rsa:2048 -nodes -keyout cl.key -out cl.csr -subj /O=system:masters/CN=admin") {
        println!("SKIPPED: no openssl on this machine to make certificates with");
        return;
    }
    let found =
        || -> Vec<String> { cutover_connections::flaws(&file, "lab").into_iter().map(|flaw| flaw.what).collect() };
    fs::write(folder.path().join("v3"), "basicConstraints=CA:FALSE\n").unwrap();
    assert!(openssl("x509 -req -in cl.csr -signkey cl.key -out cl.crt -days 30 -extfile v3"));
    assert_eq!(found(), Vec::<String>::new());

    assert!(openssl("x509 -req -in cl.csr -signkey cl.key -out cl.crt -days 30"));
    let one = found();
    assert!(
        one.len() == 1 && one[0].contains("users[u].client-certificate (") && one[0].contains("version 1"),
        "{one:?}"
    );
    let fault = refused(&world(folder.path(), "kubeconfig: kube.conf, context: lab")).await;
    assert!(
        matches!(&fault, TransportFault::Unreachable(why) if why.contains("users[u].client-certificate") && why.contains("issued anew")),
        "{fault}"
    );

    assert!(openssl("x509 -req -in cl.csr -signkey cl.key -out cl.crt -days -1 -extfile v3"));
    let one = found();
    assert!(one.len() == 1 && one[0].contains("expired at 20"), "{one:?}");
    fs::write(&place, "not a certificate").unwrap();
    assert!(found()[0].contains("has no certificate that can be read"));

    // Its key: one that asks for a passphrase, and none; and what has no end is not read.
    assert!(openssl("x509 -req -in cl.csr -signkey cl.key -out cl.crt -days 30 -extfile v3"));
    let key = folder.path().join("cl.key");
    assert!(openssl("rsa -aes256 -passout pass:secret -in cl.key -out encrypted.key"));
    fs::rename(folder.path().join("encrypted.key"), &key).unwrap();
    let one = found();
    assert!(one.len() == 1 && one[0].contains("users[u].client-key (") && one[0].contains("is encrypted"), "{one:?}");
    fs::remove_file(&key).unwrap();
    let one = found();
    assert!(one.len() == 1 && one[0].contains("users[u].client-key (") && one[0].contains("no key"), "{one:?}");
    std::os::unix::fs::symlink("/dev/zero", &key).unwrap();
    assert!(found()[0].contains("no key that can be read"));
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    assert!(found()[0].contains("not a file of at most 8 MiB"), "{:?}", found());
}

#[tokio::test]
async fn a_command_in_a_pod_has_its_streams_and_its_exit_code() {
    let api = Api::start(answer).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{}", api.port), "");
    let world = world(folder.path(), "kubeconfig: kube.conf, context: lab, uid: 11-22");
    let place = |container: Option<&str>| Place::Pod {
        site: "site".to_owned(),
        namespace: "common".to_owned(),
        pod: "etcd-0".to_owned(),
        container: container.map(str::to_owned),
    };
    let pod = world.transport(&place(None)).await.unwrap();
    let output = collect(&*pod, &Command::new(["cat", "-"]).stdin("the input")).await.unwrap();
    assert_eq!(
        (output.exit, output.stdout.as_str(), output.stderr.as_str()),
        (Exit::Code(3), "the input", "to stderr\n")
    );
    let last = api.seen().pop().unwrap();
    for part in ["/pods/etcd-0/exec?", "container=etcd", "command=cat", "command=-", "stdin=true", "stdout=true"] {
        assert!(last.contains(part), "{part} in {last}");
    }
    assert!(!last.contains("tty=true"), "{last}");

    let named = world.transport(&place(Some("metrics"))).await.unwrap();
    let lost = collect(&*named, &Command::new(["cut"])).await;
    assert!(matches!(lost, Err(TransportFault::Lost(_))), "{lost:?}");
    assert!(api.seen().pop().unwrap().contains("container=metrics"));
}

#[tokio::test]
async fn a_forbidden_exec_names_both_verbs() {
    let api = Api::start(answer).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{}", api.port), "");
    let world = world(folder.path(), "kubeconfig: kube.conf, context: lab");
    let place = Place::Pod {
        site: "site".to_owned(),
        namespace: "common".to_owned(),
        pod: "locked-0".to_owned(),
        container: Some("etcd".to_owned()),
    };
    let pod = world.transport(&place).await.unwrap();
    let fault = collect(&*pod, &Command::new(["true"])).await.unwrap_err();
    let words = ["`create`", "`get`", "`pods/exec`", "`common`"];
    assert!(matches!(&fault, TransportFault::Auth(why) if words.iter().all(|word| why.contains(word))), "{fault}");
}
