//! Programs that touch no file: true, false, echo, id, sleep, sync.

use futures_util::future::BoxFuture;

use super::super::words::program_name;
use crate::machine::program::{Call, Program, Reply};

/// Programs that touch no file.
pub(crate) struct Basics;

impl Program for Basics {
    fn names(&self) -> &'static [&'static str] {
        &["true", "false", "echo", "id", "sleep", "sync"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            match program_name(&call).as_str() {
                "false" => Reply::fail(1, ""),
                "echo" => Reply::ok(format!("{}\n", call.args.join(" "))),
                "id" => id(call.args),
                "sleep" => sleep(call.args).await,
                _ => Reply::default(),
            }
        })
    }
}

fn id(args: &[String]) -> Reply {
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Reply::ok("uid=0(root) gid=0(root) groups=0(root)\n"),
        ["-u"] | ["-g"] => Reply::ok("0\n"),
        ["-un"] | ["-gn"] => Reply::ok("root\n"),
        [name] => Reply::fail(1, format!("id: '{name}': no such user\n")),
        _ => Reply::fail(1, "id: extra operand\n"),
    }
}

async fn sleep(args: &[String]) -> Reply {
    let seconds: Option<f64> = args.iter().map(|arg| arg.parse::<f64>().ok()).sum();
    match seconds.filter(|seconds| !args.is_empty() && seconds.is_finite() && *seconds >= 0.0) {
        Some(seconds) => {
            tokio::time::sleep(std::time::Duration::from_secs_f64(seconds)).await;
            Reply::default()
        }
        None => Reply::fail(1, format!("sleep: invalid time interval '{}'\n", args.join(" "))),
    }
}
