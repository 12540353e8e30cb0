//! `lsattr`: whether a file is immutable.

use futures_util::future::BoxFuture;

use crate::machine::program::{Call, Program, Reply};

/// `lsattr -d PATH...`
pub(crate) struct Lsattr;

impl Program for Lsattr {
    fn names(&self) -> &'static [&'static str] {
        &["lsattr"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let paths = call.args.iter().filter(|arg| !arg.starts_with('-'));
            call.on_machine(|machine| {
                let (mut stdout, mut stderr) = (String::new(), String::new());
                for path in paths {
                    match machine.stat(path) {
                        Ok(stat) => {
                            let immutable = if stat.immutable { 'i' } else { '-' };
                            stdout += &format!("----{immutable}---------e------- {path}\n");
                        }
                        Err(errno) => stderr += &format!("lsattr: {errno} while trying to stat {path}\n"),
                    }
                }
                Reply { code: i32::from(!stderr.is_empty()), stdout: stdout.into(), stderr: stderr.into() }
            })
        })
    }
}
