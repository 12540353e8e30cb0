//! The shipped roles, as rights of the user of a simulated world.

use cutover_engine::source::{SourceFile, parse};
use cutover_sandbox::{Rights, Rule};

/// Where they are.
pub(crate) fn file() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/kubernetes/rights.yml")
}

/// The rights of a user who has all of them and nothing else.
pub(crate) fn shipped() -> Rights {
    let text = std::fs::read_to_string(file()).expect("the shipped roles");
    let mut rights = Rights { user: "cutover".to_owned(), ..Rights::default() };
    for document in text.split("---\n").skip(1) {
        let tree = parse(&SourceFile::new("rights.yml", document.to_owned()));
        let object = tree.unwrap_or_else(|faults| panic!("{faults}")).to_json();
        let rules = || serde_json::from_value::<Vec<Rule>>(object["rules"].clone()).expect("rules");
        match object["kind"].as_str().unwrap_or_default() {
            "ClusterRole" => rights.everywhere.extend(rules()),
            "Role" => {
                let namespace = object["metadata"]["namespace"].as_str().expect("a namespace");
                rights.namespaces.entry(namespace.to_owned()).or_default().extend(rules());
            }
            "ClusterRoleBinding" | "RoleBinding" => {}
            other => panic!("a {other} among the roles"),
        }
    }
    rights
}
