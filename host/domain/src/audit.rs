//! The words of the audit log: what was done, and what came of it.

use crate::executions::words;

words!(
    /// An action that the audit log tells of. The part before the point names the kind of thing it was done to.
    AuditAction, "action", {
        /// A script was made.
        ScriptsCreate = "scripts.create",
        /// A script's draft was written.
        ScriptsEdit = "scripts.edit",
        /// A script's settings were changed: its name, limits, capabilities, endpoint, policy, whether it runs.
        ScriptsUpdate = "scripts.update",
        /// A draft became a version that runs.
        ScriptsDeploy = "scripts.deploy",
        /// Another version runs.
        ScriptsActivate = "scripts.activate",
        /// A script was deleted.
        ScriptsDelete = "scripts.delete",
        /// A script that lived by a member's rights lives by another's.
        ScriptsAdopt = "scripts.adopt",
        /// Executions were asked to end.
        ExecutionsCancel = "executions.cancel",
        /// An execution was run again.
        ExecutionsRetry = "executions.retry",
        /// An execution was replayed.
        ExecutionsReplay = "executions.replay",
        /// A schedule was made.
        SchedulesCreate = "schedules.create",
        /// A schedule was changed.
        SchedulesUpdate = "schedules.update",
        /// A schedule was paused.
        SchedulesPause = "schedules.pause",
        /// A schedule goes on.
        SchedulesResume = "schedules.resume",
        /// A schedule was deleted.
        SchedulesDelete = "schedules.delete",
        /// A subscription was made.
        SubscriptionsCreate = "subscriptions.create",
        /// A subscription was changed.
        SubscriptionsUpdate = "subscriptions.update",
        /// A subscription was deleted.
        SubscriptionsDelete = "subscriptions.delete",
        /// A dead letter was sent again as it was.
        DeadLettersRedrive = "dead_letters.redrive",
        /// A dead letter was sent again with other data.
        DeadLettersEdit = "dead_letters.edit",
        /// A dead letter was removed.
        DeadLettersDelete = "dead_letters.delete",
        /// A webhook was made.
        WebhooksCreate = "webhooks.create",
        /// A webhook was changed.
        WebhooksUpdate = "webhooks.update",
        /// A webhook has another secret.
        WebhooksRotate = "webhooks.rotate",
        /// A webhook was tried.
        WebhooksTest = "webhooks.test",
        /// A delivery to a webhook was sent again.
        WebhooksResend = "webhooks.resend",
        /// A webhook was deleted.
        WebhooksDelete = "webhooks.delete",
        /// A script runs at an extension point.
        HooksBind = "hooks.bind",
        /// A script does not run at an extension point any more.
        HooksUnbind = "hooks.unbind",
        /// What requests to an endpoint are signed with was set, or made anew.
        EndpointsSetSecret = "endpoints.set_secret",
        /// What requests to an endpoint are signed with was removed.
        EndpointsDeleteSecret = "endpoints.delete_secret",
        /// A secret was kept, or has another value or another record.
        SecretsWrite = "secrets.write",
        /// A secret was deleted.
        SecretsDelete = "secrets.delete",
        /// The hosts that scripts may reach were changed.
        EgressUpdate = "egress.update",
        /// A storage entry was written by a person or a program of theirs.
        StorageWrite = "storage.write",
        /// A storage entry was deleted by a person or a program of theirs.
        StorageDelete = "storage.delete",
        /// An API token was made.
        TokensCreate = "tokens.create",
        /// An API token is called something else.
        TokensUpdate = "tokens.update",
        /// An API token was revoked.
        TokensRevoke = "tokens.revoke",
        /// Somebody was invited.
        InvitationsCreate = "invitations.create",
        /// An invitation was taken back.
        InvitationsRevoke = "invitations.revoke",
        /// An invitation was accepted.
        InvitationsAccept = "invitations.accept",
        /// Somebody was let in whom an identity provider or the host platform vouches for.
        MembersAdmit = "members.admit",
        /// A member has other roles.
        MembersUpdate = "members.update",
        /// A member was removed, or left.
        MembersRemove = "members.remove",
        /// A role was made.
        RolesCreate = "roles.create",
        /// A role allows something else.
        RolesUpdate = "roles.update",
        /// A role was deleted.
        RolesDelete = "roles.delete",
        /// An identity provider was made known.
        SignInCreate = "sign_in.create",
        /// An identity provider was changed.
        SignInUpdate = "sign_in.update",
        /// An identity provider was removed.
        SignInDelete = "sign_in.delete",
        /// Somebody signed in.
        SessionsCreate = "sessions.create",
        /// A session was ended.
        SessionsRevoke = "sessions.revoke",
        /// A password was set or changed.
        UsersSetPassword = "users.set_password",
        /// A link was made by which a user sets a password once.
        UsersResetPassword = "users.reset_password",
        /// A user was made.
        UsersCreate = "users.create",
        /// A user was changed.
        UsersUpdate = "users.update",
        /// A user was removed.
        UsersDelete = "users.delete",
        /// A tenant was made.
        TenantsCreate = "tenants.create",
        /// A tenant was changed: its name, plan, quotas, or whether it may do anything.
        TenantsUpdate = "tenants.update",
        /// A tenant was deleted, and its key with it.
        TenantsDelete = "tenants.delete",
        /// A plan was made.
        PlansCreate = "plans.create",
        /// A plan was changed.
        PlansUpdate = "plans.update",
        /// A plan was deleted.
        PlansDelete = "plans.delete",
        /// Rows of the audit log were removed by their age.
        AuditCut = "audit.cut",
        /// A request was refused to somebody who lacks the right to it; the object is the request's method and path.
        RequestsRefuse = "requests.refuse",
    }
);

words!(
    /// What came of an action.
    AuditOutcome, "outcome", {
        /// It was done.
        Done = "done",
        /// Who asked may not do it, and nothing was changed.
        Refused = "refused",
    }
);
