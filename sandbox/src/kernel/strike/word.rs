//! Strikes in a word, as they are typed at a command line. What needs more than a word is written into a world file.

use std::fmt;
use std::str::FromStr;

use cutover_engine::duration::HumanDuration;

use super::{Deed, Intervention, StrikeKind};

impl StrikeKind {
    /// The words with what they mean.
    pub const WORDS: &[(&str, &str)] = &[
        ("fails", "ends with exit code 1 or HTTP status 400, without effect"),
        ("hangs", "never answers"),
        ("lost-before", "the connection is lost before it has an effect"),
        ("lost-after", "it has its effect, then the connection is lost"),
        ("killed-before", "the controller is killed before it has an effect"),
        ("killed-after", "it has its effect, then the controller is killed"),
        ("node-lost", "its machine loses power; `node-lost:5m`: for five minutes"),
        ("link-lost", "the link between the sites is cut; `link-lost:5m`: for five minutes"),
        ("disk-full", "the file systems of its machine are full"),
        ("429", "the API server says: too many requests, come again after a second"),
        ("500", "the API server says: internal error"),
        ("scaled-up", "somebody else scales the StatefulSet up right before"),
        ("compacted", "the history of etcd is compacted right before"),
    ];
}

impl FromStr for StrikeKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (word, back) = match text.split_once(':') {
            Some((word, back)) => (word, Some(back.parse::<HumanDuration>()?)),
            None => (text, None),
        };
        let kind = match word {
            "node-lost" => return Ok(Self::NodeLost { node: None, back_after: back }),
            "link-lost" => return Ok(Self::LinkLost { between: None, back_after: back }),
            "fails" => Self::Fails(1),
            "hangs" => Self::Hangs,
            "lost-before" => Self::LostBefore,
            "lost-after" => Self::LostAfter,
            "killed-before" => Self::KilledBefore,
            "killed-after" => Self::KilledAfter,
            "disk-full" => Self::DiskFull { node: None, path: None },
            "429" => Self::Answers { status: 429, retry_after: Some(1) },
            "500" => Self::Answers { status: 500, retry_after: None },
            "compacted" => Self::Intervention(Intervention { after: false, does: Deed::Compacts { site: None } }),
            "scaled-up" => Self::Intervention(Intervention { after: false, does: Deed::ScalesUp { site: None } }),
            _ => {
                let known: Vec<&str> = Self::WORDS.iter().map(|(word, _)| *word).collect();
                return Err(format!("`{text}` is not a kind of strike: write one of {}", known.join(", ")));
            }
        };
        match back {
            Some(_) => Err(format!("`{text}`: only `node-lost` and `link-lost` take a time")),
            None => Ok(kind),
        }
    }
}

impl fmt::Display for StrikeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut back = |word: &str, after: &Option<HumanDuration>| match after {
            Some(after) => write!(f, "{word}:{after}"),
            None => f.write_str(word),
        };
        match self {
            Self::NodeLost { back_after, .. } => back("node-lost", back_after),
            Self::LinkLost { back_after, .. } => back("link-lost", back_after),
            Self::Fails(_) => f.write_str("fails"),
            Self::Answers { status, .. } => write!(f, "{status}"),
            Self::Hangs => f.write_str("hangs"),
            Self::LostBefore => f.write_str("lost-before"),
            Self::LostAfter => f.write_str("lost-after"),
            Self::KilledBefore => f.write_str("killed-before"),
            Self::KilledAfter => f.write_str("killed-after"),
            Self::DiskFull { .. } => f.write_str("disk-full"),
            Self::Intervention(Intervention { does: Deed::ScalesUp { .. }, .. }) => f.write_str("scaled-up"),
            Self::Intervention(Intervention { does: Deed::Compacts { .. }, .. }) => f.write_str("compacted"),
            Self::Intervention(_) => f.write_str("intervention"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_kind_and_is_printed_again() {
        for (word, _) in StrikeKind::WORDS {
            assert_eq!(word.parse::<StrikeKind>().map(|kind| kind.to_string()), Ok((*word).to_owned()));
        }
        assert_eq!("node-lost:5m".parse::<StrikeKind>().unwrap().to_string(), "node-lost:5m");
        for wrong in ["", "failz", "node-lost:soon", "hangs:5m"] {
            assert!(wrong.parse::<StrikeKind>().is_err(), "{wrong}");
        }
    }
}
