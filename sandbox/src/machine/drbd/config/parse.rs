//! The grammar of a configuration file, with drbdadm's words for what it does not accept.

use super::token::{Token, tokens};
use super::{Config, Host, Resource, Section, Volume, known};
use crate::machine::drbd::Endpoint;

/// What may stand in a `resource` section.
const IN_RESOURCE: &str =
    "protocol | on | disk | net | syncer | startup | handlers | connection | ignore-on | stacked-on-top-of | skip";
/// The same for DRBD 8.4.
const IN_RESOURCE_84: &str = "protocol | on | disk | net | syncer | startup | handlers | ignore-on | stacked-on-top-of";
/// What may stand in an `on` section.
const IN_HOST: &str = "disk | device | address | meta-disk | flexible-meta-disk | node-id | skip";
/// The same for DRBD 8.4.
const IN_HOST_84: &str = "disk | device | address | meta-disk | flexible-meta-disk";
/// What may stand at the top.
const AT_TOP: &str = "global | common | resource | skip | include |\n\trequire-drbd-module-version-{eq,ne,gt,ge,lt,le}";
/// The same for DRBD 8.4.
const AT_TOP_84: &str = "global | common | resource | skip | include";
/// What drbdadm knows and this one does not.
const UNKNOWN_HERE: [&str; 9] = [
    "volume",
    "connection",
    "connection-mesh",
    "floating",
    "stacked-on-top-of",
    "ignore-on",
    "syncer",
    "skip",
    "template-file",
];

/// What drbdadm knows at the top of a file and this one does not.
fn is_foreign_at_top(word: &str) -> bool {
    matches!(word, "include" | "skip") || word.starts_with("require-drbd-module-version-")
}

impl Config {
    /// Adds what a file says.
    ///
    /// # Errors
    /// What drbdadm prints of the first fault.
    pub(super) fn read(&mut self, path: &str, text: &str, legacy: bool) -> Result<(), String> {
        let mut parser = Parser { path, tokens: tokens(text), next: 0, legacy };
        while let Some(token) = parser.take() {
            match token.text.as_str() {
                "resource" if !token.mark => {
                    let resource = parser.resource()?;
                    self.resources.push(resource);
                }
                "common" if !token.mark => {
                    parser.mark('{')?;
                    while let Some(token) = parser.take().filter(|token| token.text != "}") {
                        match known::SECTIONS.iter().find(|name| **name == token.text) {
                            Some(name) => self.common.push(parser.section(name)?),
                            None => return Err(parser.foreign(&token)),
                        }
                    }
                }
                "global" if !token.mark => {
                    parser.mark('{')?;
                    while parser.take().is_some_and(|token| token.text != "}") {}
                }
                word if !token.mark && is_foreign_at_top(word) => return Err(parser.foreign(&token)),
                _ => return Err(parser.expected(if legacy { AT_TOP_84 } else { AT_TOP }, &token)),
            }
        }
        Ok(())
    }
}

struct Parser<'a> {
    path: &'a str,
    tokens: Vec<Token>,
    next: usize,
    legacy: bool,
}

