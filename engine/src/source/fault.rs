//! A fault in a file: what is wrong, where, and what to do. Always exit code 2, nothing touched.

use std::fmt;

use super::Location;

/// One fault in a file (or in an argument, when it has no location).
#[derive(Debug, Clone)]
pub struct Fault {
    /// What is wrong: lower case, no trailing period.
    pub message: String,
    /// Where.
    pub at: Option<Location>,
    /// The words under the caret.
    pub label: Option<String>,
    /// A hint, for example "did you mean `timeout`?".
    pub help: Option<String>,
}

impl Fault {
    /// A fault at a place in a file.
    pub fn at(at: &Location, message: impl Into<String>) -> Self {
        Self { message: message.into(), at: Some(at.clone()), label: None, help: None }
    }

    /// A fault without a place in a file: a missing file, a wrong argument.
    pub fn bare(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, label: None, help: None }
    }

    /// Adds the words under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// All faults of a file, in the order of their places.
#[derive(Debug, Clone, Default)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Adds one.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Sorts the faults by file and place.
    pub fn sort(&mut self) {
        self.0.sort_by_key(|fault| fault.at.as_ref().map(|at| (at.file.path.clone(), at.range.start)));
    }

    /// Adds the faults of a result; returns its value, if there is one.
    pub fn take<T>(&mut self, result: Result<T, Faults>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(faults) => {
                self.0.extend(faults.0);
                None
            }
        }
    }

    /// Returns the value if there is no fault, all faults otherwise.
    pub fn into_result<T>(self, value: T) -> Result<T, Faults> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            match &fault.at {
                Some(at) => write!(f, "{separator}{at}: {fault}")?,
                None => write!(f, "{separator}{fault}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
