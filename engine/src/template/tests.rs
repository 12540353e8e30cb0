//! One test for each trap of the template language.

use serde_json::{Value, json};

use super::*;
use crate::source::{Node, SourceFile, parse};

fn scope() -> Scope {
    let Value::Object(variables) = json!({
        "flag": true, "none": null, "list": [1, 2], "map": {"a": 1}, "port": 7790, "name": "etcd",
        "drbd": {"resource": "etcd0"}, "secret": "hunter2",
    }) else {
        unreachable!()
    };
    Scope::new(variables)
}

fn node(text: &str) -> Node {
    let tree = parse(&SourceFile::new("t.yml", text)).expect("valid YAML");
    tree.get("x").cloned().expect("a value under x")
}

fn shown(text: &str) -> String {
    match render(&node(text), &scope()) {
        Ok(value) => value.to_string(),
        Err(fault) => format!(
            "{}: {fault}{}",
            fault.at.as_ref().map(ToString::to_string).unwrap_or_default(),
            fault.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default()
        ),
    }
}

#[test]
fn a_single_expression_keeps_its_type_and_text_stays_text() {
    let cases = [
        (r#"x: "{{ port }}""#, "7790"),
        (r#"x: "{{ flag }}""#, "true"),
        (r#"x: "{{ list }}""#, "[1,2]"),
        (r#"x: "{{ none }}""#, "null"),
        (r#"x: "p{{ port }}""#, r#""p7790""#),
        (r#"x: "{{ name }} {{ port }}""#, r#""etcd 7790""#),
        (r#"x: "{{ name }}{{ port }}""#, r#""etcd7790""#),
        ("x: {\"{{ name }}\": \"{{ port }}\"}", r#"{"etcd":7790}"#),
        ("x: 1.20", r#""1.20""#),
        ("x: 1.5", "1.5"),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_last_newline_stays_with_and_without_a_template() {
    assert_eq!(shown(r#"x: "plain\n""#), r#""plain\n""#);
    assert_eq!(shown(r#"x: "{{ name }} \n""#), r#""etcd \n""#);
    assert_eq!(shown(r#"x: "{{ port }}\n""#), r#""7790\n""#);
    assert_eq!(shown("x: |\n  {{ list }}\n"), "[1,2]");
    assert_eq!(shown("x: |\n  name = {{ name }}\n  port = {{ port }}\n"), r#""name = etcd\nport = 7790\n""#);
}

#[test]
fn booleans_render_as_yaml_and_structures_do_not_render_into_text() {
    assert_eq!(shown(r#"x: "is {{ flag }}""#), r#""is true""#);
    for (text, what) in [("none", "null"), ("list", "a list"), ("map", "a mapping")] {
        let message = shown(&format!("x: \"is {{{{ {text} }}}}\""));
        assert!(message.contains(&format!("{what} in the middle of text; use `| tojson` or `| join`")), "{message}");
    }
    assert_eq!(shown(r#"x: "is {{ list | tojson }}""#), r#""is [1, 2]""#);
}

#[test]
fn an_undefined_result_is_an_error_with_its_place_and_the_nearest_name() {
    assert_eq!(shown(r#"x: "{{ prot }}""#), "t.yml:1:8: `prot` is undefined (did you mean `port`?)");
    assert_eq!(shown(r#"x: "{{ drbd.misspelt }}""#), "t.yml:1:8: `drbd.misspelt` is undefined");
}

#[test]
fn a_fault_inside_a_block_scalar_is_shown_where_it_stands() {
    let message = shown("x: |\n  line {{ name }}\n  uses {{ drbd.misspelt }} and {{ name }}\n");
    assert!(message.starts_with("t.yml:3:11: "), "{message}");
}

#[test]
fn of_equal_fragments_the_failing_one_is_shown() {
    let message = shown("x: |\n  {{ name }} {% for name in 3 %}{% endfor %}\n  {{ nam }} {{ nam }}\n");
    assert!(message.starts_with("t.yml:"), "{message}");
}

#[test]
fn conditions_are_boolean_and_not_merely_truthy() {
    let check = |text: &str| condition(&node(text), &scope()).map_err(|fault| fault.to_string());
    assert_eq!(check("x: port == 7790"), Ok(true));
    assert_eq!(check("x: [flag, port == 1]"), Ok(false));
    assert_eq!(check(r#"x: "{{ flag }}""#), Ok(true));
    assert_eq!(check("x: name"), Err("a condition must be true or false, and this is text".to_owned()));
}

#[test]
fn a_runaway_loop_ends() {
    let message = shown("x: \"{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}\"");
    assert!(message.contains("fuel"), "{message}");
}

#[test]
fn what_would_end_the_program_is_refused() {
    let sum = ["1"; 3000].join("+");
    let short = ["1"; 32].join("+");
    assert!(shown(&format!("x: \"{{{{ {short} }}}}\"")).contains("it has 31 additions, and 30 are allowed"));
    let message = shown(&format!("x: \"{{{{ {sum} }}}}\""));
    assert!(message.contains("bytes long, and 4096 are allowed"), "{message}");
    let many = "{% if a %}{% endif %}".repeat(501);
    let message = shown(&format!("x: \"{many}\""));
    assert!(message.contains("1002 statements, and 1000 are allowed"), "{message}");
    let bare = node(&format!("x: {sum}"));
    assert!(condition(&bare, &scope()).unwrap_err().to_string().contains("4096 are allowed"));
    assert_eq!(syntax(&bare, true).len(), 1);
}

/// What grows each time it goes round, and what is nested or joined without end.
#[test]
fn what_would_fill_the_memory_is_refused_at_once() {
    let began = std::time::Instant::now();
    let double = "{% set a = a + a %}";
    for (text, why) in [
        (
            "{% set ns = namespace(x=[1]) %}{% for a in range(40) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "namespace",
        ),
        ("{% macro m(a) %}{{ m(a + a) }}{% endmacro %}{{ m([1]) }}", "`macro` is not a part of this language"),
        ("{% for x in [[1]] recursive %}{{ loop([x + x]) }}{% endfor %}", "`recursive` is not a part"),
        (&format!("{{% set a = [1] %}}{}{{{{ a | length }}}}", double.repeat(40)), "31 additions, and 30 are allowed"),
        (&format!("{{% set a = [1] %}}{}{{{{ a | join }}}}", double.repeat(29)), "fuel"),
        (&format!("{{% set a = 1 %}}{}", "{% set a = [[[[a]]]] %}".repeat(400)), "brackets, and 1000 are allowed"),
        (&format!("{{% set a = 'x' %}}{}{{{{ a }}}}", "{% set a = a ~ a %}".repeat(40)), "fuel"),
        ("{{ 'x' * 9999999999 }} {{ 1 }}", "fuel"),
        ("{{ ([1] * 99999999999) | join }} {{ 1 }}", "fuel"),
        ("{{ [1] * 99999999999 }}", "more than 200000 values"),
        ("{{ range(9999999) }}", "a range of more than 10000 numbers"),
        ("{{ range(-9223372036854775808, 9223372036854775807) }}", "a range of more than 10000 numbers"),
        (&format!("{{{{ {}1{} }}}}", "[".repeat(120), "]".repeat(120)), "nested deeper than 100"),
    ] {
        let message = shown(&format!("x: \"{text}\""));
        assert!(message.contains(why), "{text}: {message}");
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(shown("x: \"{{ range(5, 0, -2) | list }}\""), "[5,3,1]");
    assert_eq!(shown("x: \"{{ list + [3] }}\""), "[1,2,3]");
    assert_eq!(shown("x: \"{{ '+'.join(['a', 'b+c+d']) }}\"").is_empty(), false);
}

#[test]
fn an_error_never_shows_the_values_of_other_variables() {
    let message = shown(r#"x: "{{ secret | nofilter }}""#);
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn variables_are_known_without_rendering() {
    let tree = node("x: {a: \"{{ drbd.resource }}\", b: [\"t {{ port + other }}\"]}");
    let paths: Vec<String> = mentions(&tree, false).into_iter().map(|mention| mention.path).collect();
    assert_eq!(paths, ["drbd.resource", "other", "port"]);
    assert_eq!(mentions(&node("x: old.rc == 0"), true)[0].root(), "old");
    let tree = node("x: \"{{ range(3) | list }}\"");
    let paths: Vec<String> = mentions(&tree, false).into_iter().map(|mention| mention.path).collect();
    assert!(paths.is_empty(), "functions of the language are not variables: {paths:?}");
}

#[test]
fn unknown_filters_are_faults_of_syntax_with_their_place() {
    let faults = |text: &str, expression: bool| {
        let faults = syntax(&node(text), expression);
        faults.iter().map(|fault| format!("{}: {fault}", fault.at.as_ref().expect("a place"))).collect::<Vec<_>>()
    };
    assert_eq!(faults("x: \"a {{ port | sluggify }}\"", false), ["t.yml:1:17: unknown filter `sluggify`"]);
    assert_eq!(faults("x: name is emptyish", true), ["t.yml:1:12: unknown test `emptyish`"]);
}
