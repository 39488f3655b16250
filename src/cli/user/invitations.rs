//! `sidegate user invite`, `invitations`, `uninvite`: manages invitations to register.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Failed, instant};
use crate::accounts::{Accounts, Invitation, Operator};
use crate::clock;

pub(super) async fn invite(accounts: &Accounts, email: &str, roles: &[String]) -> Result<Answer, Failed> {
    let invited = accounts
        .registration
        .invitations
        .invite(email, roles, &Operator::command_line(), clock::now())
        .await?;
    let mut answer = shown(&invited.invitation);
    // Where the token is sent by email, it must not end up in a terminal's history.
    if !accounts.mail.is_enabled() {
        answer["token"] = invited.token.expose().into();
    }
    Ok(Answer::One(answer))
}

pub(super) async fn list(accounts: &Accounts, after: Option<Uuid>, limit: u32) -> Result<Answer, Failed> {
    let found = accounts
        .registration
        .invitations
        .list(after, limit, clock::now())
        .await?;
    let columns = &["id", "email", "roles", "created_at", "expires_at"];
    Ok(Answer::Rows(columns, found.iter().map(shown).collect()))
}

pub(super) async fn revoke(accounts: &Accounts, id: Uuid) -> Result<Answer, Failed> {
    let revoked = accounts
        .registration
        .invitations
        .revoke(id, &Operator::command_line(), clock::now())
        .await?;
    if revoked {
        Ok(Answer::Done(format!("the invitation {id} is withdrawn")))
    } else {
        Err(format!("there is no open invitation {id}").into())
    }
}

fn shown(invitation: &Invitation) -> Value {
    json!({
        "id": invitation.id,
        "email": invitation.email,
        "roles": invitation.roles,
        "invited_by": invitation.invited_by,
        "created_at": instant(Some(invitation.created_at)),
        "expires_at": instant(Some(invitation.expires_at)),
    })
}
