//! What objects are called.

/// Names an object: the plural of its kind, its namespace (empty for none), its name.
pub(crate) type Key = (&'static str, String, String);

/// Makes a key.
pub(crate) fn key(plural: &'static str, namespace: &str, name: &str) -> Key {
    (plural, namespace.to_owned(), name.to_owned())
}
