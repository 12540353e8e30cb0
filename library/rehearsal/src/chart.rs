//! What is on this machine where a playbook names a chart: nothing, the chart that the sandbox renders, or another one.

use std::path::{Path, PathBuf};

use cutover_files::{Chosen, shipped_below};
use cutover_sandbox::ChartAt;

/// Where the chart is that the sandbox renders.
const BUILT_IN: &str = "playbooks/charts/etcd";

/// Looks where helm would, run in a directory. A playbook that is part of the program has its chart there, too.
pub(crate) fn look(playbook: &Chosen, cwd: Option<&str>, reference: &str) -> ChartAt {
    let path = Path::new(cwd.unwrap_or(".")).join(reference);
    let on_disk = Chosen::named(&path);
    let shipped = Chosen { path: path.clone(), shipped: true };
    let sources = [&shipped, &on_disk];
    let sources = if playbook.shipped { &sources[..] } else { &sources[1..] };
    for source in sources {
        let Ok(description) = source.read(&path.join("Chart.yaml")) else { continue };
        let same = |(file, text): (&str, &str)| {
            let file = Path::new(file).strip_prefix(BUILT_IN).unwrap_or(Path::new(file));
            source.read(&path.join(file)).is_ok_and(|there| there == text)
        };
        return match shipped_below(BUILT_IN).all(same) && (source.shipped || has_no_more(&path)) {
            true => ChartAt::BuiltIn,
            false => ChartAt::Other(name(&description)),
        };
    }
    // An archive, or a directory without a chart.
    if path.exists() { ChartAt::Other(None) } else { ChartAt::Nowhere }
}

/// The name in a `Chart.yaml`.
fn name(description: &str) -> Option<String> {
    let line = description.lines().find_map(|line| line.strip_prefix("name:"))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned())
}

/// Whether a directory has no other templates, dependencies or custom resources than the built-in chart.
fn has_no_more(path: &Path) -> bool {
    let templates = path.join("templates");
    let known = |found: PathBuf| {
        let name = found.file_name().map(|name| Path::new(BUILT_IN).join("templates").join(name));
        name.is_some_and(|name| shipped_below(BUILT_IN).any(|(file, _)| Path::new(file) == name))
    };
    let entries = std::fs::read_dir(templates).into_iter().flatten();
    let all_known = entries.flatten().all(|entry| known(entry.path()));
    all_known && !["charts", "crds"].iter().any(|more| path.join(more).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is in the repository")
    }

    #[test]
    fn only_the_very_same_chart_is_the_built_in_one() {
        let (own, shipped) = (Chosen::named("x.yml"), Chosen { path: "x.yml".into(), shipped: true });
        let root = repository().join("playbooks");
        let here = root.to_str();
        assert_eq!(look(&own, here, "charts/etcd"), ChartAt::BuiltIn);
        assert_eq!(look(&own, here, "../nowhere/etcd"), ChartAt::Nowhere);
        assert_eq!(look(&own, here, "oci://registry.example/etcd"), ChartAt::Nowhere);
        assert_eq!(look(&own, here, "etcd-cutover.yml"), ChartAt::Other(None));
        assert_eq!(look(&shipped, Some("playbooks"), "charts/etcd"), ChartAt::BuiltIn);
        assert_eq!(look(&own, Some("/nowhere/playbooks"), "charts/etcd"), ChartAt::Nowhere);
        let copy = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| {
            let path = copy.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for (file, text) in shipped_below(BUILT_IN) {
            put(Path::new(file).strip_prefix(BUILT_IN).unwrap().to_str().unwrap(), text);
        }
        let there = copy.path().to_str().unwrap();
        assert_eq!(look(&own, here, there), ChartAt::BuiltIn);
        put("templates/more.yaml", "kind: ConfigMap\n");
        assert_eq!(look(&own, here, there), ChartAt::Other(Some("etcd".to_owned())));
    }
}
