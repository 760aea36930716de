//! The use cases: scripts, executions, endpoints, tokens. Every trigger of every kind comes in here, and whatever a script
//! reaches is implemented here, for one tenant.
//!
//! Knows the database and the sandbox, and neither HTTP nor SQL. Each use case takes the principal first and checks its
//! permission where it touches the rows.

mod admission;
mod artifacts;
mod audit;
mod bootstrap;
mod capabilities;
mod chains;
mod collections;
mod config;
mod dead_letters;
mod egress;
mod egress_settings;
mod endpoints;
mod error;
mod events;
mod executions;
mod guests;
mod health;
mod hooks;
mod inference;
mod invitations;
mod jwt;
mod lanes;
mod local;
mod members;
mod names;
mod operators;
mod presented;
mod quotas;
mod rates;
mod replay;
mod requests;
mod roles;
mod samples;
mod schedules;
mod schemas;
mod scripts;
mod sealing;
mod secrets;
mod services;
mod sessions;
mod sign_in;
mod signatures;
mod storage;
mod subscriptions;
mod tenants;
mod tokens;
mod transaction;
mod trials;
pub mod types;
mod upkeep;
mod usage;
mod webhooks;

use std::{sync::Arc, time::Duration};

use database::Database;
use domain::{Limits, UnixMillis};
use runtime::{Sandbox, SandboxConfig};

pub use audit::{
    AuditBreak, AuditConfig, AuditExport, AuditReport, AuditService, AuditSubject, AuditedRow, BreakKind,
    HeadFileError, RefusedRequest, RequestOrigin,
};
pub use bootstrap::Bootstrap;
pub use chains::Chain;
pub use collections::{CollectionSchema, collection_methods};
pub use config::{AppConfig, DataLocation};
pub use database::{
    AuditFilter, AuditWatch, Binding, Bound, BoundScript, DeadLetter, DeadLetterFilter, DeadLetterKind, DeadReason,
    Delivery, DeliveryStatus, DeployedVersion, EndpointAuthentication, EventPosition, Execution, ExecutionCounts,
    ExecutionCursor, ExecutionFilter, ExecutionPage, IdentityProvider, Invitation, Member, OperatorToken, Plan,
    Refusal, Refusals, Role, Script, ScriptCursor, ScriptOrder, ScriptQuery, ScriptSummary, Secret, SecretSlot,
    Session, SignInMethod, StoredEntry, StoredEvent, Subscription, TenantAccount, TenantOfUser, TenantStatus,
    TimeRange, Token, User, UserAccount, Version, VersionSummary,
};
pub use dead_letters::{DeadLetterService, DeadLetterView, EventEdit};
pub use egress::{
    Connection, EgressConfig, EgressConfigError, HostPattern, HostPatternError, Network, PrivateHost, SystemNetwork,
};
pub use egress_settings::{EgressSettings, EgressSettingsService};
pub use endpoints::{
    AcceptedRequest, AdmittedCall, BODY_BYTES_MAX, Cors, Endpoint, EndpointAnswer, EndpointCall, EndpointInput,
    EndpointMode, EndpointOptions, EndpointOutcome, EndpointRate, EndpointRefusal, EndpointSecretView, EndpointService,
    RotatedSecret, RoutedCall,
};
pub use error::{AppError, AppOpenError};
pub use events::{ChainLink, EventFilter, EventInput, EventService, EventView, EventsFound, PublishedEvent};
pub use executions::{
    AttemptView, CallView, ChosenExecutions, ExecutionNews, ExecutionQuery, ExecutionService, ExecutionView,
    ExecutionWatcher, ExecutionsFound, LogFollower, LogMark, LogNews, LogText, LogsView, MANY_MAX, ManyExecutions,
    ResultView, RunRequest, Timeline,
};
pub use health::{DeploymentHealth, Health, SlotCounts};
pub use hooks::{
    DeclaredHook, HookBinding, HookConfig, HookEnd, HookNotRun, HookOutcome, HookReport, HookResult, HookScript,
    HookService, NotRunReason, OnFailure,
};
pub use inference::{InferredCapabilities, capabilities_needed};
pub use invitations::{Accepted, InvitationService, IssuedInvitation};
pub use jwt::VerifyingKeys;
pub use local::{LocalEnd, LocalRun};
pub use members::{Adopting, BindingView, Handover, MemberService};
pub use names::{NameService, Names, NamesAsked};
pub use operators::{
    NewTenantInput, NewUserInput, OperatorService, PlanInput, PlanPatch, TenantPatch, TenantView, UserPatch, UserView,
};
pub use replay::{AskedCall, CallDifference, EditedCode, ReplayView};
pub use requests::{CursorScope, KeyedRequest, RequestKey, RequestRate, RequestService, StoredAnswer};
pub use roles::{RolePatch, RoleService, RoleView};
pub use runtime::{
    Diagnostic, Failure, Header, LogLevel, LogLine, Outcome, Output, Purity, Request, Response, Severity,
};
pub use schedules::{
    ScheduleConfig, ScheduleInput, SchedulePatch, SchedulePreview, ScheduleRules, ScheduleService, ScheduleView,
    SecondsField, SlotView, UPCOMING_SCHEDULES_MAX, UpcomingRuns, UpcomingSchedule,
};
pub use schemas::{Mismatch, Schema, SchemaError};
pub use scripts::{
    Attention, AttentionReason, CheckedSource, DeployedScript, DiffHunk, DiffLine, DiffSettings, DiffSide, LineChange,
    NewScriptInput, RunMark, SavedScript, ScriptEdit, ScriptOverview, ScriptRef, ScriptService, ScriptsChange,
    SettingsInput, StartedBy, VersionDiff,
};
pub use sealing::KeyError;
pub use secrets::{SecretInput, SecretPatch, SecretService, SecretValue, SecretView};
pub use services::{
    BreakerSettings, DescribedService, NAME_RULE, OpenApiConfig, OpenApiDocument, Service, ServiceBase, ServiceCall,
    ServiceError, ServiceKey, ServiceMethod, ServiceParameter, ServiceTokenConfig, Services, is_service_name,
};
pub use sessions::{IssuedSession, Person, PersonDetails, SessionService};
pub use sign_in::{
    OPENID_PATH, OpenIdReturn, OpenIdStart, PlainPassword, PlatformConfig, ProviderInput, ProviderService, ResetLink,
    SignInConfig, SignInService, Visitor,
};
pub use signatures::{GenericSignature, SignatureEncoding, SignatureHash, SignatureScheme};
pub use storage::{DocumentsPage, DocumentsQuery, EntriesPage, EntryInput, StorageService, StoredDocument};
pub use subscriptions::{SubscriptionInput, SubscriptionPatch, SubscriptionService};
pub use tokens::{IssuedToken, TokenPatch, TokenService};
pub use trials::{TestEffects, TestRequest, TestRun};
pub use types::TypeService;
pub use usage::{UsageOfDay, UsageService, UsageView};
pub use webhooks::{
    IssuedWebhook, WebhookAttempt, WebhookDelivery, WebhookDeliveryStatus, WebhookDisabled, WebhookInput, WebhookPatch,
    WebhookService, WebhookView,
};

