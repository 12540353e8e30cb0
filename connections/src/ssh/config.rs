//! The settings of OpenSSH's client for a host (ssh_config(5)), as far as they say how to reach it: the first value that is found counts. What
//! would lead elsewhere and is not known here (`ProxyCommand`, `Match` by a command) is refused, not passed over.

use std::path::{Path, PathBuf};

use super::pattern;

/// Files that include one another end here.
const DEPTH: usize = 16;

/// What the configuration says of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The address, if it is not the name itself.
    pub(crate) address: Option<String>,
    /// The login name.
    pub(crate) user: Option<String>,
    /// The TCP port.
    pub(crate) port: Option<u16>,
    /// The files of keys to offer.
    pub(crate) identities: Vec<PathBuf>,
    /// Whether keys of the agent that no file names stay out of it.
    pub(crate) only: bool,
    /// The jump hosts, the nearest first.
    pub(crate) jumps: Vec<String>,
    /// The files of known hosts.
    pub(crate) known_hosts: Vec<PathBuf>,
    /// The name that the host's keys are on file under.
    pub(crate) alias: Option<String>,
}

/// Reads what the user's configuration and the machine's say of a host by the name that is written in the inventory.
///
/// # Errors
/// A line that cannot be followed, with its place.
pub(crate) fn settings(home: &Path, machine: &Path, name: &str) -> Result<Settings, String> {
    let mut reading = Reading { home, name, found: Vec::new() };
    let user = home.join(".ssh");
    reading.file(&user.join("config"), &user, 0)?;
    reading.file(&machine.join("ssh_config"), machine, 0)?;
    reading.settings()
}

/// What has been read so far: keywords in lower case with their arguments and place.
struct Reading<'a> {
    home: &'a Path,
    name: &'a str,
    found: Vec<(String, Vec<String>, String)>,
}

