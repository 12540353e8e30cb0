//! Secrets are planted wherever a playbook can put them, and looked for in everything that is left behind.

use std::fs;
use std::path::Path;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::support::place::{Place, assert_output};
use cutover_testkit::console::cutover;

/// From a variable, a file and a command of the inventory, and a parameter.
const SECRETS: [&str; 4] = ["Env&Var's-S3cret/1", "File \"Quoted\" S3cret+2", "C0mmand~S3cret?>>", "Paräm%S3cret=4"];

/// The real tools of this machine write each secret in every form; the parent's environment and all command lines are read too.
const PRINTED: &str = r#"
pw=$(cat)
printf '%s\n' "$pw"
printf '%s' "$pw" | base64
printf '%s\n' "$pw" | base64
printf 'user:%s' "$pw" | base64
printf 'admin:%s@host' "$pw" | base64 | tr '+/' '-_' | tr -d =
printf '{"auths":{"r":{"auth":"%s"}}}' "$(printf 'x:%s' "$pw" | base64 -w0)" | base64 -w0
printf '%s' "$pw" | od -An -tx1 | tr -d ' \n'
printf '\033[1m%.4s\033[0m%s\n' "$pw" "${pw#????}"
env
for process in /proc/[0-9]*; do
  case $(cat "$process/comm" 2>/dev/null) in cutover|timeout) tr '\0' '\n' <"$process/cmdline" 2>/dev/null ;; esac
done
echo "$pw" >&2
"#;

fn play() -> String {
    let indented: String = PRINTED.trim().lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "name: Planted
params: {{p: {{secret: true, required: true}}}}
phases:
  - name: All
    steps:
      - name: Write it in every form
        loop: [\"{{{{ env }}}}\", \"{{{{ file }}}}\", \"{{{{ command }}}}\", \"{{{{ p }}}}\"]
        command:
          stdin: \"{{{{ item }}}}\"
          argv: [sh, -c, \"{{{{ script }}}}\"]
        register: printed
        undo: []
      - name: As a text of others
        set_fact:
          facts:
            json: \"{{{{ [env, file, command, p] | tojson }}}}\"
            pairs: {{\"a-{{{{ env }}}}\": \"{{{{ file }}}}\"}}
      - name: In a file, and {{{{ env }}}} in a name
        target: active.nodes
        file: {{path: HERE/planted.conf, content: \"{{{{ env }}}} {{{{ file }}}} {{{{ command }}}} {{{{ p }}}}\\n\"}}
      - name: In a message
        assert: {{that: [{{check: \"{{{{ printed is none }}}}\", message: \"{{{{ printed | tojson }}}} {{{{ env }}}}\"}}]}}
    vars:
      script: |
{indented}"
    )
}

/// A secret as others write it, whole: the shortest that is a leak.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).expect("JSON");
    let hex = |byte: u8| format!("{byte:02x}");
    let mut forms = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        STANDARD.encode(format!("{secret}\n")),
        secret.bytes().map(hex).collect(),
        secret.replace('\'', r"'\''"),
        secret
            .bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect(),
    ];
    // Within something longer: all digits but those at either end that depend on the neighbours.
    for before in ["", "u", "us"] {
        let digits = STANDARD.encode(format!("{before}{secret}"));
        let start = (before.len() * 8).div_ceil(6);
        let end = (before.len() + secret.len()) * 8 / 6;
        forms.push(digits[start..end].to_owned());
        forms.push(digits[start..end].replace('+', "-").replace('/', "_"));
    }
    forms
}

fn clear(name: &str, bytes: &[u8]) {
    // What a terminal or a page would not show does not hide anything from a reader.
    let text = String::from_utf8_lossy(bytes);
    let shown = console::strip_ansi_codes(&text);
    for text in [&*text, &*shown] {
        for secret in SECRETS {
            for form in forms(secret) {
                assert!(!text.contains(&form), "{name} shows `{form}` of `{secret}`:\n{text}");
            }
        }
    }
}

fn clear_below(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| match path.is_dir() {
            true => clear_below(&path),
            false => {
                clear(&path.display().to_string(), &fs::read(&path).expect("it"));
                1
            }
        })
        .sum()
}

#[test]
fn planted_secrets_are_found_nowhere() {
    let place = Place::new();
    let inventory = fs::read_to_string(place.path().join("inventory.yml")).expect("it");
    let secrets =
        "secrets: {env: {env: PLANTED}, file: {file: secret}, command: {command: [cat, secret-of-command]}}\n";
    place.write("inventory.yml", &format!("{inventory}{secrets}"));
    place.write("secret", &format!("{}\n", SECRETS[1]));
    place.write("secret-of-command", SECRETS[2]);
    place.write("parameters.yml", &format!("p: {}\n", serde_json::to_string(SECRETS[3]).expect("JSON")));
    place.write("planted.yml", &play().replace("HERE", &place.path().display().to_string()));
    let with = |words: &[&str]| -> Output {
        cutover(place.path(), words).env("PLANTED", SECRETS[0]).output().expect("cutover")
    };
    let start = ["planted.yml", "-i", "inventory.yml", "-e", "@parameters.yml"];
    let shown = |name: &str, words: &[&str]| {
        let output = with(words);
        clear(name, &output.stdout);
        clear(name, &output.stderr);
        output
    };
    shown("plan", &[&["plan"], &start[..]].concat());
    shown("plan as JSON", &[&["plan", "--output", "json"], &start[..]].concat());
    let ran = shown("run", &[&["run", "--record-reads"], &start[..]].concat());
    assert_output(&ran, 3, &["In a message", "***"]);
    let id = place.runs().pop().expect("a run");
    assert!(
        fs::read_to_string(place.path().join("planted.conf")).expect("it").contains(SECRETS[0]),
        "it was really used"
    );
    for format in ["text", "markdown", "html", "junit"] {
        let report = shown(format, &["report", &id, "--format", format]);
        assert_eq!(report.status.code(), Some(0), "{format}");
    }
    shown("runs", &["runs"]);
    shown("resume", &["resume", &id, "-e", "@parameters.yml"]);
    shown("undo", &["undo", &id, "-e", "@parameters.yml", "--approve", &format!("undo={id}")]);
    shown("as events", &[&["run", "--output", "json"], &start[..]].concat());
    assert!(clear_below(&place.path().join(".cutover")) > 4, "journals, manifests and copies of files");
}
