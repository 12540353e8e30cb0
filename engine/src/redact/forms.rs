//! The forms in which a secret can stand in a text: how others write it, and which digits of an encoded text are its own.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use cutover_protocol::hidden::{Form, Letters, UrlEscapes, UrlPlain};
use serde_json::Value;

/// The shortest line that is hidden as a part of a secret of several lines, in bytes.
const SHORTEST_LINE: usize = 8;

/// The fewest digits that are hidden as a part of something encoded: fewer would also be found where the secret is not.
const FEWEST_DIGITS: usize = 6;

/// The lengths of the lines into which programs break base64: base64(1) and MIME, PEM.
const WIDTHS: [u8; 2] = [76, 64];

/// All that is looked for to hide a secret, with the form of each; what two forms have in common has the first one.
pub(super) fn needles(text: &str) -> impl Iterator<Item = (String, Form)> {
    forms(text).into_iter().filter_map(|form| Some((shape(text, form)?, form))).filter(|(needle, _)| !needle.is_empty())
}

fn forms(text: &str) -> Vec<Form> {
    let mut forms = vec![
        Form::Plain,
        Form::Base64,
        Form::Json,
        Form::Shell,
        Form::ShellJson,
        Form::HtmlJson,
        Form::GoJson,
        Form::AsciiJson,
        Form::JsonTwice,
        Form::ShellPython,
        Form::ShellBackslash,
        Form::ShellDouble,
        Form::DoubledApostrophes,
        Form::Base64Bare,
        Form::Base64Newline,
    ];
    let plain = [
        UrlPlain::Unreserved,
        UrlPlain::Slash,
        UrlPlain::Component,
        UrlPlain::Password,
        UrlPlain::Path,
        UrlPlain::Form,
        UrlPlain::Strict,
    ];
    for letters in [Letters::Capital, Letters::Small] {
        forms.extend(plain.map(|plain| Form::Url(UrlEscapes { plain, letters })));
        forms.push(Form::Hex(letters));
    }
    for third in 0..3 {
        forms.extend([Form::Base64Part(third), Form::Base64UrlPart(third), Form::Base64JsonPart(third)]);
        forms.extend((0..3).map(|outer| Form::Base64PartTwice(third, outer)));
    }
    for width in WIDTHS {
        let lines = STANDARD.encode(text).len().div_ceil(usize::from(width));
        forms.extend((0..lines).filter(|_| lines > 1).map(|line| Form::Base64Line(width, line)));
    }
    // A secret of one line, read with the newline at its end, is used without it.
    let alone = text.lines().filter(|line| !line.is_empty()).count() == 1;
    let lines = text.lines().enumerate().filter(|(_, line)| (alone || line.len() >= SHORTEST_LINE) && *line != text);
    forms.extend(lines.map(|(number, _)| Form::Line(number)));
    forms
}