use crate::{
    admission::Admission,
    artifacts::Artifacts,
    audit::AuditLog,
    collections::Collections,
    egress::Egress,
    endpoints::{EndpointRates, Routes},
    events::Events,
    executions::{Changes, Running, Streams, groups::Groups, pullers::Pullers},
    guests::Guests,
    lanes::Lanes,
    quotas::{FuelBudgets, Minutes},
    requests::RequestRates,
    sealing::Keyring,
    services::TokenSigner,
    sign_in::{openid::Asking, passwords::PasswordLane},
    webhooks::Webhooks,
};

/// The whole of Skerry but its faces. Clones are the same one.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
    scripts: ScriptService,
    executions: ExecutionService,
    endpoints: EndpointService,
    tokens: TokenService,
    sessions: SessionService,
    sign_in: SignInService,
    providers: ProviderService,
    secrets: SecretService,
    hooks: HookService,
    schedules: ScheduleService,
    egress_settings: EgressSettingsService,
    types: TypeService,
    usage: UsageService,
    webhooks: WebhookService,
    events: EventService,
    storage: StorageService,
    subscriptions: SubscriptionService,
    dead_letters: DeadLetterService,
    roles: RoleService,
    members: MemberService,
    invitations: InvitationService,
    operators: OperatorService,
    audit: AuditService,
    requests: RequestService,
}

