//! Programs that a test writes, to be started by it or by `cutover`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a program, in a directory that is made for it.
///
/// Another process writes it: a file that this one has open for writing is, for a moment, also open in every program that another
/// test starts meanwhile, and until that has become its program the kernel refuses to start the file ("Text file busy").
pub(crate) fn executable(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    let mut writer = Command::new("/bin/sh")
        .args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    writer.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    assert!(writer.wait().expect("its end").success(), "{}", path.display());
}
