//! Whether the parameters can be: file names, settings of the section `net`, and which settings are not for a playbook.

use cutover_engine::failure::Failure;
use cutover_engine::text;
use cutover_engine::text::Text;

use super::{Params, Setting, Wanted};

/// Refuses parameters that cannot be written into a resource file, or must not.
pub(super) fn check(params: &Params) -> Result<(), Failure> {
    if let Some(file) = &params.file {
        let plain = file.starts_with('/') && !file.split('/').any(|part| matches!(part, "." | ".."));
        if !plain || !file.ends_with(".res") || file.contains(char::is_whitespace) {
            let words = text!(
                "drbd_resource.file",
                "`{file}` is not an absolute path that ends in `.res`, which is what /etc/drbd.conf includes",
                file
            );
            return Err(Failure::invalid(words).pointer("/file"));
        }
    }
    if params.state == Wanted::Down && params.create_metadata {
        let words = text!("drbd_resource.metadata-down", "`create_metadata` goes with `state: up`");
        return Err(Failure::invalid(words).pointer("/create_metadata"));
    }
    if params.state == Wanted::Down && params.at_boot {
        let words = text!("drbd_resource.boot-down", "`at_boot` goes with `state: up`");
        return Err(Failure::invalid(words).pointer("/at_boot"));
    }
    if let Some(name) = params.verify_alg.as_ref().filter(|name| !plain_word(name)) {
        let words = text!("drbd_resource.verify-alg", "`{name}` is not the name of an algorithm", name);
        return Err(Failure::invalid(words).pointer("/verify_alg"));
    }
    params.net.iter().try_for_each(|(name, value)| {
        refusal(name, value).map_or(Ok(()), |words| {
            let name = name.replace('~', "~0").replace('/', "~1");
            Err(Failure::invalid(words).pointer(format!("/net/{name}")))
        })
    })
}

/// Policies after a split brain that never throw changes away: where both ends have changes, a person decides.
const KEEPING: [&str; 3] = ["disconnect", "discard-zero-changes", "consensus"];

/// Why a setting is not taken.
fn refusal(name: &str, value: &Setting) -> Option<Text> {
    let text = value.to_string();
    match name {
        "shared-secret" => Some(text!(
            "drbd_resource.shared-secret",
            "a shared secret is not taken: it would be seen in the journal; put it into /etc/drbd.d/global_common.conf"
        )),
        "protocol" | "allow-two-primaries" => Some(text!(
            "drbd_resource.fixed",
            "`{name}` is fixed: every write goes to both ends, and one of them is Primary",
            name = name
        )),
        "rr-conflict" if !["disconnect", "retry-connect"].contains(&text.as_str()) => Some(text!(
            "drbd_resource.overwrites-primary",
            "`{name} {value}` may overwrite the data under a Primary: only `disconnect` and `retry-connect` are taken",
            name = name,
            value = text
        )),
        "verify-alg" => Some(text!("drbd_resource.verify-alg-in-net", "say `verify_alg` beside `net`")),
        _ if name.starts_with("after-sb-") && !KEEPING.contains(&text.as_str()) => Some(text!(
            "drbd_resource.discards",
            "`{name} {value}` may discard changes without asking: only {keeping} are taken",
            name = name,
            value = text,
            keeping = KEEPING.map(|word| format!("`{word}`")).join(", ")
        )),
        _ if !plain_word(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) => {
            Some(text!("drbd_resource.setting", "`{name}` is not the name of a setting", name = name))
        }
        _ if !plain_word(&text) => Some(text!("drbd_resource.value", "`{value}` is not a plain word", value = text)),
        _ => None,
    }
}

fn plain_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
}
