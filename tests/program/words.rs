//! One word for one thing: code, comments, documents and scripts do not use the words that `docs/words.txt` lists. Not spelling, and not
//! style beyond that list.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The files that are held to the list, by extension: code, documents and scripts. Recorded output is not.
const READ: [&str; 8] = ["rs", "md", "yml", "yaml", "html", "py", "sh", "awk"];

/// The page that has to name the words that are not used.
const GLOSSARY: &str = "docs/glossary.md";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    Prose,
}

/// A word of a file: its text in lower case, and where it begins and ends, in bytes.
#[derive(Debug)]
struct Word {
    kind: Kind,
    text: String,
    at: usize,
    end: usize,
}

/// A line of the list.
#[derive(Debug)]
struct Rule {
    kinds: Vec<Kind>,
    words: Vec<String>,
    instead: String,
    why: String,
    allowed: Vec<Vec<String>>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn split(phrase: &str) -> Vec<String> {
    phrase.split_whitespace().map(str::to_owned).collect()
}

fn rules() -> Vec<Rule> {
    let text = fs::read_to_string(root().join("docs/words.txt")).expect("docs/words.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| rule(line).unwrap_or_else(|| panic!("docs/words.txt: {line}"))).collect()
}

fn rule(line: &str) -> Option<Rule> {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let [place, words, instead, why, allowed] = columns[..] else { return None };
    let kinds = match place {
        "name" => vec![Kind::Name],
        "prose" => vec![Kind::Prose],
        "any" => vec![Kind::Name, Kind::Prose],
        _ => return None,
    };
    let allowed = allowed.split(',').map(split).filter(|phrase| !phrase.is_empty()).collect();
    Some(Rule { kinds, words: split(words), instead: instead.to_owned(), why: why.to_owned(), allowed })
}

/// The words of prose between two offsets of a text.
fn prose(text: &str, from: usize, to: usize, words: &mut Vec<Word>) {
    let mut begin = None;
    for (offset, c) in text[from..to].char_indices().map(|(offset, c)| (from + offset, c)).chain([(to, ' ')]) {
        match (begin, c.is_alphabetic()) {
            (None, true) => begin = Some(offset),
            (Some(at), false) => {
                words.push(Word { kind: Kind::Prose, text: text[at..offset].to_lowercase(), at, end: offset });
                begin = None;
            }
            _ => {}
        }
    }
}

/// The words of an identifier. With more than three of them it is a sentence, as the names of tests are.
fn name(text: &str, from: usize, to: usize, words: &mut Vec<Word>) {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    let mut joins = false;
    for (offset, c) in text[from..to].char_indices().map(|(offset, c)| (from + offset, c)) {
        // A capital begins a word, and every further one of `KEPT` belongs to it.
        let begins = !joins || (c.is_uppercase() && text[..offset].ends_with(char::is_lowercase));
        match parts.last_mut() {
            _ if !c.is_alphabetic() => {}
            Some(part) if !begins => part.1 = offset + c.len_utf8(),
            _ => parts.push((offset, offset + c.len_utf8())),
        }
        joins = c.is_alphabetic();
    }
    let kind = if parts.len() > 3 { Kind::Prose } else { Kind::Name };
    words.extend(parts.into_iter().map(|(at, end)| Word { kind, text: text[at..end].to_lowercase(), at, end }));
}

/// The words of a Rust file: prose in comments and literals, names elsewhere.
fn of_rust(text: &str) -> Vec<Word> {
    let (bytes, mut words, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let rest = &text[at..];
        let end = at
            + if rest.starts_with("//") {
                let length = rest.find('\n').unwrap_or(rest.len());
                prose(text, at, at + length, &mut words);
                length
            } else if let Some(length) = literal(rest) {
                prose(text, at, at + length, &mut words);
                length
            } else if bytes[at].is_ascii_alphabetic() || bytes[at] == b'_' {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                name(text, at, at + length, &mut words);
                length
            } else {
                rest.chars().next().map_or(1, char::len_utf8)
            };
        at = end;
    }
    words
}

/// The length of the literal of text or of one character that a text begins with.
fn literal(text: &str) -> Option<usize> {
    let raw = text.strip_prefix('b').unwrap_or(text).strip_prefix('r');
    if let Some(raw) = raw.filter(|raw| raw.trim_start_matches('#').starts_with('"')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let close = format!("\"{}", "#".repeat(hashes));
        let begin = text.len() - raw.len() + hashes + 1;
        return Some(text[begin..].find(&close).map_or(text.len(), |end| begin + end + close.len()));
    }
    let quote = text.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    let mut chars = text.char_indices().skip(1);
    let mut length = 0;
    while let Some((offset, c)) = chars.next() {
        length += 1;
        match c {
            '\\' => drop(chars.next()),
            c if c == quote => return Some(offset + 1),
            // A lifetime: a literal has its other quote after one character.
            _ if quote == '\'' && length > 1 => return None,
            _ => {}
        }
    }
    None
}

/// Whether only space stands between two words of a phrase, or the beginning of the next line of a comment.
fn joined(text: &str, one: &Word, next: &Word) -> bool {
    one.kind == next.kind && text[one.end..next.at].chars().all(|c| c.is_whitespace() || "/!#>\\_".contains(c))
}

/// Whether a phrase begins at a word.
fn matches(text: &str, words: &[Word], from: usize, phrase: &[String]) -> bool {
    words.get(from..from + phrase.len()).is_some_and(|found| {
        found.iter().zip(phrase).all(|(word, wanted)| word.text == *wanted)
            && found.windows(2).all(|pair| joined(text, &pair[0], &pair[1]))
    })
}

/// Whether the words of a rule stand there in a phrase that is allowed.
fn is_allowed(text: &str, words: &[Word], from: usize, rule: &Rule) -> bool {
    rule.allowed.iter().any(|phrase| {
        let begins =
            (0..=phrase.len().saturating_sub(rule.words.len())).filter(|skip| phrase[*skip..].starts_with(&rule.words));
        begins.into_iter().any(|skip| from >= skip && matches(text, words, from - skip, phrase))
    })
}

/// Every place where a text uses a word of the list: `line:column`, the word, and what to write.
fn findings(path: &Path, text: &str, rules: &[Rule]) -> Vec<String> {
    let mut words = Vec::new();
    match path.extension().is_some_and(|extension| extension == "rs") {
        true => words = of_rust(text),
        false => prose(text, 0, text.len(), &mut words),
    }
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        for rule in rules {
            let hit = rule.kinds.contains(&word.kind) && matches(text, &words, index, &rule.words);
            if !hit || is_allowed(text, &words, index, rule) {
                continue;
            }
            let before = &text[..word.at];
            let (line, column) =
                (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1);
            let (words, instead, why) = (rule.words.join(" "), &rule.instead, &rule.why);
            found.push(format!("{}:{line}:{column}: `{words}`: write {instead} ({why})", path.display()));
        }
    }
    found
}

/// The files that the list is held against, from the root of the repository.
fn files() -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![root().to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            // A script without an extension says in its first line what it is.
            let read = match path.extension().and_then(OsStr::to_str) {
                Some(extension) => READ.contains(&extension),
                None => fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"#!")),
            };
            if path.is_dir() && file != "target" && !file.starts_with('.') {
                open.push(path);
            } else if read && path.is_file() {
                files.push(path.strip_prefix(root()).expect("a path below").to_owned());
            }
        }
    }
    files.sort();
    assert!(files.len() > 500, "{} files", files.len());
    files
}