/// What the services share.
pub(crate) struct Inner {
    pub(crate) config: AppConfig,
    pub(crate) database: Database,
    pub(crate) sandbox: Sandbox,
    pub(crate) keyring: Keyring,
    pub(crate) audit: AuditLog,
    pub(crate) request_rates: RequestRates,
    pub(crate) passwords: PasswordLane,
    pub(crate) openid: Asking,
    pub(crate) artifacts: Artifacts,
    pub(crate) admission: Arc<Admission>,
    pub(crate) guests: Guests,
    pub(crate) lanes: Lanes,
    pub(crate) running: Running,
    pub(crate) streams: Streams,
    pub(crate) changes: Changes,
    pub(crate) pullers: Arc<Pullers>,
    pub(crate) groups: Groups,
    pub(crate) fuel: FuelBudgets,
    pub(crate) minutes: Minutes,
    pub(crate) routes: Routes,
    pub(crate) endpoint_rates: EndpointRates,
    pub(crate) services: Services,
    pub(crate) service_keys: Vec<ServiceKey>,
    pub(crate) egress: Egress,
    pub(crate) collections: Collections,
    pub(crate) webhooks: Webhooks,
    pub(crate) events: Events,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("engine_build", &self.engine_build()).finish_non_exhaustive()
    }
}

impl App {
    /// Open the data, set up the sandbox, end what a crash left running, and go on with what was accepted.
    ///
    /// # Errors
    /// [`AppOpenError`] says what to do about each.
    pub async fn open(config: AppConfig) -> Result<Self, AppOpenError> {
        let app = Self::open_offline(config)?;
        app.recover().await?;
        app.executions.start_pulling();
        schedules::start_ticker(&app.schedules).await?;
        upkeep::start(&app.inner);
        webhooks::start(&app.inner);
        events::start(&app.inner);
        Ok(app)
    }

