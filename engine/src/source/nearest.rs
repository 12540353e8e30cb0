//! "Did you mean": the nearest known word to a misspelt one.

/// Finds the candidate nearest to a word, if one is near enough to be meant (at most a third of its letters differ).
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Counts the edits between two words: insert, delete, replace, swap neighbours. Case and `-`/`_` do not count.
fn distance(a: &str, b: &str) -> usize {
    let fold = |word: &str| word.to_lowercase().replace('-', "_");
    strsim::osa_distance(&fold(a), &fold(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let known = ["timeout", "retry", "register", "when"];
        let cases =
            [("timout", Some("timeout")), ("Retry", Some("retry")), ("regsiter", Some("register")), ("zzz", None)];
        for (word, expected) in cases {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
