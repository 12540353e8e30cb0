//! What an API server would refuse of a planned change: it validates and admits each write (`dryRun=All`) and stores nothing. Admission
//! webhooks, policies and quotas are asked as well.

use crate::action::Action;
use crate::change::Change;
use crate::module::{Context, api_failure, api_status, judge_answer};
use crate::query::Ask;
use crate::text;
use crate::text::Text;

/// Why changes would be refused, as far as the server can tell before any of them is made.
pub(super) async fn refusals(cx: &Context, changes: &[Change]) -> Vec<Text> {
    let mut reasons = Vec::new();
    for change in changes {
        for action in &change.actions {
            let Action::Request(request) = action else { continue };
            if !matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
                continue;
            }
            let Some(ask) = Ask::dry_run(request.clone()) else { continue };
            // Who does not answer was found by the probe, or is found by the run.
            let Ok(answer) = cx.ask(&ask).await else { continue };
            if answer.is_success() {
                reasons.extend(judge_answer(request, &answer.body).err().map(|failure| failure.message));
                continue;
            }
            // What is not there yet (404) or there already (409) another change may make or remove.
            let tells = matches!(answer.status, 400 | 403 | 422) && !request.accept.contains(&answer.status);
            if tells && !api_status(&answer).1.contains("does not support dry run") {
                let failure = api_failure(&request.site, &request.line(), &answer);
                reasons.push(match failure.help {
                    Some(help) => text!("plan.would-be-refused", "{why}; {help}", why = failure.message, help),
                    None => failure.message,
                });
            }
        }
        // The rest is decided by what is there then.
        if change.look_after {
            break;
        }
    }
    reasons
}