impl Reading<'_> {
    /// Reads a file; one that is not there says nothing. `folder` is where relative names of included files start.
    fn file(&mut self, path: &Path, folder: &Path, depth: usize) -> Result<(), String> {
        let Ok(text) = std::fs::read_to_string(path) else { return Ok(()) };
        let mut applies = true;
        for (number, line) in text.lines().enumerate() {
            let place = format!("{} line {}", path.display(), number + 1);
            let Some((keyword, arguments)) = words(line).map_err(|why| format!("{place}: {why}"))? else { continue };
            match keyword.as_str() {
                "host" => applies = pattern::list(arguments.iter().map(String::as_str), self.name),
                "match" => applies = self.matches(&arguments).map_err(|why| format!("{place}: {why}"))?,
                "include" if applies && depth < DEPTH => {
                    for pattern in &arguments {
                        for file in included(&self.path(pattern, folder)) {
                            self.file(&file, folder, depth + 1)?;
                        }
                    }
                }
                "include" if applies => return Err(format!("{place}: files include one another")),
                _ if applies => self.found.push((keyword, arguments, place)),
                _ => {}
            }
        }
        Ok(())
    }

    fn matches(&self, arguments: &[String]) -> Result<bool, String> {
        let mut applies = true;
        let mut words = arguments.iter();
        while let Some(criterion) = words.next() {
            let (denied, criterion) = match criterion.strip_prefix('!') {
                Some(rest) => (true, rest.to_lowercase()),
                None => (false, criterion.to_lowercase()),
            };
            let value = match criterion.as_str() {
                "all" => true,
                "host" | "originalhost" => {
                    let patterns = words.next().ok_or("`Match host` without a host")?;
                    let address =
                        self.first("hostname").filter(|_| criterion == "host").map(|at| self.expanded(&at.0[0]));
                    pattern::list(patterns.split(','), address.as_deref().unwrap_or(self.name))
                }
                other => {
                    return Err(format!(
                        "`Match {other}` is not followed here, so it is not known whether what comes after it counts"
                    ));
                }
            };
            applies &= value != denied;
        }
        Ok(applies)
    }

    fn first(&self, keyword: &str) -> Option<(&[String], &str)> {
        let found = self.found.iter().find(|(one, arguments, _)| one == keyword && !arguments.is_empty());
        found.map(|(_, arguments, place)| (arguments.as_slice(), place.as_str()))
    }

    /// An address, in which `%h` stands for the name.
    fn expanded(&self, address: &str) -> String {
        address.replace("%h", self.name)
    }

    /// A path as it is written: below the home directory, or in a folder.
    fn path(&self, written: &str, folder: &Path) -> PathBuf {
        match written.strip_prefix("~/").or_else(|| written.strip_prefix("%d/")) {
            Some(rest) => self.home.join(rest),
            None => folder.join(written),
        }
    }

    fn settings(&self) -> Result<Settings, String> {
        let one = |keyword: &str| self.first(keyword).map(|(arguments, _)| arguments[0].clone());
        let refused = ["proxycommand", "certificatefile", "revokedhostkeys", "knownhostscommand", "pkcs11provider"];
        for keyword in refused {
            if let Some((arguments, place)) = self.first(keyword).filter(|(arguments, _)| arguments[0] != "none") {
                return Err(format!("{place}: `{keyword} {}` is not followed here", arguments.join(" ")));
            }
        }
        let port = self.first("port").map(|(arguments, place)| {
            arguments[0].parse::<u16>().map_err(|_| format!("{place}: `{}` is not a port", arguments[0]))
        });
        let port = port.transpose()?;
        let user = one("user");
        let address = one("hostname").map(|written| self.expanded(&written));
        let reached = address.as_deref().unwrap_or(self.name);
        let filled = |written: &str, place: &str| {
            let text = written
                .replace("%h", reached)
                .replace("%n", self.name)
                .replace("%r", user.as_deref().unwrap_or("root"));
            let text = text.replace("%p", &port.unwrap_or(22).to_string());
            match text.strip_prefix("%d/").unwrap_or(&text).contains(['%', '$']) {
                true => Err(format!("{place}: `{written}` has something in it that is not filled in here")),
                false => Ok(self.path(&text, Path::new(""))),
            }
        };
        let named = self.found.iter().filter(|(keyword, ..)| keyword == "identityfile");
        let named: Vec<PathBuf> = named
            .filter(|(_, arguments, _)| arguments.first().is_some_and(|file| file != "none"))
            .map(|(_, arguments, place)| filled(&arguments[0], place))
            .collect::<Result<_, _>>()?;
        let usual = ["id_rsa", "id_ecdsa", "id_ed25519"].map(|name| self.home.join(".ssh").join(name));
        let known = |keyword: &str, usual: [PathBuf; 2]| match self.first(keyword) {
            None => Ok(usual.to_vec()),
            Some((files, _)) if files[0] == "none" => Ok(Vec::new()),
            Some((files, place)) => files.iter().map(|file| filled(file, place)).collect::<Result<Vec<_>, _>>(),
        };
        let own = ["known_hosts", "known_hosts2"].map(|name| self.home.join(".ssh").join(name));
        let machine = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from);
        let mut known_hosts = known("userknownhostsfile", own)?;
        known_hosts.extend(known("globalknownhostsfile", machine)?);
        let jumps = one("proxyjump").filter(|jumps| jumps != "none");
        Ok(Settings {
            identities: if named.is_empty() { usual.to_vec() } else { named },
            only: one("identitiesonly").is_some_and(|value| value.eq_ignore_ascii_case("yes")),
            jumps: jumps.iter().flat_map(|jumps| jumps.split(',')).map(|jump| jump.trim().to_owned()).collect(),
            known_hosts,
            alias: one("hostkeyalias"),
            address,
            user,
            port,
        })
    }
}

/// The files that a name with `*` and `?` in its last part stands for, in their order.
fn included(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    if !name.contains(['*', '?']) {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let hit = |entry: &std::fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|one| !one.starts_with('.') && pattern::matches(name, one))
    };
    let mut files: Vec<PathBuf> = entries.filter(hit).map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// The keyword of a line, in lower case, and its arguments: separated by blanks, an `=` after the keyword, in quotes if need be.
