//! The configuration: one TOML file, one small struct per concern, each field with its unit and default.
//!
//! What is not said has a default under which the server answers this machine alone. [`template`] is the file that the
//! documentation shows, made from the comments here; [`Config::read`] finds every mistake at once.

mod checks;
mod egress;
mod hooks;
mod read;
mod schedules;
mod section;
mod services;
mod sign_in;

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use app::{AppConfig, DataLocation, ServiceTokenConfig};
use confique::toml::FormatOptions;
use domain::{Limits, Quotas};
use http::Uri;

use crate::{
    listener::{ConnectionLimits, Phase, Terms},
    web::{
        overload::{Account, OverloadLimits},
        peer::TrustedProxies,
    },
};

pub use crate::web::peer::ForwardedHeader;
pub use egress::{EgressConfig, PrivateHostConfig};
pub use hooks::HooksConfig;
pub use read::ConfigError;
pub use schedules::SchedulesConfig;
pub use services::ServicesConfig;
pub use sign_in::{PlatformsConfig, SignInConfig};

/// The configuration of Skerry. A line such as '#fuel = 20000000000' shows a default: remove its '#' to change it.
#[derive(Clone, Debug, confique::Config)]
pub struct Config {
    /// What scripts reach as services.NAME, each in a section [services.NAME] of its own. docs/services.md has all keys.
    /// With kind = "collection" and schema = "FILE": documents that Skerry keeps, each tenant's own.
    /// With kind = "openapi", base_url, document = "FILE" and document_sha256: an HTTP service of yours.
    #[config(default = {})]
    pub services: ServicesConfig,
    /// Extension points of your application, each in a section [hooks."NAME"] of its own. docs/hooks.md has all keys.
    /// With on_failure = "closed" or "open", input_schema and output_schema = "FILE", deadline_ms = 2000.
    #[config(default = {})]
    pub hooks: HooksConfig,
    #[config(nested)]
    pub service_tokens: ServiceTokensConfig,
    #[config(nested)]
    pub listeners: ListenersConfig,
    #[config(nested)]
    pub sign_in: SignInConfig,
    #[config(nested)]
    pub data: DataConfig,
    #[config(nested)]
    pub sandbox: SandboxConfig,
    #[config(nested)]
    pub limits: LimitsConfig,
    #[config(nested)]
    pub quotas: QuotasConfig,
    #[config(nested)]
    pub schedules: SchedulesConfig,
    #[config(nested)]
    pub egress: EgressConfig,
    #[config(nested)]
    pub api: ApiConfig,
    #[config(nested)]
    pub audit: AuditConfig,
    #[config(nested)]
    pub log: LogConfig,
}

/// Where the server listens. Both addresses must be this machine's own (127.0.0.1, ::1) unless
/// 'tls_terminated_by_proxy' says that a proxy in front of Skerry speaks TLS.
#[derive(Clone, Debug, confique::Config)]
pub struct ListenersConfig {
    /// Address and port of the API.
    #[config(default = "127.0.0.1:8080", env = "SKERRY_LISTEN")]
    pub api: SocketAddr,

    /// Address and port of the tenants' endpoints. They are another origin than the API, so that a page that a script
    /// answers with can do nothing in the API's name.
    #[config(default = "127.0.0.1:8081", env = "SKERRY_ENDPOINTS_LISTEN")]
    pub endpoints: SocketAddr,

    /// Whether everything that reaches a public address here has come through a proxy that speaks TLS.
    #[config(default = false, env = "SKERRY_TLS_TERMINATED_BY_PROXY")]
    pub tls_terminated_by_proxy: bool,

    /// The URL under which the proxy shows the API, as `https://skerry.example`. Requests that name another host are
    /// refused (421).
    #[config(env = "SKERRY_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// The URL under which the proxy shows the tenants' endpoints, as `https://hooks.example`. Its host name must differ
    /// from that of 'public_url', because cookies do not know ports.
    #[config(env = "SKERRY_ENDPOINTS_URL")]
    pub endpoints_url: Option<String>,

    /// The proxies in front of Skerry, as addresses and networks: ["10.0.0.7", "2001:db8:7::/64"]. Their word on whose
    /// request it is counts for limits by address; nobody else's does.
    #[config(default = [])]
    pub trusted_proxies: Vec<String>,

    /// Where those proxies write it: 'x-forwarded-for', or 'forwarded' (RFC 7239). The other header is not read.
    #[config(default = "x-forwarded-for")]
    pub forwarded_header: ForwardedHeader,

    /// Connections at once on each listener. When all are taken, those that ask nothing give way; else new ones get 503.
    #[config(default = 4096)]
    pub max_connections: usize,

    /// Connections at once of one address (of IPv6: of one /64) on each listener. Those of trusted proxies do not count.
    #[config(default = 256)]
    pub max_connections_per_address: usize,

    /// Requests at once on each listener, until there is an answer; further ones get 503. One tenant's endpoints
    /// have at most a quarter of them, and one address half of that.
    #[config(default = 2048)]
    pub max_requests: usize,

