//! Identifiers: UUIDs of version 7, one type for each noun, so that a script's id cannot be passed for a tenant's.

use std::{fmt, str::FromStr};

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier, later than every one that this process made before.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The identifier as a UUID.
            pub fn uuid(self) -> Uuid {
                self.0
            }

            /// The 16 bytes of the UUID, in network order.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id!(
    /// A customer of the platform.
    TenantId
);
id!(
    /// A person.
    UserId
);
id!(
    /// An API token.
    TokenId
);
id!(
    /// A signed-in person's session.
    SessionId
);
id!(
    /// An invitation to a tenant.
    InvitationId
);
id!(
    /// A link by which a person sets a password once.
    PasswordResetId
);
id!(
    /// An identity provider of a tenant.
    IdentityProviderId
);
id!(
    /// A script.
    ScriptId
);
id!(
    /// An immutable version of a script.
    VersionId
);
id!(
    /// One run of one version.
    ExecutionId
);
id!(
    /// A time at which a script runs, again and again.
    ScheduleId
);
id!(
    /// A published event, where the script gave it no id of its own.
    EventId
);
id!(
    /// What a script runs on: patterns of events.
    SubscriptionId
);
id!(
    /// What was given up, and is kept for a person.
    DeadLetterId
);
id!(
    /// An address outside that events are sent to.
    WebhookId
);
id!(
    /// One event on its way to one webhook.
    WebhookDeliveryId
);
