//! Which DRBD a node has: the generation decides the grammar of the resource file.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;

/// A generation of DRBD. Their tools' configuration files are not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Generation {
    /// 8.4: the module in Linux itself.
    #[serde(rename = "8.4")]
    V84,
    /// 9.
    #[serde(rename = "9")]
    V9,
}

/// What `drbdadm --version` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Version {
    /// The kernel module: `9.2.14`; `None` if there is none.
    pub(crate) kernel: Option<String>,
    /// The module's generation; `None` if there is none, or one that is not known here.
    pub(crate) generation: Option<Generation>,
    /// The tools: `9.22.0`.
    pub(crate) tools: String,
}

impl Version {
    /// Asks the task's node.
    pub(crate) async fn read(cx: &Context) -> Result<Self, Failure> {
        let command = reads::DRBDADM_VERSION.of([]);
        let text = crate::support::storage::stdout(&command, cx.read(&command).await?)?;
        Self::parse(&text).ok_or_else(|| {
            let message =
                text!("drbd.no-version", "`{command}` does not tell the kernel module's version", command = &*command);
            Failure::failed(message).details(text.lines().map(Text::verbatim))
        })
    }

    /// Reads the answer; `None` if it does not tell the module's version.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let get = |name: &str| {
            let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
        };
        let code = get("DRBD_KERNEL_VERSION_CODE")?.strip_prefix("0x")?;
        let code = u32::from_str_radix(code, 16).ok()?;
        let (major, minor, patch) = (code >> 16, code >> 8 & 0xff, code & 0xff);
        let generation = match (major, minor) {
            (8, 4) => Some(Generation::V84),
            (9, _) => Some(Generation::V9),
            _ => None,
        };
        let kernel = (code != 0).then(|| format!("{major}.{minor}.{patch}"));
        Some(Self { kernel, generation, tools: get("DRBDADM_VERSION").unwrap_or_default().to_owned() })
    }

    /// Why this DRBD cannot be worked with; `None` if it can.
    pub(crate) fn obstacle(&self, node: &str) -> Option<Text> {
        match (&self.kernel, self.generation) {
            (_, Some(_)) => None,
            (None, _) => Some(text!(
                "drbd.no-module",
                "{node} has no DRBD kernel module for its running kernel: install it (platform cke: the DRBD component), then `modprobe drbd`",
                node = node
            )),
            (Some(version), None) => Some(text!(
                "drbd.unknown-version",
                "{node} has DRBD {version}, and only 8.4 and 9 are known here: install one of them",
                node = node,
                version = version
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_module_decides() {
        let version = |code: &str| {
            Version::parse(&format!("DRBDADM_API_VERSION=2\nDRBD_KERNEL_VERSION_CODE={code}\nDRBDADM_VERSION=9.22.0\n"))
        };
        let eight = version("0x08040b").unwrap();
        assert_eq!((eight.generation, eight.kernel.as_deref()), (Some(Generation::V84), Some("8.4.11")));
        let nine = version("0x09020e").unwrap();
        assert_eq!((nine.generation, nine.kernel.as_deref()), (Some(Generation::V9), Some("9.2.14")));
        assert_eq!((nine.tools.as_str(), nine.obstacle("a/b")), ("9.22.0", None));
        let none = version("0x000000").unwrap();
        assert!(
            none.obstacle("a/b").is_some_and(|words| words.to_string().starts_with("a/b has no DRBD kernel module"))
        );
        let old = version("0x080310").unwrap();
        assert!(old.obstacle("a/b").is_some_and(|words| words.to_string().starts_with("a/b has DRBD 8.3.16")));
        assert_eq!(version("soon"), None);
    }
}