    /// Mebibytes of the bodies of these requests in memory, and as many again of answers that wait for their clients;
    /// further ones get 503. The same parts hold; of the answers one address has a quarter.
    #[config(default = 256)]
    pub max_body_memory_mb: usize,

    /// Milliseconds that the line and the headers of a request may take.
    #[config(default = 10_000)]
    pub headers_timeout_ms: u64,

    /// Milliseconds for which a connection is kept that asks nothing.
    #[config(default = 60_000)]
    pub idle_timeout_ms: u64,

    /// Milliseconds for which a client may take nothing of its answer.
    #[config(default = 30_000)]
    pub answer_timeout_ms: u64,
}

/// What is kept, and where.
#[derive(Clone, Debug, confique::Config)]
pub struct DataConfig {
    /// The directory of the database. It is made, for this user alone, where it is not there.
    #[config(default = "data", env = "SKERRY_DATA")]
    pub directory: PathBuf,

    /// The file with the key that wraps every tenant's key, 32 bytes for this user alone. Made on the first start.
    /// Default: skerry.key in the data directory. Whoever has it and the database can read everything: keep a copy
    /// elsewhere, and not beside the backups.
    #[config(env = "SKERRY_KEY_FILE")]
    pub key_file: Option<PathBuf>,

    /// Mebibytes of key-value storage that each tenant may have.
    #[config(default = 1024)]
    pub storage_limit_mb: u64,
}

/// How calls of HTTP services are signed. /.well-known/jwks.json of the API has the public keys.
#[derive(Clone, Debug, confique::Config)]
pub struct ServiceTokensConfig {
    /// Who issues the tokens, as services find it in the claim 'iss'. Default: 'listeners.public_url', else skerry.
    pub issuer: Option<String>,

    /// Which key signs. Add one to change to the next key, which services that look at the public keys know already.
    #[config(default = 1)]
    pub generation: u32,
}

/// How many scripts run at once.
#[derive(Clone, Debug, confique::Config)]
pub struct SandboxConfig {
    /// Executions at once, of all tenants together. Each reserves 4 GiB of address space and uses what it touches.
    #[config(default = 128)]
    pub slots: u32,

    /// Executions at once of one tenant. Default: a quarter of all.
    pub tenant_share: Option<u32>,
}

/// What one execution may use at most. A script's own limits can only be lower.
#[derive(Clone, Debug, confique::Config)]
pub struct LimitsConfig {
    /// Units of fuel; 20 000 000 000 are one to two seconds of one core.
    #[config(default = 20_000_000_000_u64)]
    pub fuel: u64,

    /// Milliseconds from the start to the result, host calls included.
    #[config(default = 30_000)]
    pub wall_time_ms: u64,

    /// Mebibytes of memory, from 4 to 512.
    #[config(default = 128)]
    pub memory_mb: u64,

    /// Host calls.
    #[config(default = 1_000)]
    pub host_calls: u32,

    /// Host calls that leave this machine.
    #[config(default = 50)]
    pub outbound_requests: u32,

    /// Mebibytes of arguments and answers of all host calls together.
    #[config(default = 16)]
    pub boundary_mb: u64,

    /// Lines of log; further ones are dropped.
    #[config(default = 1_000)]
    pub log_lines: u32,

    /// Kibibytes of log.
    #[config(default = 256)]
    pub log_kb: u64,

    /// Kibibytes of the result.
    #[config(default = 1_024)]
    pub result_kb: u64,
}

/// What a tenant may have and use where its plan does not say. Executions at once are 'sandbox.tenant_share', bytes of
/// storage 'data.storage_limit_mb'.
#[derive(Clone, Debug, confique::Config)]
pub struct QuotasConfig {
    /// Executions that were accepted and have not ended.
    #[config(default = 100_000)]
    pub queued_executions: u64,

    /// Executions that begin in a minute. Default: as many as there is room for.
    pub executions_per_minute: Option<u64>,

    /// Units of fuel of a day in UTC, for executions, compiling and replays. Default: no bound.
    pub fuel_per_day: Option<u64>,

    /// Scripts.
    #[config(default = 10_000)]
    pub scripts: u64,

    /// Schedules.
    #[config(default = 10_000)]
    pub schedules: u64,
}

/// The REST API.
#[derive(Clone, Debug, confique::Config)]
pub struct ApiConfig {
    /// Requests that each token, or person who is signed in, may send in a minute; further ones get 429. 0 is no bound.
    #[config(default = 60_000)]
    pub requests_per_minute: u64,
}

/// The log of what was done and refused; docs/audit.md.
#[derive(Clone, Debug, confique::Config)]
pub struct AuditConfig {
    /// The file that the heads of the log's chains are written to each minute, so that a missing end is found. Let it be
    /// kept on another machine. Default: they go to the server's own log.
    #[config(env = "SKERRY_AUDIT_HEAD_FILE")]
    pub head_file: Option<PathBuf>,

