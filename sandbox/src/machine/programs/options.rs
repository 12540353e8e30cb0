//! Command lines in the manner of getopt_long(3), as the programs of util-linux and coreutils read them.

use std::collections::BTreeMap;

/// A command line, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Options {
    by_key: BTreeMap<String, Vec<String>>,
    /// What is neither an option nor an option's value.
    pub(crate) operands: Vec<String>,
}

impl Options {
    /// Takes a command line apart. `spec` names the options a program knows, without dashes, all spellings of one in one
    /// group; a trailing `=` says that a value follows: `["J|json", "o|output="]`. The first spelling is the key.
    ///
    /// # Errors
    /// Says what getopt_long says of the first unknown option or missing value.
    pub(crate) fn parse(args: &[String], spec: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = args.iter();
        let lookup = |name: &str| {
            spec.iter().find_map(|group| {
                let names = group.trim_end_matches('=');
                let mut spellings = names.split('|');
                let key = names.split('|').next()?;
                spellings.any(|spelling| spelling == name).then(|| (key.to_owned(), group.ends_with('=')))
            })
        };
        while let Some(word) = words.next() {
            if word == "--" {
                options.operands.extend(words.by_ref().cloned());
            } else if let Some(long) = word.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let (key, takes) = lookup(name).ok_or_else(|| format!("unrecognized option '{word}'"))?;
                let value = match (takes, value) {
                    (true, None) => words.next().cloned().ok_or(format!("option '{word}' requires an argument"))?,
                    (_, value) => value.unwrap_or_default(),
                };
                options.by_key.entry(key).or_default().push(value);
            } else if word.len() > 1 && word.starts_with('-') {
                options.short(&word[1..], &mut words, &lookup)?;
            } else {
                options.operands.push(word.clone());
            }
        }
        Ok(options)
    }

    fn short<'a>(
        &mut self,
        cluster: &str,
        words: &mut impl Iterator<Item = &'a String>,
        lookup: &dyn Fn(&str) -> Option<(String, bool)>,
    ) -> Result<(), String> {
        for (at, letter) in cluster.char_indices() {
            let (key, takes) = lookup(&letter.to_string()).ok_or(format!("invalid option -- '{letter}'"))?;
            let rest = &cluster[at + letter.len_utf8()..];
            let value = match (takes, rest) {
                (false, _) => String::new(),
                (true, "") => words.next().cloned().ok_or(format!("option requires an argument -- '{letter}'"))?,
                (true, rest) => rest.to_owned(),
            };
            self.by_key.entry(key).or_default().push(value);
            if takes {
                break;
            }
        }
        Ok(())
    }

    /// Whether an option was given.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// The last value of an option.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.by_key.get(key)?.last().map(String::as_str)
    }

    /// All values of an option, in order.
    pub(crate) fn values(&self, key: &str) -> &[String] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// The last value of an option as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.value(key)?.parse().ok()
    }
}
