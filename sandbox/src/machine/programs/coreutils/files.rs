//! The small programs that make, change and remove files: mkdir, rm, touch, chmod, chown, ln, mv, tee and their like.
//! Those that only look are in `show`, those for whole trees in `tree`.

use futures_util::future::BoxFuture;

use super::super::options::Options;
use super::super::words::{absolute, program_name};
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Errno, Follow, InodeKind, Machine, Meta};

/// Programs that change files.
pub(crate) struct Files;

impl Program for Files {
    fn names(&self) -> &'static [&'static str] {
        &["mkdir", "rmdir", "rm", "touch", "chmod", "chown", "chattr", "tee", "mkfifo", "mknod", "truncate", "setfattr"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let name = program_name(&call);
            let now = call.kernel().now_ns();
            let cwd = call.command.cwd.clone();
            let args = call.args;
            call.on_machine(|machine| {
                let cwd = cwd.as_deref().unwrap_or("/");
                let mut work = Work { machine, name: &name, cwd, now, errors: String::new() };
                let reply = work.run(args, &call.stdin);
                let code = if work.errors.is_empty() { 0 } else { 1 };
                match reply {
                    Ok(stdout) => Reply { code, stdout, stderr: work.errors.into_bytes() },
                    Err(reply) => reply,
                }
            })
        })
    }
}

/// One run of one of the programs.
struct Work<'a> {
    machine: &'a mut Machine,
    name: &'a str,
    cwd: &'a str,
    now: i128,
    errors: String,
}

