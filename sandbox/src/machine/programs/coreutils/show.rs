//! The small programs that look at files: cat, ls, stat, test, du, find, sha256sum. Those that change files are in
//! `coreutils`.

use futures_util::future::BoxFuture;

use super::super::options::Options;
use super::super::words::{absolute, program_name};
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Content, Machine, OpenError, Stat};

/// Programs that look at files.
pub(crate) struct Show;

impl Program for Show {
    fn names(&self) -> &'static [&'static str] {
        &["cat", "ls", "stat", "test", "du", "find", "sha256sum"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let name = program_name(&call);
            let cwd = call.command.cwd.as_deref().unwrap_or("/");
            let (args, stdin) = (call.args, &call.stdin);
            call.on_machine(|machine| match name.as_str() {
                "cat" => each(machine, &name, cwd, args, stdin, |content, _| content.bytes.clone()),
                "sha256sum" => each(machine, &name, cwd, args, stdin, |content, path| {
                    format!("{}  {path}\n", content.sha256()).into_bytes()
                }),
                "ls" => ls(machine, cwd, args),
                "stat" => stat(machine, cwd, args),
                "test" => test(machine, cwd, args),
                "du" => du(machine, cwd, args),
                _ => find(machine, cwd, args),
            })
        })
    }
}

fn each(
    machine: &Machine,
    name: &str,
    cwd: &str,
    args: &[String],
    stdin: &[u8],
    show: impl Fn(&Content, &str) -> Vec<u8>,
) -> Reply {
    let options = match Options::parse(args, &["b|binary"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("{name}: {words}\n")),
    };
    if options.operands.is_empty() {
        return Reply::ok(show(&Content::new(stdin), "-"));
    }
    let (mut stdout, mut stderr) = (Vec::new(), String::new());
    for path in &options.operands {
        match machine.content_of(&absolute(cwd, path)) {
            Ok(content) => stdout.extend(show(content, path)),
            Err(errno) => stderr += &format!("{name}: {path}: {errno}\n"),
        }
    }
    Reply { code: i32::from(!stderr.is_empty()), stdout, stderr: stderr.into() }
}

fn ls(machine: &Machine, cwd: &str, args: &[String]) -> Reply {
    let options = match Options::parse(args, &["1", "A|almost-all", "a|all", "d|directory"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(2, format!("ls: {words}\n")),
    };
    let here = [".".to_owned()];
    let paths = if options.operands.is_empty() { &here[..] } else { &options.operands };
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for path in paths {
        let at = absolute(cwd, path);
        match machine.stat(&at).or_else(|_| machine.lstat(&at)) {
            Err(errno) => stderr += &format!("ls: cannot access '{path}': {errno}\n"),
            Ok(stat) if !stat.is_dir() || options.has("d") => stdout += &format!("{path}\n"),
            Ok(_) => {
                let hidden = options.has("A") || options.has("a");
                if options.has("a") {
                    stdout += ".\n..\n";
                }
                for name in machine.list_dir(&at).unwrap_or_default() {
                    if hidden || !name.starts_with('.') {
                        stdout += &format!("{name}\n");
                    }
                }
            }
        }
    }
    Reply { code: if stderr.is_empty() { 0 } else { 2 }, stdout: stdout.into(), stderr: stderr.into() }
}

fn stat(machine: &Machine, cwd: &str, args: &[String]) -> Reply {
    let options = match Options::parse(args, &["c|format=", "L|dereference"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("stat: {words}\n")),
    };
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for path in &options.operands {
        let at = absolute(cwd, path);
        match if options.has("L") { machine.stat(&at) } else { machine.lstat(&at) } {
            Ok(stat) => stdout += &(format_stat(options.value("c").unwrap_or("%n"), path, &stat) + "\n"),
            Err(errno) => stderr += &format!("stat: cannot statx '{path}': {errno}\n"),
        }
    }
    Reply { code: i32::from(!stderr.is_empty()), stdout: stdout.into(), stderr: stderr.into() }
}

/// stat(1)'s `-c` format.
fn format_stat(format: &str, path: &str, stat: &Stat) -> String {
    let kind = match (stat.kind, stat.size) {
        ('d', _) => "directory",
        ('l', _) => "symbolic link",
        ('p', _) => "fifo",
        (_, 0) => "regular empty file",
        _ => "regular file",
    };
    let name = |id: u32| if id == 0 { "root" } else { "UNKNOWN" }.to_owned();
    expand(format, |letter| {
        Some(match letter {
            'n' => path.to_owned(),
            'F' => kind.to_owned(),
            'a' => format!("{:o}", stat.mode),
            'u' => stat.uid.to_string(),
            'g' => stat.gid.to_string(),
            'U' => name(stat.uid),
            'G' => name(stat.gid),
            's' => stat.size.to_string(),
            'h' => stat.nlink.to_string(),
            'i' => stat.ino.to_string(),
            'b' => (stat.allocated / 512).to_string(),
            'B' => "512".to_owned(),
            'Y' => (stat.mtime_ns / 1_000_000_000).to_string(),
            _ => return None,
        })
    })
}

/// Expands `%x` by a function; what it does not know stands for itself.
fn expand(format: &str, field: impl Fn(char) -> Option<String>) -> String {
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => match letters.next() {
                Some('%') | None => text.push('%'),
                Some(other) => text += &field(other).unwrap_or_else(|| format!("%{other}")),
            },
            '\\' => text.push(match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            }),
            other => text.push(other),
        }
    }
    text
}

