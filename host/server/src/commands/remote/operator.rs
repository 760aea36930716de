//! `skerry tenant`, `user` and `plan`: what operators do across tenants, with an operator's token.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{CliError, Done, Noun, Remote, Session, lists::ListArgs, output::Column, with_session};
use crate::remote::Call;

const TENANT_COLUMNS: [Column; 6] = [
    ("ID", "/id"),
    ("SLUG", "/slug"),
    ("NAME", "/name"),
    ("STATUS", "/status"),
    ("PLAN", "/plan"),
    ("CREATED", "/created_at"),
];

const USER_COLUMNS: [Column; 6] = [
    ("ID", "/id"),
    ("EMAIL", "/email"),
    ("NAME", "/name"),
    ("OPERATOR", "/is_operator"),
    ("DISABLED", "/is_disabled"),
    ("CREATED", "/created_at"),
];

const PLAN_COLUMNS: [Column; 3] = [("NAME", "/name"), ("DESCRIPTION", "/description"), ("QUOTAS", "/quotas")];

/// `skerry tenant …`
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// List tenants
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a tenant
    Get {
        /// The tenant's id
        tenant: String,
    },
    /// Make a tenant and invite its first administrator
    Add {
        /// The tenant's name in addresses, which stays
        slug: String,
        /// The tenant's name, for people
        #[arg(long)]
        name: String,
        /// The address of the first administrator
        #[arg(long, value_name = "EMAIL")]
        admin: String,
        /// The plan
        #[arg(long)]
        plan: Option<String>,
    },
    /// Change a tenant
    Change {
        /// The tenant's id
        tenant: String,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// Another plan
        #[arg(long)]
        plan: Option<String>,
    },
    /// Let nothing of a tenant run
    Suspend {
        /// The tenant's id
        tenant: String,
        /// Why, as its members are told
        #[arg(long)]
        reason: String,
    },
    /// Let a suspended tenant go on
    Resume {
        /// The tenant's id
        tenant: String,
    },
    /// Delete a tenant for good
    Remove {
        /// The tenant's id
        tenant: String,
        /// The tenant's slug, to show that this one is meant
        #[arg(long, value_name = "SLUG")]
        confirm: String,
    },
    /// Show what a tenant has and uses
    Usage {
        /// The tenant's id
        tenant: String,
    },
}

/// `skerry user …`
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List users
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a user and the tenants that they are members of
    Get {
        /// The user's id
        user: String,
    },
    /// Make a user
    Add {
        /// The address
        email: String,
        /// The name, for people
        #[arg(long)]
        name: String,
        /// Make an operator
        #[arg(long)]
        operator: bool,
    },
    /// Keep a user from signing in
    Disable {
        /// The user's id
        user: String,
    },
    /// Let a user sign in again
    Enable {
        /// The user's id
        user: String,
    },
    /// Make a user an operator
    Promote {
        /// The user's id
        user: String,
    },
    /// Make an operator a user like others
    Demote {
        /// The user's id
        user: String,
    },
}

/// `skerry plan …`
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// List plans
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a plan
    Get {
        /// The plan's name
        plan: String,
    },
}

pub(crate) fn health(remote: &Remote) -> ExitCode {
    with_session(remote, async |session: Session| session.show(Call::get(&["operator", "health"])).await)
}

pub(crate) fn tenant(noun: &Noun<TenantCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.tenant(&noun.command).await)
}

pub(crate) fn user(noun: &Noun<UserCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.user(&noun.command).await)
}

pub(crate) fn plan(noun: &Noun<PlanCommand>) -> ExitCode {
    with_session(&noun.remote, async |session: Session| match &noun.command {
        PlanCommand::List { list } => session.list(Call::get(&["operator", "plans"]), *list, &PLAN_COLUMNS).await,
        PlanCommand::Get { plan } => session.show(Call::get(&["operator", "plans", plan])).await,
    })
}

impl Session {
    async fn tenant(&self, command: &TenantCommand) -> Done {
        const TENANTS: [&str; 2] = ["operator", "tenants"];
        let of = |tenant| [TENANTS[0], TENANTS[1], tenant];
        match command {
            TenantCommand::List { list } => self.list(Call::get(&TENANTS), *list, &TENANT_COLUMNS).await,
            TenantCommand::Get { tenant } => self.show(Call::get(&of(tenant))).await,
            TenantCommand::Add { slug, name, admin, plan } => {
                let body = json!({ "slug": slug, "name": name, "admin_email": admin, "plan": plan });
                self.show(Call::post(&TENANTS).json(&body)).await
            }
            TenantCommand::Change { tenant, name, plan } => {
                let mut patch = Map::new();
                for (key, value) in [("name", name), ("plan", plan)] {
                    patch.extend(value.as_ref().map(|value| (key.to_owned(), json!(value))));
                }
                self.change(&of(tenant), &Value::Object(patch)).await
            }
            TenantCommand::Suspend { tenant, reason } => {
                let call = Call::post(&[TENANTS[0], TENANTS[1], tenant, "suspend"]).json(&json!({ "reason": reason }));
                self.show(call).await
            }
            TenantCommand::Resume { tenant } => {
                self.show(Call::post(&[TENANTS[0], TENANTS[1], tenant, "resume"])).await
            }
            TenantCommand::Remove { tenant, confirm } => {
                let shown = self.client.send(Call::get(&of(tenant))).await?;
                if shown.json()["slug"] != confirm.as_str() {
                    let message = format!("the tenant {tenant} is not '{confirm}': nothing is removed");
                    return Err(CliError::Refused(message));
                }
                let call = Call::delete(&of(tenant)).if_match(shown.tag.as_deref());
                self.act(call, &format!("the tenant {confirm} is gone")).await
            }
            TenantCommand::Usage { tenant } => self.show(Call::get(&[TENANTS[0], TENANTS[1], tenant, "usage"])).await,
        }
    }

    async fn user(&self, command: &UserCommand) -> Done {
        const USERS: [&str; 2] = ["operator", "users"];
        let change = async |user: &str, patch: Value| self.change(&[USERS[0], USERS[1], user], &patch).await;
        match command {
            UserCommand::List { list } => self.list(Call::get(&USERS), *list, &USER_COLUMNS).await,
            UserCommand::Get { user } => self.show(Call::get(&[USERS[0], USERS[1], user])).await,
            UserCommand::Add { email, name, operator } => {
                let body = json!({ "email": email, "name": name, "is_operator": operator });
                self.show(Call::post(&USERS).json(&body)).await
            }
            UserCommand::Disable { user } => change(user, json!({ "is_disabled": true })).await,
            UserCommand::Enable { user } => change(user, json!({ "is_disabled": false })).await,
            UserCommand::Promote { user } => change(user, json!({ "is_operator": true })).await,
            UserCommand::Demote { user } => change(user, json!({ "is_operator": false })).await,
        }
    }
}
