//! Wrapped commands through real shells: what goes in comes out.

use std::io::Write as _;
use std::process::{Output, Stdio};

use proptest::prelude::*;

use super::*;

fn through(shell: &str, command: &Command, ended: bool) -> (Scripted, Output) {
    let scripted = Scripted::new(command, false, Duration::from_secs(20), ended).unwrap();
    let mut process = std::process::Command::new(shell)
        .args(["-c", LINE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(scripted.prelude.as_bytes()).unwrap();
    stdin.write_all(command.stdin.as_deref().unwrap_or_default().as_bytes()).unwrap();
    drop(stdin);
    let mut output = process.wait_with_output().unwrap();
    let line = output.stdout.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    assert!(output.stdout.drain(..line).collect::<Vec<_>>().starts_with(scripted.marker.as_bytes()));
    (scripted, output)
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

/// Login shells, of which not every machine has all.
const SHELLS: [&str; 5] = ["sh", "bash", "zsh", "fish", "tcsh"];

fn there(shell: &str) -> bool {
    ["/bin", "/usr/bin"].iter().any(|folder| std::path::Path::new(folder).join(shell).exists())
}

#[test]
fn the_shells_to_try_are_there() {
    for shell in SHELLS.into_iter().filter(|shell| !there(shell)) {
        println!("SKIPPED: no {shell} on this machine to go through; install it");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn words_and_variables_arrive_as_they_are(words in proptest::collection::vec(word(), 0..5), value in word()) {
        for shell in SHELLS.into_iter().filter(|shell| there(shell)) {
            let argv = ["printf", "%s\\0", "first"].into_iter().map(str::to_owned).chain(words.clone());
            let mut command = Command::new(argv);
            let (_, output) = through(shell, &command, false);
            let mut expected = b"first\0".to_vec();
            words.iter().for_each(|word| expected.extend(word.bytes().chain([0])));
            prop_assert_eq!(&output.stdout, &expected);

            command = Command::new(["sh", "-c", "printf %s \"$VALUE\"; cat"]).stdin("the input\nin two lines");
            command.env.insert("VALUE".to_owned(), value.clone());
            let (scripted, output) = through(shell, &command, false);
            prop_assert_eq!(output.stdout, [value.as_bytes(), b"the input\nin two lines"].concat());
            let (script, _) = scripted.prelude.split_once('\n').unwrap();
            prop_assert!(value.len() < 8 || !script.contains(&value), "no value in an argv");
        }
    }
}

#[test]
fn the_marker_names_the_group_that_the_command_is_in() {
    let command = Command::new(["sh", "-c", "ps -o pgid= -p $$; exit 3"]);
    let (scripted, output) = through("sh", &command, false);
    let text = String::from_utf8(output.stderr).unwrap();
    let group = text.strip_prefix(&scripted.marker).unwrap().trim();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), group);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn the_working_directory_is_entered_or_the_command_does_not_run() {
    let mut command = Command::new(["pwd"]);
    command.cwd = Some("/usr/bin".to_owned());
    assert_eq!(through("sh", &command, false).1.stdout, b"/usr/bin\n");
    let (scripted, output) = through("sh", &command, true);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("/usr/bin\n{}0;", scripted.end.unwrap()));
    command.cwd = Some("/no such 'place".to_owned());
    let output = through("sh", &command, false).1;
    assert_eq!((output.status.code(), output.stdout), (Some(126), Vec::new()));
    let (scripted, output) = through("sh", &command, true);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}126;", scripted.end.unwrap()));
}

#[test]
fn what_cannot_be_started_is_refused() {
    let mut named = Command::new(["true"]);
    named.env.insert("A B".to_owned(), String::new());
    for command in [Command::default(), Command::new(["echo", "a\0b"]), named] {
        assert!(
            matches!(Scripted::new(&command, false, LIMIT, false), Err(TransportFault::Unreachable(_))),
            "{command:?}"
        );
    }
}

#[test]
fn sudo_goes_around_all_of_it() {
    let scripted = Scripted::new(&Command::new(["id"]), true, LIMIT, false).unwrap();
    assert!(scripted.prelude.contains("; exec sudo -n -- timeout -k 5 21600 sh -c "), "{}", scripted.prelude);
    assert_eq!(kill(7, true)[..4], ["sudo", "-n", "--", "sh"]);
}
