//! Logging in with a password, by the method that the host offers: `password`, or `keyboard-interactive`, where it asks for it.

use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use secrecy::{ExposeSecret as _, SecretString};

use super::offers::Refused;
use super::session::Pinned;

/// Logs in. The password is tried once: a host may lock a user out who fails too often.
pub(super) async fn log_in(handle: &mut Handle<Pinned>, user: &str, password: &SecretString) -> Result<(), Refused> {
    let refused = |why: &str| Err(Refused::Auth(why.to_owned()));
    let AuthResult::Failure { remaining_methods, .. } = handle.authenticate_none(user).await? else { return Ok(()) };
    if remaining_methods.contains(&MethodKind::Password) {
        return match handle.authenticate_password(user, password.expose_secret()).await? {
            AuthResult::Success => Ok(()),
            AuthResult::Failure { partial_success: true, .. } => refused(
                "the host accepts the password and asks for more (AuthenticationMethods in its sshd_config), which is not done here",
            ),
            AuthResult::Failure { .. } => refused("the host refuses the password"),
        };
    }
    if !remaining_methods.contains(&MethodKind::KeyboardInteractive) {
        let offered: Vec<&str> = remaining_methods.iter().map(Into::into).collect();
        return Err(Refused::Auth(format!("the host takes no password, it offers {}", offered.join(", "))));
    }
    let mut unused = Some(password.expose_secret().to_owned());
    let mut answer = handle.authenticate_keyboard_interactive_start(user, None).await?;
    loop {
        let prompts = match answer {
            KeyboardInteractiveAuthResponse::Success => return Ok(()),
            KeyboardInteractiveAuthResponse::Failure { .. } => return refused("the host refuses the password"),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        let mut responses = Vec::new();
        for prompt in prompts {
            // What is typed in the open is not a password, and what comes after it is a second factor.
            let Some(password) = (!prompt.echo).then(|| unused.take()).flatten() else {
                return Err(Refused::Auth(format!(
                    "the host asks `{}`, and only a password is known",
                    prompt.prompt.trim()
                )));
            };
            responses.push(password);
        }
        answer = handle.authenticate_keyboard_interactive_respond(responses).await?;
    }
}