/// A secret in a form; `None` if that form does not exist for it.
pub(super) fn shape(text: &str, form: Form) -> Option<String> {
    // What is made of a secret is seldom made with the newline at its end.
    let line = text.trim_end_matches(['\n', '\r']);
    match form {
        Form::Plain | Form::Number => Some(text.to_owned()),
        Form::Broken => None,
        Form::Base64 => Some(STANDARD.encode(text)),
        Form::Base64Bare => enough(STANDARD_NO_PAD.encode(line)),
        Form::Base64Newline => enough(STANDARD.encode(format!("{line}\n"))),
        Form::Json => json(text),
        Form::JsonTwice => json(&json(line)?),
        Form::GoJson => Some(escaped(&json(line)?, &[('<', r"\u003c"), ('>', r"\u003e"), ('&', r"\u0026")])),
        Form::AsciiJson => Some(ascii(&json(line)?)),
        Form::Shell => Some(apostrophes(text)),
        Form::ShellJson => Some(apostrophes(&json(text)?)),
        Form::ShellPython => Some(escaped(line, &[('\'', r#"'"'"'"#)])),
        Form::ShellBackslash => Some(backslashes(line, |c| !c.is_alphanumeric() && !"_,.:+@%/-".contains(c))),
        Form::ShellDouble => Some(backslashes(line, |c| r#"\"$`"#.contains(c))),
        Form::DoubledApostrophes => Some(escaped(line, &[('\'', "''")])),
        Form::HtmlJson => {
            let unsafe_in_html = [('<', r"\u003c"), ('>', r"\u003e"), ('&', r"\u0026"), ('\'', r"\u0027")];
            Some(escaped(&json(text)?, &unsafe_in_html))
        }
        Form::Url(escapes) => Some(percent(line, escapes)),
        Form::Hex(letters) => {
            let digits: String = line.bytes().map(|byte| digits(byte, letters)).collect();
            enough(digits)
        }
        Form::Base64Part(third) => enough(part(line, third, STANDARD_NO_PAD.encode(padded(line, third)))),
        Form::Base64UrlPart(third) => enough(part(line, third, URL_SAFE_NO_PAD.encode(padded(line, third)))),
        Form::Base64JsonPart(third) => {
            let json = json(line)?;
            enough(part(&json, third, STANDARD_NO_PAD.encode(padded(&json, third))))
        }
        Form::Base64PartTwice(inner, outer) => {
            let inner = shape(text, Form::Base64Part(inner))?;
            enough(part(&inner, outer, STANDARD_NO_PAD.encode(padded(&inner, outer))))
        }
        Form::Base64Line(width, number) => {
            let (digits, width) = (STANDARD.encode(text), usize::from(width));
            let start = width.checked_mul(number)?;
            enough(digits.get(start..digits.len().min(start.saturating_add(width)))?.to_owned())
        }
        Form::Line(number) => text.lines().nth(number).map(str::to_owned),
    }
}

fn enough(digits: String) -> Option<String> {
    (digits.len() >= FEWEST_DIGITS).then_some(digits)
}

/// A text with a third of the bytes that base64 takes together before it.
fn padded(text: &str, third: u8) -> String {
    format!("{}{text}", "\0".repeat(usize::from(third)))
}

/// The digits that depend on the text alone: neither on the bytes before it nor on those after it.
fn part(text: &str, third: u8, digits: String) -> String {
    let before = usize::from(third) * 8;
    let (start, end) = (before.div_ceil(6), (before + text.len() * 8) / 6);
    digits.get(start..end).unwrap_or_default().to_owned()
}

fn json(text: &str) -> Option<String> {
    let quoted = Value::from(text).to_string();
    Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// Everything beyond ASCII as `\uXXXX`.
fn ascii(text: &str) -> String {
    let (mut out, mut units) = (String::new(), [0; 2]);
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// A text as it stands between apostrophes on a command line ([`cutover_protocol::command::quote`]).
fn apostrophes(text: &str) -> String {
    text.replace('\'', r"'\''")
}

fn escaped(text: &str, escapes: &[(char, &str)]) -> String {
    escapes.iter().fold(text.to_owned(), |text, (plain, escaped)| text.replace(*plain, escaped))
}

fn backslashes(text: &str, is_special: impl Fn(char) -> bool) -> String {
    text.chars().flat_map(|c| is_special(c).then_some('\\').into_iter().chain([c])).collect()
}

fn percent(text: &str, UrlEscapes { plain, letters }: UrlEscapes) -> String {
    let more = match plain {
        UrlPlain::Unreserved => "~",
        UrlPlain::Slash => "~/",
        UrlPlain::Component => "~!*'()",
        UrlPlain::Password => "~$&+,;=",
        UrlPlain::Path => "~$&+:=@",
        UrlPlain::Form => "*",
        UrlPlain::Strict => "",
    };
    let plus = matches!(plain, UrlPlain::Form | UrlPlain::Strict);
    let one = |byte: u8| match char::from(byte) {
        ' ' if plus => "+".to_owned(),
        c if c.is_ascii_alphanumeric() || "-._".contains(c) || more.contains(c) => c.to_string(),
        _ => format!("%{}", digits(byte, letters)),
    };
    text.bytes().map(one).collect()
}

fn digits(byte: u8, letters: Letters) -> String {
    match letters {
        Letters::Small => format!("{byte:02x}"),
        Letters::Capital => format!("{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::redact::Redactor;
    use crate::secrets::SecretValues;

    const SECRET: &str = "P&ss \"w'rd\"/ü+42";

    fn redactor(secret: &str) -> Redactor {
        let mut secrets = SecretValues::default();
        secrets.add("pw", &json!(secret));
        Redactor::new(secrets)
    }

    /// Each text as the named program printed it, with the secret in it.
    #[test]
    fn a_secret_is_hidden_however_other_programs_write_it() {
        let written = [
            ("jq, python", r#"{"pw": "P&ss \"w'rd\"/ü+42"}"#, r#"{"pw": "***"}"#),
            ("json.dumps of Python", r#"{"pw": "P&ss \"w'rd\"/\u00fc+42"}"#, r#"{"pw": "***"}"#),
            ("encoding/json of Go", r#"{"pw":"P\u0026ss \"w'rd\"/ü+42"}"#, r#"{"pw":"***"}"#),
            ("kubectl's last-applied", r#""{\"pw\":\"P&ss \\\"w'rd\\\"/ü+42\"}""#, r#""{\"pw\":\"***\"}""#),
            ("shlex.quote", r#"echo 'P&ss "w'"'"'rd"/ü+42'"#, "echo '***'"),
            ("printf %q", r#"P\&ss\ \"w\'rd\"/ü+42"#, "***"),
            ("double quotes", r#"echo "P&ss \"w'rd\"/ü+42""#, r#"echo "***""#),
            ("YAML, SQL", r#"pw: 'P&ss "w''rd"/ü+42'"#, "pw: '***'"),
            ("urllib.parse.quote", "u:P%26ss%20%22w%27rd%22/%C3%BC%2B42@h", "u:***@h"),
            ("curl --data-urlencode", "pw=P%26ss%20%22w%27rd%22%2F%C3%BC%2B42&", "pw=***&"),
            ("encodeURIComponent", "P%26ss%20%22w'rd%22%2F%C3%BC%2B42", "***"),
            ("a form", "pw=P%26ss+%22w%27rd%22%2F%C3%BC%2B42", "pw=***"),
            ("small letters", "P%26ss%20%22w%27rd%22%2f%c3%bc%2b42", "***"),
            ("url.UserPassword of Go", "u:P&ss%20%22w%27rd%22%2F%C3%BC+42@h", "u:***@h"),
            ("xxd -p", "50267373202277277264222fc3bc2b3432", "***"),
            ("base64 <<<", "UCZzcyAidydyZCIvw7wrNDIK", "***"),
            ("base64 without padding", "UCZzcyAidydyZCIvw7wrNDI", "***"),
        ];
        for (program, text, hidden) in written {
            assert_eq!(redactor(SECRET).text(text), hidden, "{program}");
        }
    }

    #[test]
    fn what_is_encoded_together_with_a_secret_does_not_show_it() {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE};
        for secret in [SECRET, "hunter2", "a-token-of-some-length-0123456789", "ÿ~?>>??~", "x\"y\"z&<>1"] {
            let redactor = redactor(secret);
            for around in ["", "u", "us", "user", "a-longer-user"] {
                for end in ["", "\n", "@", "\"}}", "\r\n\r\n"] {
                    let pair = format!("{around}:{secret}{end}");
                    for encoded in [STANDARD.encode(&pair), URL_SAFE.encode(&pair)] {
                        let hidden = redactor.text(&encoded);
                        assert!(hidden.contains("***"), "{pair:?}: {hidden}");
                        // At most one digit at either end of the secret depends on it and on something else.
                        let rest = encoded.len() - hidden.len() + 3;
                        assert!(rest + 2 >= secret.len() * 4 / 3, "{pair:?}: {hidden}");
                    }
                    let auth = json!({"auths": {"registry": {"auth": STANDARD.encode(&pair)}}}).to_string();
                    assert!(redactor.text(&STANDARD.encode(auth)).contains("***"), "{pair:?} in a Secret");
                    let document = json!({ "a": around, "pw": secret }).to_string();
                    assert!(redactor.text(&STANDARD.encode(document)).contains("***"), "{pair:?} in JSON");
                }
            }
        }
    }

    #[test]
    fn base64_that_is_broken_into_lines_is_hidden_line_by_line() {
        use base64::Engine as _;
        let key: String = (0..40).map(|number| format!("line {number} of a key;")).collect();
        let digits = base64::engine::general_purpose::STANDARD.encode(&key);
        for width in [64, 76] {
            let lines: Vec<&str> = digits.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
            let hidden = redactor(&key).text(&lines.join("\n"));
            assert!(hidden.lines().all(|line| line == "***"), "{width}: {hidden}");
        }
    }

    #[test]
    fn a_secret_of_one_line_is_hidden_without_the_newline_that_it_was_read_with() {
        assert_eq!(redactor("short\n").text("pw=short; cGFzczpzaG9ydA=="), "pw=***; cGFzczp***A==");
    }

    #[test]
    fn a_short_secret_does_not_hide_what_is_not_its_own() {
        let text = "MQ== 31 run cnVu 72756e UA== M";
        assert_eq!(redactor("1").text(text), "*** 3*** run cnVu 72756e UA== M");
    }
}
