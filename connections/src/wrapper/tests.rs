//! Wrapped commands through real shells: what goes in comes out.

use std::io::Write as _;
use std::process::{Output, Stdio};

use proptest::prelude::*;

use super::*;

fn through(shell: &str, command: &Command) -> (Wrapped, Output) {
    let wrapped = Wrapped::new(command, false, Duration::from_secs(20)).unwrap();
    let mut process = std::process::Command::new(shell)
        .args(["-c", &wrapped.line()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(wrapped.prelude.as_deref().unwrap_or_default().as_bytes()).unwrap();
    stdin.write_all(command.stdin.as_deref().unwrap_or_default().as_bytes()).unwrap();
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    (wrapped, output)
}

/// Everything but NUL; shells' own characters are frequent.
fn word() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            proptest::sample::select("'\"\\$`!#&*?[](){}<>|;~=% \n\t-".chars().collect::<Vec<_>>()),
            proptest::char::any().prop_filter("NUL", |c| *c != '\0'),
        ],
        0..12,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn words_and_variables_arrive_as_they_are(words in proptest::collection::vec(word(), 0..5), value in word()) {
        for shell in ["sh", "bash"] {
            let argv = ["printf", "%s\\0", "first"].into_iter().map(str::to_owned).chain(words.clone());
            let mut command = Command::new(argv);
            let (_, output) = through(shell, &command);
            let mut expected = b"first\0".to_vec();
            words.iter().for_each(|word| expected.extend(word.bytes().chain([0])));
            prop_assert_eq!(&output.stdout, &expected);

            command = Command::new(["sh", "-c", "printf %s \"$VALUE\"; cat"]).stdin("the input\nin two lines");
            command.env.insert("VALUE".to_owned(), value.clone());
            let (wrapped, output) = through(shell, &command);
            prop_assert_eq!(output.stdout, [value.as_bytes(), b"the input\nin two lines"].concat());
            prop_assert!(value.len() < 8 || !wrapped.line().contains(&value), "no value in an argv");
        }
    }
}

#[test]
fn the_marker_names_the_group_that_the_command_is_in() {
    let command = Command::new(["sh", "-c", "ps -o pgid= -p $$; exit 3"]);
    let (wrapped, output) = through("sh", &command);
    let text = String::from_utf8(output.stderr).unwrap();
    let group = text.strip_prefix(&wrapped.marker).unwrap().trim();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), group);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn the_working_directory_is_entered_or_the_command_does_not_run() {
    let mut command = Command::new(["pwd"]);
    command.cwd = Some("/usr/bin".to_owned());
    assert_eq!(through("sh", &command).1.stdout, b"/usr/bin\n");
    command.cwd = Some("/no such 'place".to_owned());
    let output = through("sh", &command).1;
    assert_eq!((output.status.code(), output.stdout), (Some(126), Vec::new()));
}

#[test]
fn what_cannot_be_started_is_refused() {
    let mut named = Command::new(["true"]);
    named.env.insert("A B".to_owned(), String::new());
    for command in [Command::default(), Command::new(["echo", "a\0b"]), named] {
        assert!(matches!(Wrapped::new(&command, false, LIMIT), Err(TransportFault::Unreachable(_))), "{command:?}");
    }
}

#[test]
fn sudo_goes_around_all_of_it() {
    let wrapped = Wrapped::new(&Command::new(["id"]), true, LIMIT).unwrap();
    let head: Vec<&str> = wrapped.argv.iter().take(9).map(String::as_str).collect();
    assert_eq!(head, ["sudo", "-n", "--", "timeout", "-k", "5", "21600", "sh", "-c"]);
    assert_eq!(kill(7, true)[..4], ["sudo", "-n", "--", "sh"]);
}
