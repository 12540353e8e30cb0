//! How a person names steps and tasks on the command line, for `--repeat`, `--fail` and `--approve`: one grammar for all.

use std::fmt;
use std::str::FromStr;

use crate::path::{Path, Segment, segment};
use crate::target::Target;
use crate::task::TaskId;

/// Selects steps, or tasks of them: the end of a path, as long as it has to be. A name without a position means every pass of
/// the loop; `@TARGET` at the end, one target.
///
/// `make-a`, `make-all/make-a`, `make-all[2]/make-a`, `stop/each-node@primary/worker01`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    segments: Vec<Segment>,
    target: Option<String>,
}

impl Selector {
    /// Whether it selects a step, whatever its target.
    pub fn selects(&self, path: &Path) -> bool {
        let (own, all) = (&self.segments, path.segments());
        let fits = |(own, other): (&Segment, &Segment)| {
            let position = |segment: &Segment| segment.item.as_ref().map(|item| item.position);
            own.name == other.name && position(own).is_none_or(|wanted| position(other).is_none_or(|is| is == wanted))
        };
        own.len() <= all.len() && own.iter().zip(&all[all.len() - own.len()..]).all(fits)
    }

    /// Whether it selects a task.
    pub fn selects_task(&self, task: &TaskId) -> bool {
        self.selects(&task.path) && self.selects_target(&task.target)
    }

    /// Whether it selects a target.
    pub fn selects_target(&self, target: &Target) -> bool {
        self.target.as_ref().is_none_or(|wanted| *wanted == target.to_string())
    }

    /// The target it names.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, target) = match text.split_once('@') {
            Some((_, "")) => return Err(format!("`{text}` names no target after `@`")),
            Some((path, target)) => (path, Some(target.to_owned())),
            None => (text, None),
        };
        let segments = path.split('/').map(segment).collect::<Result<_, _>>()?;
        Ok(Self { segments, target })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            let between = if index == 0 { "" } else { "/" };
            write!(f, "{between}{}", segment.name)?;
            if let Some(item) = &segment.item {
                write!(f, "[{}]", item.position)?;
            }
        }
        self.target.iter().try_for_each(|target| write!(f, "@{target}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_path_selects_it() {
        let path: Path = "p/make-all[2:aa]/make-a".parse().unwrap();
        let selects = |text: &str| text.parse::<Selector>().unwrap().selects(&path);
        for text in ["make-a", "make-all/make-a", "make-all[2]/make-a", "p/make-all[2]/make-a", "p/make-all/make-a"] {
            assert!(selects(text), "{text}");
        }
        for text in ["a", "make-all[1]/make-a", "make-all[2]", "x/p/make-all[2]/make-a", "make-b"] {
            assert!(!selects(text), "{text}");
        }
    }

    #[test]
    fn a_target_narrows_it_to_a_task() {
        let target = Target::Node { site: "here".into(), node: "a".into() };
        let task = TaskId { path: "p/each[2]".parse().unwrap(), target };
        let selects = |text: &str| text.parse::<Selector>().unwrap().selects_task(&task);
        assert!(selects("each[2]@here/a") && selects("each") && selects("p/each@here/a"));
        assert!(!selects("each[2]@here/b") && !selects("each[1]@here/a"));
        assert!("each@".parse::<Selector>().is_err());
        assert_eq!("each[2]@here/a".parse::<Selector>().unwrap().to_string(), "each[2]@here/a");
    }
}