    /// Days that rows are kept, 1 to 36600; what is older is removed, and the log still verifies. Default: for ever.
    pub retention_days: Option<u32>,
}

impl AuditConfig {
    fn app(&self) -> app::AuditConfig {
        let kept = self.retention_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
        app::AuditConfig { head_file: self.head_file.clone(), kept }
    }
}

/// The server's own log, which goes to the standard error.
#[derive(Clone, Debug, confique::Config)]
pub struct LogConfig {
    /// How much: error, warn, info, debug or trace; or directives, as 'info,app=debug'.
    #[config(default = "info", env = "SKERRY_LOG")]
    pub level: String,

    /// 'text', 'json' (one object a line), or 'auto': text on a terminal, else JSON.
    #[config(default = "auto", env = "SKERRY_LOG_FORMAT")]
    pub format: LogFormat,
}

/// The form of the log's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The configuration file with every key, commented out at its default.
pub fn template() -> String {
    confique::toml::template::<Config>(FormatOptions::default())
}

impl Config {
    /// What the application needs to know of it.
    pub fn app(&self) -> AppConfig {
        AppConfig {
            data: DataLocation::Directory(self.data.directory.clone()),
            key_file: self.data.key_file.clone(),
            audit: self.audit.app(),
            requests_per_minute: Some(self.api.requests_per_minute).filter(|limit| *limit > 0),
            slots: self.sandbox.slots,
            limits: self.limits.limits(),
            quotas: self.quotas.quotas(),
            schedules: self.schedules.app(),
            tenant_share: self.sandbox.tenant_share.unwrap_or((self.sandbox.slots / 4).max(1)),
            storage_limit_bytes: self.data.storage_limit_mb << 20,
            collections: self.services.connected.collections.clone(),
            openapi: self.services.connected.openapi.clone(),
            hooks: self.hooks.declared.clone(),
            service_tokens: self.service_tokens(),
            sign_in: self.sign_in.app(self.listeners.address()),
            egress: self.egress.app(&self.listeners),
            ..AppConfig::default()
        }
    }

    fn service_tokens(&self) -> ServiceTokenConfig {
        let default = ServiceTokenConfig::default();
        let issuer = self.service_tokens.issuer.clone().or_else(|| self.listeners.public_url.clone());
        ServiceTokenConfig { issuer: issuer.unwrap_or(default.issuer), generation: self.service_tokens.generation }
    }
}

impl ListenersConfig {
    /// The URL of the API as clients see it, where a proxy shows it under one. Checked when it was read.
    pub(crate) fn public_url(&self) -> Option<Uri> {
        self.public_url.as_deref().and_then(|url| url.parse().ok())
    }

    /// The address of the API as clients see it: an origin, without a slash at its end.
    fn address(&self) -> String {
        let shown = self.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        shown.unwrap_or_else(|| format!("http://{}", self.api))
    }

    /// How a listener serves that closes at `closes_at`.
    pub(crate) fn terms(&self, closes_at: Phase) -> Terms {
        let limits = ConnectionLimits {
            connections: self.max_connections,
            connections_per_address: self.max_connections_per_address,
            headers_timeout: Duration::from_millis(self.headers_timeout_ms),
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            answer_stall: Duration::from_millis(self.answer_timeout_ms),
            ..ConnectionLimits::default()
        };
        Terms { limits, proxies: self.proxies(), closes_at }
    }

    /// How much a listener takes on whose requests are counted as `judge` says.
    pub(crate) fn overload(&self, judge: fn(&Uri) -> Account) -> OverloadLimits {
        OverloadLimits { requests: self.max_requests, body_bytes: self.max_body_memory_mb << 20, judge }
    }

    /// The proxies whose word on their peers counts. Entries that the checks refuse are left out.
    fn proxies(&self) -> TrustedProxies {
        let networks = self.trusted_proxies.iter().filter_map(|range| egress::range_of(range)).collect();
        TrustedProxies::new(networks, self.forwarded_header)
    }

    /// The URL of the endpoints as clients see it.
    pub(crate) fn endpoints_url(&self) -> Option<Uri> {
        self.endpoints_url.as_deref().and_then(|url| url.parse().ok())
    }
}

impl QuotasConfig {
    fn quotas(&self) -> Quotas {
        Quotas {
            queued_executions: self.queued_executions,
            executions_per_minute: self.executions_per_minute,
            fuel_per_day: self.fuel_per_day,
            scripts: self.scripts,
            schedules: self.schedules,
            ..Quotas::default()
        }
    }
}

impl LimitsConfig {
    fn limits(&self) -> Limits {
        Limits {
            fuel: self.fuel,
            wall_time: Duration::from_millis(self.wall_time_ms),
            memory_bytes: self.memory_mb << 20,
            host_calls: self.host_calls,
            outbound_requests: self.outbound_requests,
            boundary_bytes: self.boundary_mb << 20,
            log_lines: self.log_lines,
            log_bytes: self.log_kb << 10,
            result_bytes: self.result_kb << 10,
        }
    }
}

impl fmt::Display for ForwardedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        })
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}
