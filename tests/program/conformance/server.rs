//! An API server under test, and the faults in its answers.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::request::Request;
use cutover_engine::world::World;
use serde_json::Value;

/// The namespace that everything happens in; it is made and deleted.
pub(crate) const NAMESPACE: &str = "cutover-conformance";

/// An API server and what is wrong with its answers.
pub(crate) struct Server {
    world: Arc<dyn World>,
    site: String,
    /// What is wrong with its answers.
    pub(crate) wrong: Vec<String>,
    /// How many requests it was sent.
    pub(crate) sent: usize,
}

impl Server {
    pub(crate) fn of(world: Arc<dyn World>, site: &str) -> Self {
        Self { world, site: site.to_owned(), wrong: Vec::new(), sent: 0 }
    }

    async fn ask(&self, method: &str, path: &str, media_type: &str, body: &Value) -> (u16, Value) {
        let path = path
            .replace("NS", &format!("/api/v1/namespaces/{NAMESPACE}"))
            .replace("APPS", &format!("/apis/apps/v1/namespaces/{NAMESPACE}"));
        let request = Request {
            method: method.to_owned(),
            content_type: Some(media_type.to_owned()),
            body: (!body.is_null()).then(|| body.clone()),
            ..Request::get(&self.site, path)
        };
        let answer = self.world.request(&request).await.unwrap_or_else(|fault| panic!("{fault}"));
        let body = if answer.body.is_string() { Value::Null } else { answer.body };
        (answer.status, body)
    }

    /// Sends a request; its status, its reason (for refusals) and some fields must be as expected.
    pub(crate) async fn expect(
        &mut self,
        method: &str,
        path: &str,
        media_type: &str,
        body: Value,
        wanted: (u16, &str),
        fields: &[(&str, Value)],
    ) -> Value {
        self.sent += 1;
        let (status, answer) = self.ask(method, path, media_type, &body).await;
        let reason = if status >= 400 { answer["reason"].as_str().unwrap_or_default() } else { "" };
        if (status, reason) != wanted {
            self.wrong
                .push(format!("{method} {path} {body}: {status} {reason}, not {wanted:?}: {}", answer["message"]));
        }
        for (pointer, expected) in fields {
            let found = answer.pointer(pointer).cloned().unwrap_or(Value::Null);
            if found != *expected {
                self.wrong.push(format!("{method} {path} {body}: {pointer} is {found}, not {expected}"));
            }
        }
        answer
    }

    /// Something must be the same.
    pub(crate) fn same(&mut self, what: &str, found: &Value, expected: &Value) {
        if found != expected {
            self.wrong.push(format!("{what}: {found}, not {expected}"));
        }
    }

    /// Gets a path until a field is as expected; `None` expects that it is gone.
    pub(crate) async fn until(&mut self, path: &str, field: Option<(&str, Value)>) {
        let mut last = String::new();
        for _ in 0..240 {
            let (status, answer) = self.ask("GET", path, "application/json", &Value::Null).await;
            match &field {
                None if status == 404 => return,
                Some((pointer, expected)) if answer.pointer(pointer) == Some(expected) => return,
                _ => last = format!("{status} {answer}"),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.wrong.push(format!("GET {path}: never {field:?}: {last}"));
    }
}
