//! What each thing that lives by somebody's rights needs of them.

use database::{Binding, Bound, EndpointAuthentication};
use domain::{Permission, Permissions};

use crate::scripts::granted;

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
    use Permission::{
        EgressUse, EndpointsCall, EventsRead, ExecutionsRun, MembersManage, ScriptsDeploy, WebhooksManage,
    };
    let own: &[Permission] = match &bound.binding {
        Binding::Deployment | Binding::Schedule(_) | Binding::Endpoint(EndpointAuthentication::Public) => {
            &[ScriptsDeploy]
        }
        Binding::Endpoint(_) => &[ScriptsDeploy, EndpointsCall],
        Binding::Subscription(_) => &[ScriptsDeploy, EventsRead],
        Binding::Hook(_) => &[ScriptsDeploy, ExecutionsRun],
        Binding::Webhook(_) => &[WebhooksManage, EventsRead, EgressUse],
        Binding::Role(..) => &[MembersManage],
    };
    let own: Permissions = own.iter().copied().collect();
    let of_script = bound.script.as_ref().map_or(Permissions::NONE, |script| granted(&script.capabilities));
    let of_role = if let Binding::Role(_, permissions) = &bound.binding { *permissions } else { Permissions::NONE };
    own.union(of_script).union(of_role)
}
