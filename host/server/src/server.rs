//! The server: both listeners and the application behind them, from the first port to the last answer.

use std::{io, net::SocketAddr, time::Duration};

use app::{App, AppError, AppOpenError, Bootstrap};
use axum::Extension;
use http::uri::Scheme;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    config::Config,
    controllers::health,
    endpoints,
    listener::{Listener, Phase},
    pages::EndpointsAt,
    router,
    web::{hosts::OwnHosts, layers, overload::Overload},
};

/// How long connections may take to send their last answers once nothing runs any more.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Why the server does not start. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{}", bind_message(.address, .flag, .error))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The flag that chooses another.
        flag: &'static str,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The data, its key or the sandbox cannot be opened.
    #[error(transparent)]
    Open(#[from] AppOpenError),
    /// The first tenant cannot be made.
    #[error("the first start cannot be finished: {0}")]
    Bootstrap(#[source] AppError),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    app: App,
    api: SocketAddr,
    endpoints: SocketAddr,
    bootstrap: Option<Bootstrap>,
    phase: watch::Sender<Phase>,
    listeners: Vec<JoinHandle<()>>,
}

impl Server {
    /// Take the ports, open the data, and answer. On an empty installation the first tenant is made, and with `samples`
    /// its sample scripts.
    ///
    /// # Errors
    /// [`StartError`] says what to do about each.
    pub async fn start(config: &Config, samples: bool) -> Result<Self, StartError> {
        // The ports first: they are what most often is not there, and taking them changes nothing.
        let api = bind(config.listeners.api, "--listen").await?;
        let endpoints_listener = bind(config.listeners.endpoints, "--endpoints-listen").await?;
        let mut settings = config.app();
        if config.listeners.public_url.is_none() {
            // The port that was taken, where any would do.
            settings.sign_in.address = format!("http://{}", api.address());
        }
        let app = App::open(settings).await?;
        let bootstrap = app.bootstrap(samples).await.map_err(StartError::Bootstrap)?;

        if config.listeners.tls_terminated_by_proxy && config.listeners.trusted_proxies.is_empty() {
            tracing::warn!(
                "every request counts as the proxy's own, and shares its limits: name the proxy in \
                 'listeners.trusted_proxies'"
            );
        }
        let (phase, phases) = watch::channel(Phase::Serving);
        let (api_address, endpoints_address) = (api.address(), endpoints_listener.address());
        let urls = (config.listeners.public_url(), config.listeners.endpoints_url());
        let scheme = urls.1.as_ref().and_then(|url| url.scheme().cloned()).unwrap_or(Scheme::HTTP);
        let hosts = OwnHosts::new(api_address, urls.0.as_ref());
        let overload = Overload::new(config.listeners.overload(health::account));
        let endpoints_at = EndpointsAt(match &urls.1 {
            Some(url) => url.to_string().trim_end_matches('/').to_owned(),
            None => format!("http://{endpoints_address}"),
        });
        let api_router = layers::around(router::api(app.clone()).layer(Extension(endpoints_at)), hosts, overload);
        let hosts = OwnHosts::new(endpoints_address, urls.1.as_ref());
        let overload = Overload::new(config.listeners.overload(endpoints::account));
        let endpoints_router = endpoints::router(app.clone(), scheme, hosts, overload);
        // While what runs comes to its end the API still answers, so that readiness is seen and runs can be looked at.
        let api_terms = config.listeners.terms(Phase::Ending);
        let endpoints_terms = config.listeners.terms(Phase::Draining);
        let listeners = vec![
            tokio::spawn(api.serve(api_router, api_terms, phases.clone())),
            tokio::spawn(endpoints_listener.serve(endpoints_router, endpoints_terms, phases)),
        ];
        Ok(Self { app, api: api_address, endpoints: endpoints_address, bootstrap, phase, listeners })
    }

    /// Where the API answers.
    pub fn api_address(&self) -> SocketAddr {
        self.api
    }

    /// Where the tenants' endpoints answer.
    pub fn endpoints_address(&self) -> SocketAddr {
        self.endpoints
    }

    /// What the first start made, with the token that is shown once; `None` on any other start.
    pub fn bootstrap(&self) -> Option<&Bootstrap> {
        self.bootstrap.as_ref()
    }

    /// The application behind the listeners.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Take no more requests to endpoints and no more work, wait at most `grace` for what runs, end the rest, and answer everybody.
    pub async fn stop(self, grace: Duration) {
        self.phase.send_replace(Phase::Draining);
        self.app.shutdown(grace).await;
        self.phase.send_replace(Phase::Ending);
        let answered = async {
            for listener in self.listeners {
                let _ = listener.await;
            }
        };
        if tokio::time::timeout(LAST_ANSWERS, answered).await.is_err() {
            tracing::warn!("connections that did not take their last answers were cut");
        }
    }
}

async fn bind(address: SocketAddr, flag: &'static str) -> Result<Listener, StartError> {
    Listener::bind(address).await.map_err(|error| StartError::Bind { address, flag, error })
}

fn bind_message(address: &SocketAddr, flag: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{address} is in use: another program, maybe another Skerry, listens there. Stop it, or choose another \
             address with {flag}"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("{address} is not allowed for this user: choose a port from 1024 on with {flag}")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{address} is not an address of this machine: choose another with {flag}")
        }
        _ => format!("{address} cannot be listened on: {error}"),
    }
}
