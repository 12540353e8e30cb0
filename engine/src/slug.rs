//! Step ids: readable, stable paths derived from titles.

/// Turns a title into lower-case words joined by `-`; templates in it become their words.
pub fn slug(title: &str) -> String {
    let mut out = String::new();
    for c in title.chars() {
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn titles_become_paths() {
        assert_eq!(super::slug("Scale etcd to zero!"), "scale-etcd-to-zero");
        assert_eq!(super::slug("停止 etcd"), "停止-etcd");
        assert_eq!(super::slug("Stop {{ release }} now"), "stop-release-now");
    }
}