impl Work<'_> {
    fn run(&mut self, args: &[String], stdin: &[u8]) -> Result<Vec<u8>, Reply> {
        let known: &[&str] = match self.name {
            "mkdir" => &["p|parents", "m|mode="],
            "rmdir" => &["ignore-fail-on-non-empty"],
            "rm" => &["r|R|recursive", "f|force", "one-file-system"],
            "touch" => &["c|no-create", "d|date=", "h|no-dereference", "r|reference="],
            "chmod" | "chown" => &["R|recursive", "h|no-dereference"],
            "tee" => &["a|append"],
            "mkfifo" | "mknod" => &["m|mode="],
            "truncate" => &["s|size="],
            "setfattr" => &["n|name=", "v|value=", "x|remove=", "h|no-dereference"],
            _ => &[],
        };
        if self.name == "chattr" {
            self.chattr(args)?;
            return Ok(Vec::new());
        }
        let options =
            Options::parse(args, known).map_err(|words| Reply::fail(1, format!("{}: {words}\n", self.name)))?;
        let mut operands: Vec<String> = options.operands.clone();
        let first = match self.name {
            "chmod" | "chown" if operands.len() > 1 => Some(operands.remove(0)),
            "chmod" | "chown" => None,
            _ => Some(String::new()),
        };
        let Some(first) = first.filter(|_| !operands.is_empty() || self.name == "tee") else {
            if self.name == "rm" && options.has("f") {
                return Ok(Vec::new());
            }
            let after = options.operands.first().map(|first| format!(" after '{first}'")).unwrap_or_default();
            return Err(Reply::fail(1, format!("{}: missing operand{after}\n", self.name)));
        };
        match self.name {
            "tee" => {
                for path in &operands {
                    self.tee(path, stdin, options.has("a"));
                }
                return Ok(stdin.to_vec());
            }
            "mknod" => self.mknod(&options, &operands)?,
            _ => {
                for path in &operands {
                    self.one(&options, &first, path)?;
                }
            }
        }
        Ok(Vec::new())
    }

    fn one(&mut self, options: &Options, first: &str, path: &str) -> Result<(), Reply> {
        let at = absolute(self.cwd, path);
        let mode = options.value("m");
        match self.name {
            "mkdir" => {
                let parents = options.has("p");
                let bits = mode.map(|mode| self.octal(mode)).transpose()?.unwrap_or(0o755);
                let made = if parents {
                    self.machine.mkdir_p(&at, bits, self.now)
                } else {
                    self.machine.mkdir(&at, bits, self.now)
                };
                // With -p, the first component that cannot be passed is named.
                let first = |errno: &Errno| parents && *errno == Errno::NotDirectory;
                let at = made.err().filter(first).and_then(|_| self.first_file(path));
                self.report(made, &format!("cannot create directory '{}'", at.as_deref().unwrap_or(path)));
            }
            "mkfifo" => {
                let bits = mode.map(|mode| self.octal(mode)).transpose()?.unwrap_or(0o644);
                let meta = Meta { mode: bits, ..Meta::root(self.now) };
                let made = self.machine.make(&at, InodeKind::Special('p'), meta);
                self.report(made, &format!("cannot create fifo '{path}'"));
            }
            "rmdir" => {
                let removed = match self.machine.remove_dir(&at, self.now) {
                    Err(Errno::NotEmpty) if options.has("ignore-fail-on-non-empty") => Ok(()),
                    removed => removed,
                };
                self.report(removed, &format!("failed to remove '{path}'"));
            }
            "rm" => self.rm(options, path, &at),
            "touch" => self.touch(options, path, &at)?,
            "truncate" => self.truncate(options, path, &at)?,
            "chmod" => {
                let bits = self.octal(first)?;
                self.each(options, path, &at, |machine, at| machine.chmod(at, bits));
            }
            "chown" => {
                let (uid, gid) = self.owner(first)?;
                let follow = if options.has("h") { Follow::No } else { Follow::Yes };
                self.each(options, path, &at, |machine, at| {
                    machine.change(at, follow, |inode| {
                        inode.uid = uid.unwrap_or(inode.uid);
                        inode.gid = gid.unwrap_or(inode.gid);
                    })
                });
            }
            "setfattr" => {
                let done = match (options.value("n"), options.value("x")) {
                    (Some(name), _) => self.machine.set_xattr(&at, name, options.value("v").unwrap_or_default()),
                    (None, Some(name)) => self.machine.remove_xattr(&at, name),
                    (None, None) => Err(Errno::Invalid),
                };
                if let Err(errno) = done {
                    self.errors.push_str(&format!("setfattr: {path}: {errno}\n"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `mknod PATH p` or `mknod PATH b|c MAJOR MINOR`; which device it is, is not kept.
    fn mknod(&mut self, options: &Options, operands: &[String]) -> Result<(), Reply> {
        let (path, letter) = match operands {
            [path, kind] if kind == "p" => (path, 'p'),
            [path, kind, _, _] if kind == "b" => (path, 'b'),
            [path, kind, _, _] if kind == "c" || kind == "u" => (path, 'c'),
            [path] => return Err(Reply::fail(1, format!("mknod: missing operand after '{path}'\n"))),
            [_, kind, ..] => return Err(Reply::fail(1, format!("mknod: invalid device type '{kind}'\n"))),
            [] => return Err(Reply::fail(1, "mknod: missing operand\n")),
        };
        let bits = options.value("m").map(|mode| self.octal(mode)).transpose()?.unwrap_or(0o644);
        let at = absolute(self.cwd, path);
        let made = self.machine.make(&at, InodeKind::Special(letter), Meta { mode: bits, ..Meta::root(self.now) });
        if let Err(errno) = made {
            self.errors.push_str(&format!("mknod: {path}: {errno}\n"));
        }
        Ok(())
    }

    fn rm(&mut self, options: &Options, path: &str, at: &str) {
        let recursive = options.has("r");
        let removed = match self.machine.lstat(at) {
            Err(Errno::NoEntry | Errno::NotDirectory) if options.has("f") => return,
            Err(errno) => Err(errno),
            Ok(stat) if stat.is_dir() && !recursive => Err(Errno::IsDirectory),
            Ok(_) if self.machine.real_path(at).as_deref() == Ok("/") => {
                self.errors.push_str("rm: it is dangerous to operate recursively on '/'\n");
                return;
            }
            Ok(_) => self.machine.remove_tree(at, self.now),
        };
        self.report(removed, &format!("cannot remove '{path}'"));
    }

    fn touch(&mut self, options: &Options, path: &str, at: &str) -> Result<(), Reply> {
        let time = match (options.value("d"), options.value("r")) {
            (Some(date), _) => {
                parse_date(date).ok_or_else(|| Reply::fail(1, format!("touch: invalid date format '{date}'\n")))?
            }
            (None, Some(other)) => match self.machine.stat(&absolute(self.cwd, other)) {
                Ok(stat) => stat.mtime_ns,
                Err(errno) => {
                    return Err(Reply::fail(1, format!("touch: failed to get attributes of '{other}': {errno}\n")));
                }
            },
            (None, None) => self.now,
        };
        let follow = if options.has("h") { Follow::No } else { Follow::Yes };
        let touched = match self.machine.change(at, follow, |inode| inode.mtime_ns = time) {
            Err(Errno::NoEntry) if options.has("c") => Ok(()),
            Err(Errno::NoEntry) => self.machine.write_file(at, "", Meta::root(time)),
            other => other,
        };
        self.report(touched, &format!("cannot touch '{path}'"));
        Ok(())
    }

    fn truncate(&mut self, options: &Options, path: &str, at: &str) -> Result<(), Reply> {
        let size = options.value("s").and_then(bytes);
        let size =
            size.ok_or_else(|| Reply::fail(1, "truncate: you must specify either '--size' or '--reference'\n"))?;
        let mut content = self.machine.content_of(at).cloned().unwrap_or_default();
        let whole = content.size == content.bytes.len() as u64;
        content.size = size;
        content.allocated = content.allocated.min(size.next_multiple_of(4096));
        // A hole reads as zeros; a short one is kept as such, so that what is read is what a host reads.
        if whole && size <= 1 << 20 {
            content.bytes.resize(size as usize, 0);
        }
        let meta = self.machine.stat(at).map_or(Meta::root(self.now), |stat| Meta {
            uid: stat.uid,
            gid: stat.gid,
            mode: stat.mode,
            mtime_ns: self.now,
        });
        let written = self.machine.write_content(at, content, meta);
        self.report(written, &format!("cannot open '{path}' for writing"));
        Ok(())
    }

    fn tee(&mut self, path: &str, stdin: &[u8], append: bool) {
        let at = absolute(self.cwd, path);
        let written = match self.machine.stat(&at) {
            Ok(_) if append => self.machine.append_file(&at, stdin, self.now),
            Ok(stat) => {
                let meta = Meta { uid: stat.uid, gid: stat.gid, mode: stat.mode, mtime_ns: self.now };
                self.machine.write_file(&at, stdin, meta)
            }
            Err(_) => self.machine.write_file(&at, stdin, Meta::root(self.now)),
        };
        if let Err(errno) = written {
            self.errors.push_str(&format!("tee: {path}: {errno}\n"));
        }
    }

    fn chattr(&mut self, args: &[String]) -> Result<(), Reply> {
        let (immutable, paths) = match args.split_first() {
            Some((flag, paths)) if flag == "+i" => (true, paths),
            Some((flag, paths)) if flag == "-i" => (false, paths),
            _ => return Err(Reply::fail(1, "Usage: chattr [-pRVf] [-+=aAcCdDeijPsStTuFx] [-v version] files...\n")),
        };
        for path in paths.iter().filter(|path| *path != "--") {
            if let Err(errno) = self.machine.set_immutable(&absolute(self.cwd, path), immutable) {
                self.errors.push_str(&format!("chattr: {errno} while trying to stat {path}\n"));
            }
        }
        Ok(())
    }

    /// Does something to a path and, with `-R`, to all beneath it.
    fn each(
        &mut self,
        options: &Options,
        path: &str,
        at: &str,
        mut work: impl FnMut(&mut Machine, &str) -> Result<(), Errno>,
    ) {
        let mut todo = vec![at.to_owned()];
        let recursive = options.has("R");
        while let Some(at) = todo.pop() {
            let below = self.machine.lstat(&at).is_ok_and(|stat| stat.is_dir()) && recursive;
            if below {
                let names = self.machine.list_dir(&at).unwrap_or_default();
                todo.extend(names.iter().map(|name| format!("{at}/{name}")));
            }
            let missing = self.machine.lstat(&at).is_err();
            let done = work(self.machine, &at);
            let what = match (self.name, missing) {
                (_, true) => format!("cannot access '{path}'"),
                ("chmod", _) => format!("changing permissions of '{path}'"),
                _ => format!("changing ownership of '{path}'"),
            };
            self.report(done, &what);
        }
    }

    /// The first part of a path that is not a directory.
    fn first_file(&self, path: &str) -> Option<String> {
        let ends = path.char_indices().filter(|(at, c)| *c == '/' && *at > 0).map(|(at, _)| at);
        let parts = ends.map(|end| &path[..end]);
        let file = |part: &&str| self.machine.stat(&absolute(self.cwd, part)).is_ok_and(|stat| !stat.is_dir());
        parts.into_iter().find(file).map(str::to_owned)
    }

    fn octal(&self, text: &str) -> Result<u32, Reply> {
        let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777);
        bits.ok_or_else(|| Reply::fail(1, format!("{}: invalid mode: '{text}'\n", self.name)))
    }

    fn owner(&self, text: &str) -> Result<(Option<u32>, Option<u32>), Reply> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let number = |name: &str| match name {
            "" => Some(None),
            "root" => Some(Some(0)),
            _ => name.parse().ok().map(Some),
        };
        let user = number(user).ok_or_else(|| Reply::fail(1, format!("chown: invalid user: '{text}'\n")))?;
        let group = number(group).ok_or_else(|| Reply::fail(1, format!("chown: invalid group: '{text}'\n")))?;
        Ok((user, group))
    }

    fn report(&mut self, done: Result<(), Errno>, what: &str) {
        if let Err(errno) = done {
            self.errors.push_str(&format!("{}: {what}: {errno}\n", self.name));
        }
    }
}

/// Reads `@SECONDS[.FRACTION]` or an RFC 3339 time, in nanoseconds.
fn parse_date(text: &str) -> Option<i128> {
    if let Some(stamp) = text.strip_prefix('@') {
        let (seconds, fraction) = stamp.split_once('.').unwrap_or((stamp, ""));
        let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        return Some(seconds.parse::<i128>().ok()? * 1_000_000_000 + digits.parse::<i128>().ok()?);
    }
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_nanosecond)
}

/// Reads a size such as `20K`, `1M`, `512`.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}
