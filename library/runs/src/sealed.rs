//! The digest of a secret parameter: enough to recognise the value, and not the value itself.

use anyhow::Context as _;
use cutover_engine::digest::hex;
use pbkdf2::{Algorithm, Params, pbkdf2_hmac_with_params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value that can be compared with another one, but not read. A short password can be guessed from any digest, so each guess
/// has to be expensive: PBKDF2 with as many rounds as OWASP recommends. Each run has its own salt, so that a guess counts for one
/// run only, and so that two runs with the same secret cannot be recognised. Besides, only its owner can read the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    salt: String,
    rounds: u32,
    digest: String,
    /// Whether it came from the command line. If so, it has to be passed again.
    #[serde(rename = "given")]
    pub provided: bool,
}

impl Sealed {
    /// Seals a value.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn of(value: &Value, provided: bool) -> anyhow::Result<Self> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).context("the system has no random numbers")?;
        let salt = hex(&salt);
        // An absent value is not worth hiding.
        let rounds = if value.is_null() { Params::MIN_ROUNDS } else { Params::RECOMMENDED_ROUNDS };
        let digest = digest(value, &salt, rounds).context("a secret parameter cannot be sealed")?;
        Ok(Self { salt, rounds, digest, provided })
    }

    /// Whether this is the value that was sealed.
    pub fn is(&self, value: &Value) -> bool {
        digest(value, &self.salt, self.rounds).is_some_and(|digest| digest == self.digest)
    }
}

/// `None` if there are too few rounds.
fn digest(value: &Value, salt: &str, rounds: u32) -> Option<String> {
    let mut value = value.clone();
    // Mappings are equal whatever the order of their keys, so the digest must not depend on it.
    value.sort_all_objects();
    let (params, mut bytes) = (Params::new(rounds).ok()?, [0; 32]);
    let text = value.to_string();
    pbkdf2_hmac_with_params(text.as_bytes(), salt.as_bytes(), Algorithm::Pbkdf2Sha256, params, &mut bytes);
    Some(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_known_again_in_any_order_and_by_nothing_else() {
        let sealed = Sealed::of(&json!({"user": "a", "password": "b"}), true).unwrap();
        assert!(sealed.is(&json!({"password": "b", "user": "a"})));
        assert!(!sealed.is(&json!({"user": "b", "password": "a"})));
        assert!(!Sealed::of(&json!("1"), true).unwrap().is(&json!(1)), "a text is not a number");
        assert!(!Sealed::of(&Value::Null, false).unwrap().is(&json!("")));
    }

    #[test]
    fn fewer_rounds_than_are_safe_open_nothing() {
        let sealed = Sealed::of(&json!("x"), true).unwrap();
        assert!(sealed.rounds >= 600_000 && sealed.is(&json!("x")));
        assert!(!Sealed { rounds: 1, ..sealed }.is(&json!("x")));
    }
}
