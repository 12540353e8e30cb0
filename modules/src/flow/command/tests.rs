use cutover_engine::world::{Exit, Output};
use serde_json::json;

use super::{Argv, Printed, complaint};

fn printed(output: &Output) -> serde_json::Value {
    serde_json::to_value(Printed::of(output)).unwrap()
}

fn output(code: i32, stdout: &str, stderr: &str) -> Output {
    Output { exit: Exit::Code(code), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

#[test]
fn what_a_command_printed_is_text_lines_and_json_if_it_is() {
    assert_eq!(
        printed(&output(0, "Primary\nx\n", "")),
        json!({"rc": 0, "stdout": "Primary\nx", "stderr": "", "stdout_lines": ["Primary", "x"]})
    );
    assert_eq!(printed(&output(1, "{\"a\": [1]}\n", ""))["json"], json!({"a": [1]}));
    let killed = Output { exit: Exit::Signal("KILL".into()), ..output(0, "", "") };
    assert_eq!(printed(&killed)["rc"], json!("KILL"));
}

#[test]
fn a_complaint_shows_the_command_and_its_last_words_first() {
    let command = Argv::new(["drbdadm", "role", "etcd 0"]);
    assert_eq!(
        complaint(&command, &output(10, "out\n", "no such resource\n")),
        ["drbdadm role 'etcd 0' ended with exit code 10", "no such resource", "out"]
    );
}
