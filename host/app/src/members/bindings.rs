//! What each thing that lives by somebody's rights needs of them.

use database::{Binding, Bound, EndpointAuthentication};
use domain::{Capabilities, Permission, Permissions, Principal, ScriptId};

use crate::{AppError, Inner, roles::require_all, scripts::granted};

/// Something that lives by somebody's rights, and how it stands with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingView {
    /// What it is, and whose rights it has.
    pub bound: Bound,
    /// What it needs of them.
    pub needed: Permissions,
    /// What of that its setter does not hold.
    pub missing: Permissions,
    /// Whether whoever looks could adopt it.
    pub can_adopt: bool,
}

impl BindingView {
    /// Of something whose setter holds `held`, for somebody who holds `own`.
    pub(crate) fn new(bound: Bound, held: Permissions, own: Permissions) -> Self {
        let needed = needed(&bound);
        Self { needed, missing: needed.without(held), can_adopt: own.contains_all(needed), bound }
    }
}

/// What somebody has to hold for a thing to live by their rights: that of setting it, and all that it grants (RULES 13).
pub(crate) fn needed(bound: &Bound) -> Permissions {
    needed_with(&bound.binding, bound.script.as_ref().map(|script| &script.capabilities))
}

impl Inner {
    /// Let through who may bind a script so: whoever holds what binding asks for, and all that the script's capabilities
    /// grant (RULES 13).
    ///
    /// # Errors
    /// [`AppError::Forbidden`] names the right that is missing; [`AppError::NotFound`].
    pub(crate) fn require_binding(
        &self,
        principal: &Principal,
        script: ScriptId,
        binding: &Binding,
    ) -> Result<(), AppError> {
        let capabilities = self.database.capabilities_of(principal.tenant, script)?;
        let capabilities = capabilities.ok_or(AppError::NotFound { what: "script" })?;
        Ok(require_all(principal, needed_with(binding, Some(&capabilities)))?)
    }
}

fn needed_with(binding: &Binding, capabilities: Option<&Capabilities>) -> Permissions {
    use Permission::{
        EgressUse, EndpointsCall, EventsRead, ExecutionsRun, MembersManage, ScriptsDeploy, SecretsWrite, SignInManage,
        WebhooksManage,
    };
    let own: &[Permission] = match binding {
        Binding::Deployment
        | Binding::Version(_)
        | Binding::Schedule(_)
        | Binding::Endpoint(EndpointAuthentication::Public) => &[ScriptsDeploy],
        Binding::Endpoint(_) => &[ScriptsDeploy, EndpointsCall],
        Binding::EndpointSecret(_) => &[ScriptsDeploy, SecretsWrite, EndpointsCall],
        Binding::Subscription(_) => &[ScriptsDeploy, EventsRead],
        Binding::Hook(_) => &[ScriptsDeploy, ExecutionsRun],
        Binding::Webhook(_) => &[WebhooksManage, EventsRead, EgressUse],
        Binding::Role(..) => &[MembersManage],
        Binding::Provider(..) => &[SignInManage],
    };
    let own: Permissions = own.iter().copied().collect();
    let of_script = capabilities.map_or(Permissions::NONE, granted);
    let of_roles = match binding {
        Binding::Role(_, permissions) | Binding::Provider(_, permissions) => *permissions,
        _ => Permissions::NONE,
    };
    own.union(of_script).union(of_roles)
}
