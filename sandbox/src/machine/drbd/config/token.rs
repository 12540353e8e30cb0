//! The words of a configuration file: strings, quoted or not, and the marks `{`, `}` and `;`, each with its line.

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Its text, without quotes.
    pub(super) text: String,
    /// Whether it is a mark.
    pub(super) mark: bool,
    /// Its line.
    pub(super) line: usize,
}

/// Takes a file apart. Comments run from `#` to the end of the line.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    let mut line = 1;
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => line += 1,
            '#' => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '{' | '}' | ';' => tokens.push(Token { text: letter.to_string(), mark: true, line }),
            '"' => {
                let mut word = String::new();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    if letter == '\\' {
                        word.extend(letters.next());
                    } else {
                        word.push(letter);
                    }
                }
                tokens.push(Token { text: word, mark: false, line });
            }
            letter if letter.is_whitespace() => {}
            letter => {
                let mut word = letter.to_string();
                let part = |letter: &char| !letter.is_whitespace() && !"{};\"#".contains(*letter);
                while let Some(letter) = letters.next_if(part) {
                    word.push(letter);
                }
                tokens.push(Token { text: word, mark: false, line });
            }
        }
    }
    tokens
}