    /// Open the data of a server that is stopped, to look at what is there: nothing that was accepted goes on.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_offline(config: AppConfig) -> Result<Self, AppOpenError> {
        let (database, keyring) = config.open_data()?;
        let sandbox = Sandbox::new(&SandboxConfig { slots: config.slots })?;
        let egress = Egress::new(&config.egress, Arc::clone(&config.network))?;
        let signer = Arc::new(TokenSigner::new(&keyring, &config.service_tokens)?);
        let inner = Arc::new(Inner {
            passwords: PasswordLane::new(),
            openid: Asking::new(),
            artifacts: Artifacts::new(),
            admission: Admission::new(config.run_slots()),
            guests: Guests::start().map_err(AppOpenError::Threads)?,
            lanes: Lanes::default(),
            running: Running::default(),
            streams: Streams::default(),
            changes: Changes::default(),
            pullers: Arc::default(),
            groups: Groups::default(),
            fuel: FuelBudgets::default(),
            minutes: Minutes::default(),
            routes: Routes::new(),
            endpoint_rates: EndpointRates::new(),
            services: services::connected(&config, &signer, &egress)?,
            service_keys: signer.published().to_vec(),
            egress,
            collections: Collections::new(&config.collections)?,
            webhooks: Webhooks::new(),
            events: Events::new(),
            request_rates: RequestRates::new(),
            audit: AuditLog::new(keyring.audit_keys(), &config.audit),
            config,
            database,
            sandbox,
            keyring,
        });
        let executions = ExecutionService::new(Arc::clone(&inner));
        let tokens = TokenService::new(Arc::clone(&inner));
        let sessions = SessionService::new(Arc::clone(&inner));
        let invitations = InvitationService::new(Arc::clone(&inner));
        let operators = OperatorService::new(Arc::clone(&inner), invitations.clone(), executions.clone());
        Ok(Self {
            scripts: ScriptService::new(Arc::clone(&inner)),
            endpoints: EndpointService::new(Arc::clone(&inner), executions.clone(), tokens.clone()),
            secrets: SecretService::new(Arc::clone(&inner)),
            hooks: HookService::new(Arc::clone(&inner), executions.clone()),
            schedules: ScheduleService::new(Arc::clone(&inner), executions.clone()),
            dead_letters: DeadLetterService::new(Arc::clone(&inner), executions.clone()),
            events: EventService::new(Arc::clone(&inner)),
            storage: StorageService::new(Arc::clone(&inner)),
            subscriptions: SubscriptionService::new(Arc::clone(&inner)),
            providers: ProviderService::new(Arc::clone(&inner)),
            sign_in: SignInService::new(Arc::clone(&inner), sessions.clone()),
            executions,
            tokens,
            sessions,
            egress_settings: EgressSettingsService::new(Arc::clone(&inner)),
            types: TypeService::new(Arc::clone(&inner)),
            usage: UsageService::new(Arc::clone(&inner)),
            webhooks: WebhookService::new(Arc::clone(&inner)),
            roles: RoleService::new(Arc::clone(&inner)),
            members: MemberService::new(Arc::clone(&inner)),
            operators,
            invitations,
            audit: AuditService::new(Arc::clone(&inner)),
            requests: RequestService::new(Arc::clone(&inner)),
            inner,
        })
    }

    /// Scripts, drafts, versions.
    pub fn scripts(&self) -> &ScriptService {
        &self.scripts
    }

    /// Running scripts, and what became of it.
    pub fn executions(&self) -> &ExecutionService {
        &self.executions
    }

    /// Requests to tenants' endpoints.
    pub fn endpoints(&self) -> &EndpointService {
        &self.endpoints
    }

    /// Who presents which token.
    pub fn tokens(&self) -> &TokenService {
        &self.tokens
    }

    /// Who presents which session.
    pub fn sessions(&self) -> &SessionService {
        &self.sessions
    }

    /// Signing in.
    pub fn sign_in(&self) -> &SignInService {
        &self.sign_in
    }

    /// The identity providers of tenants.
    pub fn providers(&self) -> &ProviderService {
        &self.providers
    }

    /// What members may do, by roles.
    pub fn roles(&self) -> &RoleService {
        &self.roles
    }

    /// Who belongs to tenants.
    pub fn members(&self) -> &MemberService {
        &self.members
    }

    /// How people come to belong to tenants.
    pub fn invitations(&self) -> &InvitationService {
        &self.invitations
    }

    /// What whoever runs the deployment does.
    pub fn operators(&self) -> &OperatorService {
        &self.operators
    }

    /// What scripts can use and never read.
    pub fn secrets(&self) -> &SecretService {
        &self.secrets
    }

    /// The host application's extension points, and which scripts run at them.
    pub fn hooks(&self) -> &HookService {
        &self.hooks
    }

    /// What scripts, versions and people are called.
    pub fn names(&self) -> NameService {
        NameService::new(Arc::clone(&self.inner))
    }

    /// When scripts run by themselves.
    pub fn schedules(&self) -> &ScheduleService {
        &self.schedules
    }

    /// The services that are connected beside the collections.
    pub fn services(&self) -> &Services {
        &self.inner.services
    }

    /// The public keys with which the operator's HTTP services verify who calls.
    pub fn service_keys(&self) -> &[ServiceKey] {
        &self.inner.service_keys
    }

    /// Which hosts the tenant's scripts may reach.
    pub fn egress(&self) -> &EgressSettingsService {
        &self.egress_settings
    }

    /// Publishing, and what was published.
    pub fn events(&self) -> &EventService {
        &self.events
    }

    /// Storage entries, as people and their programs see them.
    pub fn storage(&self) -> &StorageService {
        &self.storage
    }

    /// Which events scripts run on.
    pub fn subscriptions(&self) -> &SubscriptionService {
        &self.subscriptions
    }

    /// What was given up.
    pub fn dead_letters(&self) -> &DeadLetterService {
        &self.dead_letters
    }

    /// Types for whoever writes scripts.
    pub fn types(&self) -> &TypeService {
        &self.types
    }

    /// What tenants have and use.
    pub fn usage(&self) -> &UsageService {
        &self.usage
    }

    /// Where tenants' events are sent, and what became of it.
    pub fn webhooks(&self) -> &WebhookService {
        &self.webhooks
    }

    /// What was done, and what was refused.
    pub fn audit(&self) -> &AuditService {
        &self.audit
    }

    /// What holds for every request to the API.
    pub fn requests(&self) -> &RequestService {
        &self.requests
    }

    /// The name of the engine in this binary.
    pub fn engine_build(&self) -> &str {
        self.inner.sandbox.build_id()
    }

    /// The system's limits of one execution, which no script's own exceed.
    pub fn limits(&self) -> &Limits {
        &self.inner.config.limits
    }

    /// Take no new work, wait at most `grace` for what runs, and end the rest as `interrupted`.
    pub async fn shutdown(&self, grace: Duration) {
        self.inner.running.stop(grace).await;
        self.inner.keep_audit(UnixMillis::now()).await;
        if let Err(error) = self.inner.fuel.give_back(&self.inner.database).await {
            tracing::warn!(%error, "fuel that was reserved and not used stays counted");
        }
    }

    async fn recover(&self) -> Result<(), AppOpenError> {
        let epoch = self.inner.database.epoch();
        let now = UnixMillis::now();
        self.inner.database.refresh_built_in_roles().await?;
        self.inner.end_left_running(epoch, now).await.map_err(AppOpenError::Queue)?;
        self.executions.rescue(now).await.map_err(AppOpenError::Queue)?;
        self.inner.ensure_all_collections().await.map_err(AppOpenError::Collections)?;
        for (point, scripts) in self.hooks.undeclared()? {
            tracing::warn!(%point, scripts, "scripts are bound to an extension point that is not declared: they do not run");
        }
        Ok(())
    }
}