fn words(line: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|letter: char| letter.is_whitespace() || letter == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let mut rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let mut arguments = Vec::new();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (argument, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        arguments.push(argument.to_owned());
        rest = after.trim_start();
    }
    Ok(Some((keyword.to_lowercase(), arguments)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What OpenSSH makes of the same file, by `ssh -G`.
    fn openssh(file: &Path, name: &str) -> Option<Vec<(String, String)>> {
        let output = std::process::Command::new("ssh").arg("-G").arg("-F").arg(file).arg(name).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(
            text.lines()
                .filter_map(|line| line.split_once(' '))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    const TEXT: &str = "
# The first value counts.
Include conf.d/*.conf
Host db-?? !db-99
  HostName %h.lab.example
  User = op
  Port 2201
  IdentityFile ~/.ssh/db
  IdentityFile \"~/.ssh/with space\"
Host db-99
  Port 99
Host *.lab.example
  Port 1
Match originalhost db-01 host db-01.lab.example
  ProxyJump jump@bastion:2222,inner
Host *
  User nobody
  Port 22
  UserKnownHostsFile ~/.ssh/k1 ~/.ssh/k2
  IdentitiesOnly yes
";

    #[test]
    fn settings_are_those_that_openssh_finds() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        std::fs::create_dir_all(ssh.join("conf.d")).unwrap();
        std::fs::write(ssh.join("config"), TEXT).unwrap();
        std::fs::write(ssh.join("conf.d/10.conf"), "Host db-02\n HostKeyAlias two\nHost *\n").unwrap();
        // OpenSSH takes included files of a file that is named by -F from the user's own directory, so that it is spelled out for it.
        let spelled = TEXT.replace("conf.d/", &format!("{}/conf.d/", ssh.display()));
        std::fs::write(ssh.join("spelled"), spelled).unwrap();
        for name in ["db-01", "db-02", "db-99", "DB-03", "x.lab.example", "other"] {
            let found = settings(home.path(), home.path(), name).unwrap();
            let Some(expected) = openssh(&ssh.join("spelled"), name) else {
                println!("SKIPPED: no ssh on this machine to compare with");
                return;
            };
            let of = |key: &str| expected.iter().find(|(one, _)| one == key).map(|(_, value)| value.clone());
            assert_eq!(found.user, of("user"), "{name}");
            assert_eq!(found.port.map(|port| port.to_string()), of("port"), "{name}");
            let address = found.address.clone().unwrap_or_else(|| name.to_lowercase());
            assert_eq!(Some(address.to_lowercase()), of("hostname"), "{name}");
            assert_eq!((!found.jumps.is_empty()).then(|| found.jumps.join(",")), of("proxyjump"), "{name}");
            assert_eq!(found.alias, of("hostkeyalias"), "{name}");
            let files = |key: &str| -> Vec<String> {
                expected.iter().filter(|(one, _)| one == key).map(|(_, value)| value.replace("~/", "")).collect()
            };
            if name.starts_with("db-0") {
                let own: Vec<String> = found
                    .identities
                    .iter()
                    .map(|file| file.strip_prefix(home.path()).unwrap().display().to_string())
                    .collect();
                assert_eq!(own, files("identityfile"), "{name}");
            }
            assert!(found.only && found.known_hosts[..2] == [ssh.join("k1"), ssh.join("k2")], "{found:?}");
        }
    }

    #[test]
    fn what_is_not_followed_is_refused_with_its_place() {
        let cases = [
            ("ProxyCommand nc %h %p", "line 1: `proxycommand nc %h %p` is not followed"),
            ("Port ssh", "line 1: `ssh` is not a port"),
            ("User op\nMatch exec true\nPort 1", "line 2: `Match exec`"),
            ("IdentityFile \"a", "a quote is not closed"),
            ("IdentityFile ~/.ssh/%C", "not filled in"),
            ("Include ~/.ssh/config", "include one another"),
        ];
        for (text, words) in cases {
            let home = tempfile::tempdir().unwrap();
            std::fs::create_dir(home.path().join(".ssh")).unwrap();
            std::fs::write(home.path().join(".ssh/config"), text).unwrap();
            let why = settings(home.path(), home.path(), "host").unwrap_err();
            assert!(why.contains(words) && why.contains("config"), "{text}: {why}");
        }
        assert_eq!(settings(Path::new("/nowhere"), Path::new("/nowhere"), "host").unwrap().port, None);
    }
}
