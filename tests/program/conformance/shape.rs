//! The shape of a command or an API request: without everything that differs from one environment to the next (names, paths,
//! devices, numbers, addresses). Two that have the same shape ask a program for the same thing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cutover_engine::inventory::Inventory;
use cutover_engine::request::Request;
use cutover_engine::world::{Command, Place};

/// Shapes, each with one example as it was sent.
pub(crate) type Shapes = BTreeMap<String, String>;

/// The shape of a command. One inside a pod begins with `pod:`, one of the controller's with `controller:`; a fixed script
/// stands there by its name, text on standard input as `<<<`.
pub(crate) fn of_command(place: &Place, command: &Command, inventory: &Inventory) -> String {
    let mut words: Vec<String> = match place {
        Place::Pod { .. } => vec!["pod:".to_owned()],
        Place::Controller => vec!["controller:".to_owned()],
        Place::Node { .. } => Vec::new(),
    };
    words.extend(command.env.iter().map(|(name, value)| format!("{name}={value}")));
    let argv = if command.script_name().is_some() { &command.argv[3..] } else { &command.argv[..] };
    let program = argv[0].as_str();
    words.push(program.to_owned());
    for (index, word) in argv.iter().enumerate().skip(1) {
        let word = match (program, argv[index - 1].as_str()) {
            ("helm", "--kubeconfig" | "--kube-context" | "--namespace" | "--description") => "NAME".to_owned(),
            ("find", _) if !word.starts_with('/') => word.replace('\n', "\\n"),
            _ => of_word(program, word, inventory),
        };
        let again = words.last().is_some_and(|last| last.trim_end_matches("...") == word) && word == "UNIT";
        if again {
            words.pop();
        }
        words.push(if again { word + "..." } else { word });
    }
    if command.stdin.is_some() {
        words.push("<<<".to_owned());
    }
    words.join(" ")
}

fn of_word(program: &str, word: &str, inventory: &Inventory) -> String {
    if let Some((option, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
        return if value.starts_with(['.', '/']) { format!("{option}=PATH") } else { word.to_owned() };
    }
    let word_of = |name: &str| name.to_owned();
    let named = matches!(program, "helm" | "etcdctl") && word.contains(['-', '/']) && !word.starts_with('-');
    let number = word.trim_start_matches(['v', '@']).chars().all(|c| c.is_ascii_digit() || ".:TZ-".contains(c));
    match word {
        "" => word_of("''"),
        "/dev/zero" => word_of(word),
        _ if word.starts_with(".cutover-trial-") => word_of("NAME"),
        _ if inventory.pairs.iter().any(|pair| pair.resource == word) => word_of("RESOURCE"),
        _ if [".service", ".mount", ".target"].iter().any(|end| word.ends_with(end)) => word_of("UNIT"),
        _ if word.starts_with("/dev/") => word_of("DEVICE"),
        _ if word.starts_with('/') || word.contains(":/") => word_of("PATH"),
        _ if word.parse::<IpAddr>().is_ok() => word_of("ADDRESS"),
        _ if number && word.contains(|c: char| c.is_ascii_digit()) && !word.starts_with('-') => word_of("N"),
        _ if named => word_of("NAME"),
        _ => word_of(word),
    }
}

/// The shape of a request: method, path, query and content type.
pub(crate) fn of_request(request: &Request) -> String {
    let media = request.content_type.as_deref().unwrap_or("application/json");
    let (path, query) =
        request.path.split_once('?').map_or((request.path.as_str(), None), |(path, query)| (path, Some(query)));
    let mut shape = format!("{} {}", request.method, of_path(path));
    for (index, parameter) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        shape.push(if index == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name @ "labelSelector", value)) => shape += &format!("{name}={}", of_selector(&decoded(value))),
            _ => shape += &decoded(parameter),
        }
    }
    // Without a body the content type has no effect.
    let media = if request.method == "GET" { "-" } else { media };
    format!("{shape} {media}")
}

fn of_path(path: &str) -> String {
    let mut segments: Vec<&str> = path.split('/').collect();
    // "", "api", VERSION, or "", "apis", GROUP, VERSION.
    let mut kind = if segments.get(1) == Some(&"apis") { 4 } else { 3 };
    if segments.get(kind) == Some(&"namespaces") && segments.len() > kind + 2 {
        segments[kind + 1] = "NAMESPACE";
        kind += 2;
    }
    if let Some(name) = segments.get_mut(kind + 1) {
        *name = "NAME";
    }
    segments.join("/")
}

/// The operators of a label selector: `K=V,K in (V),K`.
fn of_selector(selector: &str) -> String {
    let (mut shape, mut deep, mut word) = (String::new(), false, String::new());
    let mut after_operator = false;
    for c in selector.chars().chain([',']) {
        if "=!,() ".contains(c) {
            let is_operator = matches!(word.as_str(), "in" | "notin");
            match (word.is_empty(), is_operator, deep || after_operator) {
                (true, ..) => {}
                (_, true, _) => shape += &word,
                (.., value) => shape += if value { "V" } else { "K" },
            }
            word.clear();
            deep = (deep || c == '(') && c != ')';
            after_operator = c == '=';
            shape.push(c);
        } else {
            word.push(c);
        }
    }
    shape.pop();
    while shape.contains("V,V") {
        shape = shape.replace("V,V", "V");
    }
    shape
}

fn decoded(text: &str) -> String {
    let signs =
        [("%3D", "="), ("%2F", "/"), ("%2C", ","), ("%28", "("), ("%29", ")"), ("%21", "!"), ("+", " "), ("%20", " ")];
    signs.iter().fold(text.to_owned(), |text, (code, sign)| text.replace(code, sign))
}
