//! Who may call which operation: one line for each. The use cases ask for the permission where they touch the rows; this
//! table is what the API's description and `docs/permissions.md` print, and what the tests hold each route against.

use domain::Permission::{self, *};
use utoipa::openapi::{extensions::Extensions, path::Operation};

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever can reach the server.
    Anybody,
    /// Whoever is signed in: a person, about what is that person's own, and no token.
    SignedIn,
    /// Whoever is signed in or has a token, with no permission in particular.
    Known,
    /// Whoever has all of these in the tenant. What a request asks for may need more.
    Needs(&'static [Permission]),
    /// Whoever runs the deployment.
    Operator,
}

use Access::{Anybody, Known, Needs, Operator, SignedIn};

/// The operations, by their id in the API's description.
pub const OPERATIONS: &[(&str, Access)] = &[
    ("show_openapi", Anybody),
    ("show_docs", Anybody),
    ("show_docs_style", Anybody),
    ("show_health", Anybody),
    ("show_readiness", Anybody),
    ("show_service_keys", Anybody),
    ("show_me", Known),
    // Signing in
    ("sign_in_by_password", Anybody),
    ("reset_password", Anybody),
    ("sign_in_by_platform", Anybody),
    ("show_sign_in_methods", Anybody),
    ("begin_openid", Anybody),
    ("finish_openid", Anybody),
    ("browse_providers", Needs(&[SignInManage])),
    ("create_provider", Needs(&[SignInManage])),
    ("show_provider", Needs(&[SignInManage])),
    ("replace_provider", Needs(&[SignInManage])),
    ("delete_provider", Needs(&[SignInManage])),
    ("show_session", SignedIn),
    ("sign_out", SignedIn),
    ("choose_tenant", SignedIn),
    ("change_password", SignedIn),
    ("browse_sessions", SignedIn),
    ("end_other_sessions", SignedIn),
    ("end_session", SignedIn),
    // Scripts
    ("browse_scripts", Needs(&[ScriptsRead])),
    ("create_script", Needs(&[ScriptsWrite])),
    ("show_script", Needs(&[ScriptsRead])),
    ("change_settings", Needs(&[ScriptsRead, ScriptsWrite])),
    ("delete_script", Needs(&[ScriptsDeploy])),
    ("change_scripts", Needs(&[ScriptsRead, ScriptsDeploy])),
    ("infer_capabilities", Needs(&[ScriptsRead, ExecutionsRead])),
    ("show_draft", Needs(&[ScriptsRead])),
    ("save_draft", Needs(&[ScriptsWrite])),
    ("check_source", Needs(&[ScriptsWrite])),
    ("test_script", Needs(&[ScriptsWrite, ExecutionsRun])),
    ("deploy_draft", Needs(&[ScriptsDeploy])),
    ("browse_versions", Needs(&[ScriptsRead])),
    ("show_version", Needs(&[ScriptsRead])),
    ("diff_version", Needs(&[ScriptsRead])),
    ("activate_version", Needs(&[ScriptsDeploy])),
    ("adopt_script", Needs(&[ScriptsDeploy])),
    ("show_types", Needs(&[ScriptsRead])),
    // Executions
    ("start_execution", Needs(&[ExecutionsRun])),
    ("invoke_script", Needs(&[ExecutionsRun])),
    ("browse_executions", Needs(&[ExecutionsRead])),
    ("watch_executions", Needs(&[ExecutionsRead])),
    ("show_execution", Needs(&[ExecutionsRead])),
    ("show_logs", Needs(&[ExecutionsRead])),
    ("show_calls", Needs(&[ExecutionsRead])),
    ("show_attempts", Needs(&[ExecutionsRead])),
    ("cancel_executions", Needs(&[ExecutionsRead, ExecutionsRun])),
    ("retry_executions", Needs(&[ExecutionsRead, ExecutionsRun])),
    ("cancel_execution", Needs(&[ExecutionsRun])),
    ("retry_execution", Needs(&[ExecutionsRun])),
    ("replay_execution", Needs(&[ExecutionsRead])),
    ("show_usage", Needs(&[ExecutionsRead])),
    // Services and storage
    ("browse_services", Needs(&[ScriptsRead])),
    ("show_service", Needs(&[ScriptsRead])),
    ("browse_storage", Needs(&[StorageRead])),
    ("show_storage_entry", Needs(&[StorageRead])),
    ("put_storage_entry", Needs(&[StorageWrite])),
    ("delete_storage_entry", Needs(&[StorageWrite])),
    ("browse_documents", Needs(&[StorageRead])),
    ("show_document", Needs(&[StorageRead])),
    ("put_document", Needs(&[StorageWrite])),
    ("delete_document", Needs(&[StorageWrite])),
    // Hooks
    ("browse_hooks", Needs(&[ScriptsRead])),
    ("run_hook", Needs(&[ExecutionsRun])),
    ("browse_hook_bindings", Needs(&[ScriptsRead])),
    ("put_hook_binding", Needs(&[ScriptsDeploy, ExecutionsRun])),
    ("delete_hook_binding", Needs(&[ScriptsDeploy])),
    // Schedules
    ("browse_schedules", Needs(&[ScriptsRead])),
    ("create_schedule", Needs(&[ScriptsDeploy])),
    ("preview_schedule", Needs(&[ScriptsRead])),
    ("show_schedule", Needs(&[ScriptsRead])),
    ("change_schedule", Needs(&[ScriptsDeploy])),
    ("delete_schedule", Needs(&[ScriptsDeploy])),
    ("pause_schedule", Needs(&[ScriptsDeploy])),
    ("resume_schedule", Needs(&[ScriptsDeploy])),
    ("run_schedule", Needs(&[ExecutionsRun])),
    ("browse_slots", Needs(&[ScriptsRead, ExecutionsRead])),
    // Events
    ("browse_events", Needs(&[EventsRead])),
    ("publish_event", Needs(&[EventsPublish])),
    ("show_event", Needs(&[EventsRead])),
    ("browse_subscriptions", Needs(&[EventsRead])),
    ("create_subscription", Needs(&[ScriptsDeploy, EventsRead])),
    ("show_subscription", Needs(&[EventsRead])),
    ("change_subscription", Needs(&[ScriptsDeploy, EventsRead])),
    ("delete_subscription", Needs(&[ScriptsDeploy])),
    ("browse_deliveries", Needs(&[EventsRead])),
    ("browse_dead_letters", Needs(&[EventsRead])),
    ("show_dead_letter", Needs(&[EventsRead])),
    ("delete_dead_letter", Needs(&[EventsManage])),
    ("redrive_dead_letter", Needs(&[EventsManage])),
    // Endpoints
    ("browse_endpoints", Needs(&[ScriptsRead])),
    ("show_endpoint_secrets", Needs(&[ScriptsRead])),
    ("rotate_endpoint_secret", Needs(&[ScriptsDeploy, SecretsWrite, EndpointsCall])),
    ("put_endpoint_secret", Needs(&[ScriptsDeploy, SecretsWrite, EndpointsCall])),
    ("delete_endpoint_secret", Needs(&[ScriptsDeploy, SecretsWrite])),
    // Settings and secrets
    ("show_egress", Needs(&[SettingsRead])),
    ("change_egress", Needs(&[SettingsWrite, EgressUse])),
    ("browse_secrets", Needs(&[SecretsRead])),
    ("show_secret", Needs(&[SecretsRead])),
    ("put_secret", Needs(&[SecretsWrite])),
    ("change_secret", Needs(&[SecretsWrite])),
    ("delete_secret", Needs(&[SecretsWrite])),
    // Webhooks
    ("browse_webhooks", Needs(&[WebhooksManage])),
    ("create_webhook", Needs(&[WebhooksManage, EventsRead, EgressUse])),
    ("show_webhook", Needs(&[WebhooksManage])),
    ("change_webhook", Needs(&[WebhooksManage, EventsRead, EgressUse])),
    ("delete_webhook", Needs(&[WebhooksManage])),
    ("rotate_webhook", Needs(&[WebhooksManage])),
    ("test_webhook", Needs(&[WebhooksManage])),
    ("browse_webhook_deliveries", Needs(&[WebhooksManage])),
    ("show_webhook_delivery", Needs(&[WebhooksManage])),
    ("resend_webhook_delivery", Needs(&[WebhooksManage])),
    // Audit
    ("browse_audit", Needs(&[AuditRead])),
    ("export_audit", Needs(&[AuditRead])),
    ("browse_refusals", Needs(&[AuditRead])),
    ("browse_operator_audit", Operator),
    ("browse_operator_refusals", Operator),
    // Tokens
    ("browse_tokens", Needs(&[TokensManage])),
    ("create_token", Needs(&[TokensManage])),
    ("show_token", Needs(&[TokensManage])),
    ("rename_token", Needs(&[TokensManage])),
    ("revoke_token", Needs(&[TokensManage])),
    // People
    ("browse_members", Needs(&[MembersRead])),
    ("show_member", Needs(&[MembersRead])),
    ("browse_member_bindings", Needs(&[MembersRead])),
    ("change_member", Needs(&[MembersManage])),
    ("remove_member", Needs(&[MembersManage])),
    ("browse_roles", Needs(&[MembersRead])),
    ("show_role", Needs(&[MembersRead])),
    ("create_role", Needs(&[MembersManage])),
    ("change_role", Needs(&[MembersManage])),
    ("delete_role", Needs(&[MembersManage])),
    ("browse_invitations", Needs(&[MembersRead])),
    ("show_invitation", Needs(&[MembersRead])),
    ("create_invitation", Needs(&[MembersManage])),
    ("revoke_invitation", Needs(&[MembersManage])),
    ("preview_invitation", Anybody),
    ("accept_invitation", SignedIn),
    ("sign_in_by_invitation", Anybody),
    // Operators
    ("show_deployment_health", Operator),
    ("browse_tenants", Operator),
    ("create_tenant", Operator),
    ("show_tenant", Operator),
    ("change_tenant", Operator),
    ("delete_tenant", Operator),
    ("suspend_tenant", Operator),
    ("resume_tenant", Operator),
    ("show_tenant_usage", Operator),
    ("invite_tenant_admin", Operator),
    ("browse_users", Operator),
    ("create_user", Operator),
    ("show_user", Operator),
    ("change_user", Operator),
    ("reset_user", Operator),
    ("browse_user_sessions", Operator),
    ("end_user_sessions", Operator),
    ("browse_plans", Operator),
    ("create_plan", Operator),
    ("show_plan", Operator),
    ("change_plan", Operator),
    ("delete_plan", Operator),
    ("browse_operator_tokens", Operator),
    ("create_operator_token", Operator),
    ("revoke_operator_token", Operator),
];