impl Parser<'_> {
    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn line(&self) -> usize {
        self.tokens.get(self.next.saturating_sub(1)).map_or(1, |token| token.line)
    }

    fn expected(&self, what: &str, got: &Token) -> String {
        format!("{}:{}: Parse error: '{what}' expected,\n\tbut got '{}'\n", self.path, got.line, got.text)
    }

    /// As [`Self::expected`], with the number that drbdadm's scanner has for the token.
    fn expected_token(&self, what: &str, got: &Token) -> String {
        let number = match got.text.chars().next().filter(|_| got.mark) {
            Some(mark) => u32::from(mark),
            None => 281 + u32::from(self.legacy),
        };
        let words = self.expected(what, got);
        format!("{} (TK {number})\n", words.trim_end())
    }

    fn foreign(&self, got: &Token) -> String {
        let (path, line, text) = (self.path, got.line, &got.text);
        format!(
            "{path}:{line}: the sandbox lacks drbd-configuration: '{text}' in {path} (it knows resources of two 'on' sections \
             with one volume each)\n"
        )
    }

    fn end_of_file(&self) -> Token {
        Token { text: String::new(), mark: false, line: self.line() }
    }

    fn mark(&mut self, mark: char) -> Result<(), String> {
        match self.take() {
            Some(token) if token.mark && token.text.starts_with(mark) => Ok(()),
            Some(token) => Err(self.expected_token(&mark.to_string(), &token)),
            None => Err(self.expected_token(&mark.to_string(), &self.end_of_file())),
        }
    }

    fn word(&mut self, what: &str) -> Result<String, String> {
        match self.take() {
            Some(token) if !token.mark => Ok(token.text),
            Some(token) => Err(self.expected_token(what, &token)),
            None => Err(self.expected_token(what, &self.end_of_file())),
        }
    }

    fn value(&mut self) -> Result<String, String> {
        let value = self.word("value")?;
        self.mark(';')?;
        Ok(value)
    }

    fn resource(&mut self) -> Result<Resource, String> {
        let line = self.line();
        let name = self.word("resource name")?;
        self.mark('{')?;
        let at = (self.path.to_owned(), line);
        let mut resource = Resource { name, at, volume: Volume::default(), hosts: Vec::new(), sections: Vec::new() };
        // A file may end before its last brace: drbdadm does not mind.
        while let Some(token) = self.take().filter(|token| token.text != "}") {
            let opens = self.tokens.get(self.next).is_some_and(|next| next.text == "{");
            match (token.text.as_str(), opens) {
                ("on", _) => {
                    let host = self.host()?;
                    resource.hosts.push(host);
                }
                ("disk", false) | ("device" | "meta-disk", _) => self.volume(&token, &mut resource.volume)?,
                ("protocol", _) => {
                    let options = vec![("protocol".to_owned(), self.value()?)];
                    resource.sections.push(Section { name: "net", options });
                }
                (word, _) if UNKNOWN_HERE.contains(&word) => return Err(self.foreign(&token)),
                (word, _) => match known::SECTIONS.iter().find(|name| **name == word) {
                    Some(name) => {
                        if let Some(first) = resource.sections.iter().find(|section| section.name == *name) {
                            let what = format!("{}:{}", resource.name, first.name);
                            return Err(format!(
                                "{}:{}: conflicting use of {name} section '{what}' ...\n",
                                self.path, token.line
                            ));
                        }
                        let section = self.section(name)?;
                        resource.sections.push(section);
                    }
                    None => {
                        return Err(self.expected_token(if self.legacy { IN_RESOURCE_84 } else { IN_RESOURCE }, &token));
                    }
                },
            }
        }
        Ok(resource)
    }

    fn section(&mut self, name: &'static str) -> Result<Section, String> {
        self.mark('{')?;
        let mut options = Vec::new();
        while let Some(token) = self.take().filter(|token| token.text != "}") {
            if token.mark || !known::options(name, self.legacy).contains(&token.text.as_str()) {
                return Err(self.expected(&known::expected(name, self.legacy), &token));
            }
            let value = self.word("value")?;
            if let Some(words) = known::refusal(&token.text, &value, self.legacy) {
                let place = format!("{}:{}: Parse error: ", self.path, token.line);
                return Err(if words.starts_with("while") { place + &words } else { words });
            }
            self.mark(';')?;
            options.push((token.text, value));
        }
        Ok(Section { name, options })
    }

    fn host(&mut self) -> Result<Host, String> {
        let line = self.line();
        let name = self.word("hostname")?;
        self.mark('{')?;
        let mut host = Host { name, line, node_id: None, volume: Volume::default(), address: None };
        while let Some(token) = self.take().filter(|token| token.text != "}") {
            match token.text.as_str() {
                "device" | "disk" | "meta-disk" => self.volume(&token, &mut host.volume)?,
                "address" => host.address = Some(self.address()?),
                "node-id" if !self.legacy => {
                    let value = self.value()?;
                    let number = value.parse().map_err(|_| self.expected("number", &Token { text: value, ..token }))?;
                    host.node_id = Some(number);
                }
                "volume" | "skip" | "flexible-meta-disk" if !self.legacy => return Err(self.foreign(&token)),
                _ => return Err(self.expected(if self.legacy { IN_HOST_84 } else { IN_HOST }, &token)),
            }
        }
        Ok(host)
    }

    fn volume(&mut self, token: &Token, volume: &mut Volume) -> Result<(), String> {
        match token.text.as_str() {
            "disk" => volume.disk = Some(self.value()?),
            "meta-disk" => match self.value()?.as_str() {
                "internal" => volume.meta_disk = true,
                _ => {
                    let (path, line) = (self.path, token.line);
                    let what = format!("external metadata in {path}");
                    return Err(format!("{path}:{line}: the sandbox lacks drbd-configuration: {what}\n"));
                }
            },
            _ => {
                let first = self.word("device")?;
                let mut device = if first.starts_with('/') { first.clone() } else { format!("/dev/{first}") };
                let minor = match self.take() {
                    Some(next) if next.text == ";" && next.mark => device.trim_start_matches("/dev/drbd").to_owned(),
                    Some(next) if next.text == "minor" => self.value()?,
                    // `device minor 0;`
                    Some(next) if first == "minor" => {
                        self.mark(';')?;
                        next.text
                    }
                    Some(next) => return Err(self.expected_token("minor | ;", &next)),
                    None => return Err(self.expected_token("minor | ;", &self.end_of_file())),
                };
                if first == "minor" {
                    device = format!("/dev/drbd{minor}");
                }
                let number = minor
                    .parse()
                    .map_err(|_| self.expected("minor number", &Token { text: minor, ..token.clone() }))?;
                volume.device = Some((device, number));
            }
        }
        Ok(())
    }

    fn address(&mut self) -> Result<(String, Endpoint), String> {
        let mut word = self.word("address")?;
        let mut family = "ipv4".to_owned();
        if ["ipv4", "ipv6", "sdp", "ssocks"].contains(&word.as_str()) {
            family = std::mem::replace(&mut word, self.word("address")?);
        }
        let split = word.rsplit_once(':').and_then(|(address, port)| Some((address.to_owned(), port.parse().ok()?)));
        let Some((address, port)) = split else {
            let next = self.take().unwrap_or_else(|| self.end_of_file());
            return Err(self.expected_token(":", &next));
        };
        self.mark(';')?;
        // Of IPv6 the brackets belong to the way it is written.
        let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).map(str::to_owned);
        Ok((family, Endpoint { address: bare.unwrap_or(address), port }))
    }
}
