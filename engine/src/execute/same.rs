//! Whether a probe asks for the very changes that were just made. The version of an object that a request names is not counted: it is
//! another one after each change, and what is asked for is the same.

use serde_json::Value;

use crate::action::Action;
use crate::module::Change;

/// Whether two lists ask for the same changes.
pub(super) fn same(changes: &[Change], others: &[Change]) -> bool {
    let is_same = |(one, other): (&Change, &Change)| {
        let actions = || one.actions.iter().zip(&other.actions);
        one.key == other.key
            && one.actions.len() == other.actions.len()
            && actions().all(|(one, other)| one == other || versionless(one) == versionless(other))
    };
    changes.len() == others.len() && changes.iter().zip(others).all(is_same)
}

/// An action that names no version of an object.
fn versionless(action: &Action) -> Action {
    let mut action = action.clone();
    if let Action::Request(request) = &mut action
        && let Some(body) = &mut request.body
    {
        for part in ["metadata", "preconditions"] {
            if let Some(fields) = body.get_mut(part).and_then(Value::as_object_mut) {
                fields.shift_remove("resourceVersion");
            }
        }
    }
    action
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::Request;
    use crate::text::Text;

    fn change(body: Value) -> Vec<Change> {
        let request = Request { method: "PATCH".into(), body: Some(body), ..Request::get("primary", "/x") };
        vec![Change::idempotent("set", Text::default(), [Action::Request(request)])]
    }

    #[test]
    fn another_object_makes_another_change_and_another_version_does_not() {
        let of = |uid: &str, version: &str, replicas: u32| {
            change(json!({"metadata": {"uid": uid, "resourceVersion": version}, "spec": {"replicas": replicas}}))
        };
        assert!(same(&of("a", "1", 0), &of("a", "2", 0)));
        assert!(!same(&of("a", "1", 0), &of("b", "1", 0)));
        assert!(!same(&of("a", "1", 0), &of("a", "1", 3)));
        let delete = |version: &str| change(json!({"preconditions": {"uid": "a", "resourceVersion": version}}));
        assert!(same(&delete("1"), &delete("2")));
        assert!(!same(&delete("1"), &[]));
    }
}