/// Who may call the operation; `None` where it has no line.
pub fn of_operation(id: &str) -> Option<Access> {
    OPERATIONS.iter().find(|(known, _)| *known == id).map(|(_, access)| *access)
}

impl Access {
    /// The sentence for the API's description.
    pub(crate) fn sentence(self) -> String {
        match self {
            Self::Anybody => String::from("Needs no token."),
            Self::SignedIn => String::from("Needs a session, and no permission in particular."),
            Self::Known => String::from("Needs a token, and no permission in particular."),
            Self::Operator => String::from("Needs an operator."),
            Self::Needs(permissions) => {
                let words: Vec<String> = permissions.iter().map(|permission| format!("`{permission}`")).collect();
                format!("Needs {}.", words.join(", "))
            }
        }
    }
}

/// Say in the operation's description who may call it, and name the permissions where programs find them.
pub(crate) fn describe(operation: &mut Operation) {
    let Some(access) = operation.operation_id.as_deref().and_then(of_operation) else { return };
    let sentence = access.sentence();
    operation.description = Some(match operation.description.take() {
        Some(description) if !description.is_empty() => format!("{description}\n\n{sentence}"),
        _ => sentence,
    });
    if let Needs(permissions) = access {
        let words: Vec<&str> = permissions.iter().map(|permission| permission.as_str()).collect();
        let extension = Extensions::builder().add("x-permissions", words).build();
        operation.extensions.get_or_insert_default().merge(extension);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_operation_has_one_line_in_the_table_and_every_line_an_operation() {
        let document: Value = serde_json::from_str(&crate::openapi().expect("a document")).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").values();
        let operations: Vec<&str> = paths
            .flat_map(|methods| methods.as_object().expect("methods").values())
            .map(|operation| operation["operationId"].as_str().expect("an id"))
            .collect();
        let listed: BTreeSet<&str> = OPERATIONS.iter().map(|(id, _)| *id).collect();
        assert_eq!(listed.len(), OPERATIONS.len(), "an operation has two lines");
        assert_eq!(operations.iter().copied().collect::<BTreeSet<&str>>(), listed);
        assert_eq!(operations.len(), listed.len(), "two operations have one id");
    }
}
