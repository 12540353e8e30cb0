//! Secrets of a run: seen nowhere, whatever they are, and passed again for a resume or undo.

mod planted;

use std::fs;

use crate::support::place::{Place, assert_output};
use cutover_testkit::console::{cutover, seen};

#[test]
fn texts_and_numbers_of_secret_values_are_seen_nowhere() {
    let place = Place::new();
    let play = "name: secret types
params:
  m: {secret: true, required: true, type: map}
  l: {secret: true, required: true, type: list}
  n: {secret: true, required: true, type: integer}
phases:
  - name: p
    steps:
      - {name: show, command: {argv: [echo, \"{{ m.password }} {{ l[0] }} {{ n }}\"]}, undo: []}
      - {name: keep, set_fact: {facts: {all: \"{{ [m, l, n] }}\"}}}
";
    place.write("types.yml", play);
    let arguments = ["-e", "m={\"password\":\"MapPw-M1m1\"}", "-e", "l=[\"ListItem-L1l1\"]", "-e", "n=987654"];
    let run =
        |words: &[&str]| seen(&place.cutover(&[words, &["types.yml", "-i", "inventory.yml"], &arguments].concat()));
    let mut all = vec![run(&["run"]), run(&["plan"]), run(&["plan", "--output", "json"])];
    let id = place.runs().pop().expect("a run");
    for file in ["events.jsonl", "run.json"] {
        all.push(fs::read_to_string(place.directory(&id).join(file)).expect(file));
    }
    for format in ["text", "markdown", "html", "junit"] {
        all.push(seen(&place.cutover(&["report", &id, "--format", format])));
    }
    for text in &all {
        for secret in ["MapPw-M1m1", "ListItem-L1l1", "987654"] {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
    }
    assert!(all[0].contains("*** *** ***") || all[3].contains("*** *** ***"), "{}", all[0]);
}

#[test]
fn a_secret_that_is_a_word_of_the_journals_own_makes_nothing_happen_twice() {
    for secret in ["uninstall", "run", "step", "e", "command", "p/uninstall"] {
        let place = Place::new();
        let inventory = fs::read_to_string(place.path().join("inventory.yml")).expect("it");
        place.write("inventory.yml", &format!("{inventory}secrets: {{s: {{file: secret}}}}\n"));
        place.write("secret", secret);
        let here = place.path().display();
        place.write(
            "play.yml",
            &format!(
                "name: Replace
phases:
  - name: p
    steps:
      - {{name: Uninstall, command: {{argv: [sh, -c, \"echo uninstall >> {here}/done\"]}}, undo: []}}
      - {{name: Ready, command: {{argv: [test, -e, {here}/go], read_only: true}}}}
"
            ),
        );
        assert_output(&place.cutover(&["run", "play.yml", "-i", "inventory.yml"]), 3, &[]);
        place.mend();
        assert_output(&place.cutover(&["resume", "latest"]), 0, &[]);
        assert_eq!(place.done(), "uninstall\n", "{secret}");
    }
}

#[test]
fn a_file_with_stars_or_a_secret_in_it_comes_back_by_undo() {
    let place = Place::new();
    let file = place.path().join("note");
    let before = "*** managed by hand ***\npassword=S3cret-Word\n";
    fs::write(&file, before).expect("written");
    let play = format!(
        "name: Note
params: {{pw: {{secret: true, required: true}}}}
phases:
  - name: p
    steps:
      - {{name: Write, target: active.nodes, file: {{path: {}, content: \"new {{{{ pw }}}}\"}}}}
      - {{name: Stop, command: {{argv: [\"false\"], read_only: true}}}}
",
        file.display()
    );
    place.write("note.yml", &play);
    let secret = ["-e", "pw=S3cret-Word"];
    assert_output(&place.cutover(&[&["run", "note.yml", "-i", "inventory.yml"][..], &secret].concat()), 3, &[]);
    let id = place.runs().pop().expect("a run");
    let journal = place.journal(&id).join("\n");
    assert!(!journal.contains("S3cret-Word"), "{journal}");
    let approval = format!("undo={id}");
    let undo = |more: &[&str]| place.cutover(&[&["undo", &id, "--approve", &approval][..], more].concat());
    let refused = undo(&[]);
    assert_output(&refused, 2, &["pw"]);
    let output = undo(&secret);
    assert_output(&output, 7, &["S3cret-Word"].map(|_| "Write"));
    assert!(!seen(&output).contains("S3cret-Word"), "{}", seen(&output));
    assert_eq!(fs::read_to_string(&file).expect("it"), before);
}

#[test]
fn an_inventorys_secret_that_is_not_what_it_was_is_named() {
    let place = Place::new();
    let inventory = fs::read_to_string(place.path().join("inventory.yml")).expect("it");
    place.write("inventory.yml", &format!("{inventory}secrets: {{token: {{env: TOKEN}}}}\n"));
    let file = place.path().join("note");
    fs::write(&file, "old").expect("written");
    let play = format!(
        "name: Note
phases:
  - name: p
    steps:
      - {{name: Write, target: active.nodes, file: {{path: {0}, content: \"a {{{{ token }}}}\"}}}}
      - {{name: Write again, target: active.nodes, file: {{path: {0}, content: \"b\"}}}}
      - {{name: Stop, command: {{argv: [\"false\"], read_only: true}}}}
",
        file.display()
    );
    place.write("note.yml", &play);
    let with =
        |token: &str, words: &[&str]| cutover(place.path(), words).env("TOKEN", token).output().expect("cutover");
    assert_output(&with("first-token", &["run", "note.yml", "-i", "inventory.yml"]), 3, &[]);
    let id = place.runs().pop().expect("a run");
    let approval = format!("undo={id}");
    let words = ["undo", &id, "--approve", &approval];
    let changed = "the secret `token` is not what it was when the run began";
    let refused = with("second-token", &words);
    assert_output(&refused, 8, &[changed, "(token)"]);
    assert_eq!(fs::read_to_string(&file).expect("it"), "b");
    assert_output(&with("first-token", &words), 7, &[]);
    assert_eq!(fs::read_to_string(&file).expect("it"), "old");
}
