//! API servers and hosts in trouble, against stand-ins on loopback: what they ask for, what was sent, and what was not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover_engine::world::{Answer, Request, TransportFault, World as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::kubernetes::{get, kubeconfig, world};

/// What an API server answers to a connection's request; after the last of them, always 200.
enum Reply {
    /// A status, and headers.
    Status(u16, &'static str),
    /// The connection is closed instead.
    Cut,
}

/// An API server with answers to come, and what it was asked.
async fn server(replies: Vec<Reply>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut replies = replies.into_iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap_or(0) > 0 {}
            let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            log.lock().unwrap().push(line.trim_end_matches(" HTTP/1.1").to_owned());
            let (status, headers) = match replies.next() {
                Some(Reply::Cut) => continue,
                Some(Reply::Status(status, headers)) => (status, headers),
                None => (200, ""),
            };
            let body = json!({"metadata": {"uid": "11-22"}, "reason": "X", "message": "not now"}).to_string();
            let length = body.len();
            let reply = format!(
                "HTTP/1.1 {status} X\r\n{headers}connection: close\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n{body}"
            );
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    (port, seen)
}

fn status(answer: &Result<Answer, TransportFault>) -> u16 {
    answer.as_ref().map_or(0, |answer| answer.status)
}

#[tokio::test]
async fn an_api_server_in_trouble_is_passed_on_as_it_is_and_nothing_is_sent_twice() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:49 GMT\r\n";
    let replies =
        vec![Reply::Status(429, "retry-after: 1\r\n"), Reply::Status(503, date), Reply::Status(503, ""), Reply::Cut];
    let (port, seen) = server(replies).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{port}"), "");
    let world = world(folder.path(), "kubeconfig: kube.conf, context: lab");
    let delete = Request { method: "DELETE".to_owned(), ..get("/claim") };
    let busy = world.request(&get("/x")).await.unwrap();
    assert_eq!((busy.status, busy.retry_after()), (429, Some(Duration::from_secs(1))));
    let until = world.request(&get("/x")).await.unwrap();
    assert_eq!((until.status, until.retry_after()), (503, Some(Duration::from_secs(12))), "by the server's own clock");
    assert_eq!(status(&world.request(&delete).await), 503);
    let lost = world.request(&delete).await;
    assert!(matches!(lost, Err(TransportFault::Lost(_))), "{lost:?}");
    assert_eq!(seen.lock().unwrap().as_slice(), ["GET /x", "GET /x", "DELETE /claim", "DELETE /claim"]);
    assert_eq!(status(&world.request(&get("/x")).await), 200);
}

#[tokio::test]
async fn an_api_server_that_cannot_be_identified_at_the_moment_was_sent_nothing_and_is_asked_again() {
    let replies = vec![Reply::Status(429, "retry-after: 7\r\n"), Reply::Status(503, ""), Reply::Cut];
    let (port, seen) = server(replies).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{port}"), "");
    let settings = "kubeconfig: kube.conf, context: lab, uid: 11-22";
    let pinned = world(folder.path(), settings);
    for seconds in [7, 0, 0] {
        let fault = pinned.request(&get("/x")).await.unwrap_err();
        let TransportFault::Busy { why, after } = &fault else { panic!("{fault}") };
        assert!(why.contains("GET /api/v1/namespaces/kube-system"), "{why}");
        assert_eq!(*after, Duration::from_secs(seconds), "{why}");
    }
    assert!(seen.lock().unwrap().iter().all(|line| line == "GET /api/v1/namespaces/kube-system"));
    assert_eq!(status(&pinned.request(&get("/x")).await), 200);
    assert_eq!(seen.lock().unwrap()[3..], ["GET /api/v1/namespaces/kube-system", "GET /x"]);

    let (port, _) = server(vec![Reply::Status(404, "")]).await;
    let folder = kubeconfig(&format!("http://127.0.0.1:{port}"), "");
    let fault = world(folder.path(), settings).request(&get("/x")).await.unwrap_err();
    assert!(matches!(&fault, TransportFault::Unreachable(_)), "that does not pass: {fault}");
}

#[tokio::test]
async fn a_tls_handshake_that_is_cut_is_an_api_server_that_was_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let folder = kubeconfig(&format!("https://127.0.0.1:{port}"), "");
    let world = world(folder.path(), "kubeconfig: kube.conf, context: lab");
    let fault = world.request(&get("/x")).await.unwrap_err();
    assert!(matches!(&fault, TransportFault::Busy { .. }), "{fault}");
}
