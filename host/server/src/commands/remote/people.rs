//! `skerry member`, `role` and `token`: who may do what in the tenant, and by which tokens.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use super::{Done, Noun, Remote, Session, lists::ListArgs, output::Column, with_session};
use crate::remote::Call;

const MEMBER_COLUMNS: [Column; 5] =
    [("ID", "/id"), ("EMAIL", "/email"), ("NAME", "/name"), ("ROLE", "/role"), ("JOINED", "/joined_at")];

const INVITATION_COLUMNS: [Column; 5] =
    [("ID", "/id"), ("EMAIL", "/email"), ("ROLE", "/role"), ("STATUS", "/status"), ("EXPIRES", "/expires_at")];

const BINDING_COLUMNS: [Column; 5] =
    [("KIND", "/kind"), ("ID", "/id"), ("SCRIPT", "/script"), ("NEEDS", "/needs"), ("ADOPTABLE", "/can_adopt")];

const ROLE_COLUMNS: [Column; 4] =
    [("NAME", "/name"), ("BUILT IN", "/is_built_in"), ("DESCRIPTION", "/description"), ("PERMISSIONS", "/permissions")];

const TOKEN_COLUMNS: [Column; 6] = [
    ("ID", "/id"),
    ("NAME", "/name"),
    ("PERMISSIONS", "/permissions"),
    ("EXPIRES", "/expires_at"),
    ("LAST USED", "/last_used_at"),
    ("REVOKED", "/revoked_at"),
];

/// `skerry member …`
#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// List members
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a member
    Get {
        /// The member's id
        member: String,
    },
    /// Give a member another role
    SetRole {
        /// The member's id
        member: String,
        /// The role
        role: String,
        /// Take over what lives by rights that the member loses, as far as you hold them
        #[arg(long)]
        adopt: bool,
    },
    /// Show what lives by a member's rights
    Bindings {
        /// The member's id
        member: String,
    },
    /// Remove a member
    Remove {
        /// The member's id
        member: String,
        /// Take over what lives by the member's rights, as far as you hold them
        #[arg(long)]
        adopt: bool,
    },
    /// Invite somebody; the invitation's secret is shown this once
    Invite {
        /// The address
        email: String,
        /// The role
        role: String,
    },
    /// List invitations
    Invitations {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Take an invitation back
    Uninvite {
        /// The invitation's id
        invitation: String,
    },
}

/// `skerry role …`
#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// List roles
    List,
    /// Show a role
    Get {
        /// The role's name
        role: String,
    },
    /// Make a role
    Add {
        /// The role's name
        role: String,
        /// What it allows, as scripts.read; several times
        #[arg(long = "permission", value_name = "PERMISSION", required = true)]
        permissions: Vec<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Change a role
    Change {
        /// The role's name
        role: String,
        /// What it allows from now on, whole; several times
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
    },
    /// Remove a role
    Remove {
        /// The role's name
        role: String,
    },
}

/// `skerry token list|issue|revoke`
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// List tokens
    List {
        #[command(flatten)]
        list: ListArgs,
        #[command(flatten)]
        remote: Remote,
    },
    /// Make a token of a server that runs; it is shown this once
    Issue {
        /// The token's name, for people
        name: String,
        /// What it allows, as executions.run; several times, and all that yours allows where none is named
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// Days until it ends
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
        #[command(flatten)]
        remote: Remote,
    },
    /// Revoke a token
    Revoke {
        /// The token's id
        token: String,
        #[command(flatten)]
        remote: Remote,
    },
}

pub(crate) fn member(noun: &Noun<MemberCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.member(&noun.command).await)
}

pub(crate) fn role(noun: &Noun<RoleCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.role(&noun.command).await)
}

pub(crate) fn token(command: &TokenCommand) -> ExitCode {
    match command {
        TokenCommand::List { list, remote } => with_session(remote, async |session: Session| {
            session.list(Call::get(&["tokens"]), *list, &TOKEN_COLUMNS).await
        }),
        TokenCommand::Issue { name, permissions, days, remote } => with_session(remote, async |session: Session| {
            let mut body = json!({ "name": name, "expires_in_days": days });
            if !permissions.is_empty() {
                body["permissions"] = json!(permissions);
            }
            session.show(Call::post(&["tokens"]).json(&body)).await
        }),
        TokenCommand::Revoke { token, remote } => with_session(remote, async |session: Session| {
            session.act(Call::delete(&["tokens", token]), &format!("{token} is revoked")).await
        }),
    }
}

impl Session {
    async fn member(&self, command: &MemberCommand) -> Done {
        match command {
            MemberCommand::List { list } => self.list(Call::get(&["members"]), *list, &MEMBER_COLUMNS).await,
            MemberCommand::Get { member } => self.show(Call::get(&["members", member])).await,
            MemberCommand::SetRole { member, role, adopt } => {
                self.change(&["members", member], &json!({ "role": role, "adopt": adopt })).await
            }
            MemberCommand::Bindings { member } => {
                self.list_whole(Call::get(&["members", member, "bindings"]), &BINDING_COLUMNS).await
            }
            MemberCommand::Remove { member, adopt } => {
                self.show(Call::delete(&["members", member]).query("adopt", adopt.then_some(true))).await
            }
            MemberCommand::Invite { email, role } => {
                self.show(Call::post(&["invitations"]).json(&json!({ "email": email, "role": role }))).await
            }
            MemberCommand::Invitations { list } => {
                self.list(Call::get(&["invitations"]), *list, &INVITATION_COLUMNS).await
            }
            MemberCommand::Uninvite { invitation } => {
                self.act(Call::delete(&["invitations", invitation]), &format!("{invitation} is taken back")).await
            }
        }
    }

    async fn role(&self, command: &RoleCommand) -> Done {
        match command {
            RoleCommand::List => self.list_whole(Call::get(&["roles"]), &ROLE_COLUMNS).await,
            RoleCommand::Get { role } => self.show(Call::get(&["roles", role])).await,
            RoleCommand::Add { role, permissions, description } => {
                let body = json!({ "name": role, "description": description, "permissions": permissions });
                self.show(Call::post(&["roles"]).json(&body)).await
            }
            RoleCommand::Change { role, permissions, description } => {
                let mut body = Map::new();
                body.extend(description.as_ref().map(|text| (String::from("description"), json!(text))));
                if !permissions.is_empty() {
                    body.insert(String::from("permissions"), json!(permissions));
                }
                self.change(&["roles", role], &Value::Object(body)).await
            }
            RoleCommand::Remove { role } => self.remove(&["roles", role], &format!("the role {role} is removed")).await,
        }
    }

    /// Change what is there now, and nothing that somebody else makes of it meanwhile.
    pub(super) async fn change(&self, path: &[&str], patch: &Value) -> Done {
        let tag = self.client.send(Call::get(path)).await?.tag;
        self.show(Call::new(Method::PATCH, path).if_match(tag.as_deref()).json(patch)).await
    }

    /// Remove what is there now.
    pub(super) async fn remove(&self, path: &[&str], done: &str) -> Done {
        let tag = self.client.send(Call::get(path)).await?.tag;
        self.act(Call::delete(path).if_match(tag.as_deref()), done).await
    }
}
