//! A configuration file as a tree of sections and statements, whatever they are called: as much of DRBD's grammar as is needed to
//! tell what a file holds. Not what it means.

/// A statement (`disk /dev/sdc;`) or a section (`net { ... }`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its words without quotes; the first one is the keyword.
    pub(crate) words: Vec<String>,
    /// What is in the section; `None` of a statement.
    pub(crate) inside: Option<Vec<Item>>,
}

impl Item {
    /// The keyword; empty of a section without one.
    pub(crate) fn keyword(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// What follows the keyword, with spaces between the words.
    pub(crate) fn value(&self) -> String {
        self.words.get(1..).unwrap_or_default().join(" ")
    }

    /// What is in a section; nothing in a statement.
    pub(crate) fn items(&self) -> &[Item] {
        self.inside.as_deref().unwrap_or_default()
    }

    /// The sections of a keyword in this one.
    pub(crate) fn sections<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a Item> {
        self.items().iter().filter(move |item| item.inside.is_some() && item.keyword() == keyword)
    }

    /// The value of a statement in this section.
    pub(crate) fn statement(&self, keyword: &str) -> Option<String> {
        self.items().iter().find(|item| item.inside.is_none() && item.keyword() == keyword).map(Item::value)
    }
}

/// The sections that are open while a text is read, each with its head; the first one is the file itself.
struct Open(Vec<(Vec<String>, Vec<Item>)>);

impl Open {
    /// Ends a statement, if there is one.
    fn end(&mut self, words: &mut Vec<String>) {
        let words = std::mem::take(words);
        if let Some((_, items)) = self.0.last_mut().filter(|_| !words.is_empty()) {
            items.push(Item { words, inside: None });
        }
    }

    /// Closes the innermost section; nothing if there is none.
    fn close(&mut self) {
        if self.0.len() > 1
            && let Some((words, items)) = self.0.pop()
            && let Some((_, above)) = self.0.last_mut()
        {
            above.push(Item { words, inside: Some(items) });
        }
    }
}

/// Reads a file, or what `drbdadm dump` prints. A section that is not closed ends with the text, as for drbdadm.
pub(crate) fn read(text: &str) -> Vec<Item> {
    let mut letters = text.chars().peekable();
    let mut open = Open(vec![(Vec::new(), Vec::new())]);
    let mut words: Vec<String> = Vec::new();
    while let Some(letter) = letters.next() {
        match letter {
            '#' => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '"' => {
                let mut word = String::new();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    word.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
                }
                words.push(word);
            }
            '{' => open.0.push((std::mem::take(&mut words), Vec::new())),
            ';' => open.end(&mut words),
            '}' => {
                open.end(&mut words);
                open.close();
            }
            letter if letter.is_whitespace() => {}
            letter => {
                let mut word = String::from(letter);
                let goes_on = |letter: &char| !letter.is_whitespace() && !"{};\"#".contains(*letter);
                while let Some(letter) = letters.next_if(goes_on) {
                    word.push(letter);
                }
                words.push(word);
            }
        }
    }
    open.end(&mut words);
    while open.0.len() > 1 {
        open.close();
    }
    open.0.pop().map(|(_, items)| items).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_statements_are_distinguished() {
        let text = "# a comment { }\nresource \"r 0\" {\n  disk { on-io-error detach; }\n  on a b { disk /dev/sdc; address ipv6 [::1]:7790 }\n";
        let [resource] = read(text).try_into().unwrap();
        assert_eq!((resource.keyword(), resource.value().as_str()), ("resource", "r 0"));
        assert_eq!(resource.sections("disk").count(), 1);
        assert_eq!(resource.statement("disk"), None);
        let [on]: [&Item; 1] = resource.sections("on").collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(on.value(), "a b");
        assert_eq!(on.statement("disk").as_deref(), Some("/dev/sdc"));
        assert_eq!(on.statement("address").as_deref(), Some("ipv6 [::1]:7790"));
        assert_eq!(read("} } resorce"), [Item { words: vec!["resorce".into()], inside: None }]);
        assert_eq!(read(""), []);
    }
}
