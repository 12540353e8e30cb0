//! The argument of `rehearse --fail`: a step that fails, or a call of it that is struck.

use std::str::FromStr;

use cutover_engine::selector::Selector;
use cutover_engine::world::CallSelector;
use cutover_sandbox::StrikeKind;

/// Something that is to go wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Failing {
    /// A step fails, whatever it would do.
    Step(Selector),
    /// A call of a step is struck.
    Call(CallSelector, StrikeKind),
}

impl Failing {
    /// The step that it names; `None` for a call outside of any step.
    pub fn step(&self) -> Option<&Selector> {
        match self {
            Self::Step(step) => Some(step),
            Self::Call(call, _) => call.task(),
        }
    }
}

impl FromStr for Failing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.rsplit_once('=') {
            Some((call, kind)) => Ok(Self::Call(call.parse()?, kind.parse()?)),
            None => Ok(Self::Step(text.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_fails_or_a_call_of_it_is_struck() {
        assert!(matches!("stop/scale@primary".parse(), Ok(Failing::Step(_))));
        let Ok(Failing::Call(call, kind)) = "scale@primary:look.3=node-lost:5m".parse() else { panic!("a call") };
        assert_eq!((call.to_string().as_str(), kind.to_string().as_str()), ("scale@primary:look.3", "node-lost:5m"));
        for wrong in ["", "scale=", "scale=explodes", "=hangs", "a//b=hangs", "scale:=hangs"] {
            assert!(wrong.parse::<Failing>().is_err(), "{wrong}");
        }
    }
}
