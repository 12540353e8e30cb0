//! Patterns of hosts as OpenSSH has them (ssh_config(5), PATTERNS): `*`, `?`, lists, and `!` before a pattern that excludes.

/// Whether a pattern matches the whole of a text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last `*` stands, and how much of the text it has taken.
    let mut star = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[seen] => (at, seen) = (at + 1, seen + 1),
            _ => {
                let Some((back, taken)) = star else { return false };
                star = Some((back, taken + 1));
                (at, seen) = (back + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

/// Whether a list matches: one of its patterns does, and none of those with `!`.
pub(super) fn list<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(excluded) if matches(excluded, text) => return false,
            Some(_) => {}
            None => found |= matches(pattern, text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_openssh() {
        let cases = [
            ("*", "", true),
            ("*.example.org", "a.b.example.org", true),
            ("*.example.org", "example.org", false),
            ("node0?", "node01", true),
            ("node0?", "node0", false),
            ("a*b*c", "axxbyybzzc", true),
            ("a*b*c", "axxbyyb", false),
            ("[10.0.0.*]:2207", "[10.0.0.7]:2207", true),
            ("[10.0.0.*]:2207", "10.0.0.7", false),
            ("**", "x", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn one_excluding_pattern_outweighs_all_others() {
        let matched = |patterns: &str, text: &str| list(patterns.split(','), text);
        assert!(matched("*.lab,!bad.lab", "good.lab"));
        assert!(!matched("*.lab,!bad.lab", "bad.lab") && !matched("!bad.lab,*", "bad.lab"));
        assert!(!matched("!bad.lab", "good.lab"), "what is only excluded from is not matched");
    }
}