fn test(machine: &Machine, cwd: &str, args: &[String]) -> Reply {
    let truth = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Some(false),
        ["!", rest @ ..] => condition(machine, cwd, rest).map(|holds| !holds),
        rest => condition(machine, cwd, rest),
    };
    match truth {
        Some(holds) => Reply::fail(i32::from(!holds), ""),
        None => Reply::fail(2, format!("test: unsupported expression: {}\n", args.join(" "))),
    }
}

fn condition(machine: &Machine, cwd: &str, words: &[&str]) -> Option<bool> {
    let stat = |path: &str| machine.stat(&absolute(cwd, path)).ok();
    Some(match words {
        [word] => !word.is_empty(),
        ["-e", path] => stat(path).is_some() || machine.content(path).is_ok(),
        ["-d", path] => stat(path).is_some_and(|stat| stat.is_dir()),
        ["-f", path] => stat(path).is_some_and(|stat| stat.kind == 'f'),
        ["-p", path] => stat(path).is_some_and(|stat| stat.kind == 'p'),
        ["-s", path] => stat(path).is_some_and(|stat| stat.size > 0),
        // A device that does not open, such as a Secondary's, is one all the same.
        ["-b", path] => !matches!(machine.content(path), Err(OpenError::Missing)),
        ["-L" | "-h", path] => machine.lstat(&absolute(cwd, path)).is_ok_and(|stat| stat.kind == 'l'),
        ["-n", word] => !word.is_empty(),
        ["-z", word] => word.is_empty(),
        [a, "=", b] => a == b,
        [a, "!=", b] => a != b,
        _ => return None,
    })
}

fn du(machine: &Machine, cwd: &str, args: &[String]) -> Reply {
    let known = [
        "s|summarize",
        "x|one-file-system",
        "D|dereference-args",
        "inodes",
        "B|block-size=",
        "b|bytes",
        "apparent-size",
        "k",
    ];
    let options = match Options::parse(args, &known) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("du: {words}\n")),
    };
    let unit: u64 = options.number("B").unwrap_or(1024);
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for path in &options.operands {
        let path_there = absolute(cwd, path);
        let counted = match options.has("inodes") {
            true => machine.tree_entries(&path_there),
            false => machine.tree_allocated(&path_there).map(|bytes| bytes.div_ceil(unit)),
        };
        match counted {
            Ok(number) => stdout += &format!("{number}\t{path}\n"),
            Err(errno) => stderr += &format!("du: cannot access '{path}': {errno}\n"),
        }
    }
    Reply { code: i32::from(!stderr.is_empty()), stdout: stdout.into(), stderr: stderr.into() }
}

/// `find PATH -maxdepth 0 -printf FORMAT` and `find PATH -mindepth 1 -maxdepth 1 -printf FORMAT`: all the modules use.
fn find(machine: &Machine, cwd: &str, args: &[String]) -> Reply {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (path, below, format) = match words.as_slice() {
        [path, "-maxdepth", "0", "-printf", format] => (path, false, format),
        [path, "-mindepth", "1", "-maxdepth", "1", "-printf", format] => (path, true, format),
        _ => return Reply::fail(1, format!("find: the sandbox does not know: {}\n", args.join(" "))),
    };
    let at = absolute(cwd, path);
    let found = if below {
        machine.list_dir(&at).map(|names| names.iter().map(|name| format!("{at}/{name}")).collect())
    } else {
        machine.lstat(&at).map(|_| vec![at.clone()])
    };
    match found {
        Err(errno) => Reply::fail(1, format!("find: '{path}': {errno}\n")),
        Ok(paths) => {
            let line = |path: &String| Some(format_find(format, path, &machine.lstat(path).ok()?));
            Reply::ok(paths.iter().filter_map(line).collect::<String>())
        }
    }
}

/// find(1)'s `-printf` format.
fn format_find(format: &str, path: &str, stat: &Stat) -> String {
    let name = |id: u32| if id == 0 { "root".to_owned() } else { id.to_string() };
    expand(format, |letter| {
        Some(match letter {
            'y' => stat.kind.to_string(),
            'm' => format!("{:o}", stat.mode),
            'U' => stat.uid.to_string(),
            'G' => stat.gid.to_string(),
            'u' => name(stat.uid),
            'g' => name(stat.gid),
            's' => stat.size.to_string(),
            'i' => stat.ino.to_string(),
            'b' => (stat.allocated / 512).to_string(),
            'p' => path.to_owned(),
            'f' => path.rsplit('/').next().unwrap_or(path).to_owned(),
            'l' => stat.link.clone().unwrap_or_default(),
            _ => return None,
        })
    })
}