fn of_file(path: &Path, rules: &[Rule]) -> Vec<String> {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    findings(path, &text, rules)
}

#[test]
fn one_word_stands_for_one_thing() {
    let rules = rules();
    let held = |path: &&PathBuf| path != &Path::new(GLOSSARY);
    let found: Vec<String> = files().iter().filter(held).flat_map(|path| of_file(path, &rules)).collect();
    assert!(found.is_empty(), "{} places, by docs/words.txt:\n{}", found.len(), found.join("\n"));
}

/// What git leaves where two changes meet, and a person has to choose.
#[test]
fn no_file_has_two_versions_of_a_place() {
    let marked = |path: &&PathBuf| {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        text.lines().any(|line| ["<", ">"].iter().any(|sign| line.starts_with(&(sign.repeat(7) + " "))))
    };
    assert_eq!(files().iter().filter(marked).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

#[test]
fn every_line_of_the_list_finds_its_words_and_lets_its_exceptions_be() {
    let seen = |path: &str, text: &str, rule: &Rule| findings(Path::new(path), text, std::slice::from_ref(rule)).len();
    for rule in rules() {
        let words = rule.words.join(" ");
        if rule.kinds.contains(&Kind::Prose) {
            let broken = rule.words.join("\n    /// ");
            for text in [
                format!("fn x() {{}} // It {words}x {words} y."),
                format!("let x = r#\"{words}\"#;"),
                format!("/// x {broken} y"),
            ] {
                assert_eq!(seen("x.rs", &text, &rule), 1, "{text}");
            }
            assert_eq!(seen("x.md", &format!("As {words}: {words}\n"), &rule), 2, "{words}");
            assert_eq!(seen("x.rs", &format!("fn {}_in_a_test()", words.replace(' ', "_")), &rule), 1, "{words}");
        }
        if rule.kinds.contains(&Kind::Name) {
            let title: String =
                words.chars().take(1).flat_map(char::to_uppercase).chain(words.chars().skip(1)).collect();
            for name in [
                format!("let {words}x = {words};"),
                format!("assert_{words}"),
                format!("Disk{title}"),
                words.to_uppercase(),
            ] {
                assert_eq!(seen("x.rs", &name, &rule), 1, "{name}");
            }
        }
        for phrase in &rule.allowed {
            assert_eq!(seen("x.md", &phrase.join(" "), &rule), 0, "{phrase:?}");
        }
    }
}

#[test]
fn literals_end_where_they_end() {
    for (text, length) in [
        (r#""a\"b" c"#, Some(6)),
        (r###"r#"a"b"# c"###, Some(8)),
        (r#"b"a" c"#, None),
        (r#"br"a" c"#, Some(5)),
        ("'a' b", Some(3)),
        (r"'\'' b", Some(4)),
        ("'a, 'b", None),
        ("rest", None),
    ] {
        assert_eq!(literal(text), length, "{text}");
    }
}
