//! How fast it is here. Numbers for people, not a test of anything: run with `--ignored --nocapture`.

use std::time::{Duration, Instant};

use cutover_engine::world::Io;
use futures_util::future::join_all;

use super::sshd::{Sshd, node, run, sh};

const HALF_GIB: u64 = 512 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures and checks nothing"]
async fn measure() {
    let Some(sshd) = Sshd::start() else { return };
    let mut connecting: Vec<Duration> = Vec::new();
    for _ in 0..9 {
        let (world, start) = (sshd.world(""), Instant::now());
        assert!(run(&*node(&world).await.unwrap(), "true").await.success());
        connecting.push(start.elapsed());
    }
    connecting.sort();
    println!("connect and first command: median {:?} of 9", connecting[4]);
    let world = sshd.world("");
    let transport = node(&world).await.unwrap();
    let start = Instant::now();
    for _ in 0..50 {
        run(&*transport, "true").await;
    }
    println!("each further command: {:?}", start.elapsed() / 50);
    let start = Instant::now();
    join_all((0..30).map(|_| run(&*transport, "true"))).await;
    println!("30 commands at once: {:?}", start.elapsed());
    let rate = |start: Instant| 512.0 * 1.048_576 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    let command = sh("head -c 512M /dev/zero");
    let io = Io { stdin: None, stdout: Box::new(tokio::io::sink()), stderr: Box::new(tokio::io::sink()) };
    transport.exec(&command, io).await.unwrap();
    println!("download: {:.0} MB/s", rate(start));
    let start = Instant::now();
    let input = tokio::io::AsyncReadExt::take(tokio::io::repeat(0), HALF_GIB);
    let io =
        Io { stdin: Some(Box::new(input)), stdout: Box::new(tokio::io::sink()), stderr: Box::new(tokio::io::sink()) };
    transport.exec(&sh("cat > /dev/null"), io).await.unwrap();
    println!("upload, connecting included: {:.0} MB/s", rate(start));
}
