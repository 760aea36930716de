//! Requests that come twice with one key are answered once (RULES 30): by `webhook-id`, which a sender of Standard
//! Webhooks signs, or by `Idempotency-Key`.
//!
//! The answer that is told again is the execution's own result, which is committed with its effects. What failed left
//! nothing, so that its key is free again: a sender of webhooks that is told so sends the same id again and is served. An
//! answer of the script's own stands, whatever it says: its effects are there.

use std::time::Duration;

use database::{AnswerClaim, AnswerState, ClaimedAnswer, DatabaseError, KnownAnswer};
use domain::{ExecutionId, TenantId, UnixMillis};
use runtime::{Header, Response};

use super::{EndpointAnswer, EndpointOutcome, EndpointRefusal, EndpointService, as_response, options::Endpoint};
use crate::{
    AppError, SignatureScheme,
    executions::{Order, QueueTerms, Sealed},
    sealing::{Purpose, TenantKey},
    signatures::standard,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How long a request is remembered.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// The most bytes of a key.
const KEY_BYTES_MAX: usize = 255;

/// How often a claim is tried that another one may take over at the same time.
const TRIES: u32 = 3;

/// What a request is told again by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeat {
    request: [u8; 32],
    body: [u8; 32],
    /// Whether the answer is told again as it was. To whom anybody may be, nobody's answer is (RULES 30).
    tells_answer: bool,
}

/// A request as far as telling it again goes.
pub(super) struct Told<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) method: &'a str,
    /// The absolute address; only its path and query count.
    pub(super) url: &'a str,
    /// Who calls, as text.
    pub(super) caller: &'a str,
    pub(super) headers: &'a [Header],
    pub(super) body: &'a [u8],
}

impl Told<'_> {
    /// What the request is told again by; `None` where it brings no key, is no change, or the endpoint asks for none.
    ///
    /// # Errors
    /// [`EndpointRefusal::MalformedKey`].
    pub(super) fn repeat(&self, key: &TenantKey) -> Result<Option<Repeat>, EndpointRefusal> {
        let is_standard = self.is_standard();
        // A signed message is the same one by whichever method it comes.
        if (self.method == "GET" && !is_standard) || !self.endpoint.deduplicates() {
            return Ok(None);
        }
        let Some(text) = self.key()? else { return Ok(None) };
        let target = self.url.splitn(4, '/').nth(3).unwrap_or_default();
        let script = self.endpoint.script;
        // A signature is over neither: who has one must not have it run again by changing them.
        let (method, path) = if is_standard { ("", "") } else { (self.method, target) };
        let parts = [method, path, self.caller, text].map(str::as_bytes);
        let request =
            key.mac(Purpose::EndpointAnswer, &[b"request", script.as_bytes(), parts[0], parts[1], parts[2], parts[3]]);
        let parts = [self.method, target].map(str::as_bytes);
        let body = key.mac(Purpose::EndpointAnswer, &[b"body", parts[0], parts[1], self.body]);
        Ok(Some(Repeat { request, body, tells_answer: !self.endpoint.is_public() }))
    }

    fn is_standard(&self) -> bool {
        self.endpoint.options.signature == Some(SignatureScheme::Standard)
    }

    fn key(&self) -> Result<Option<&str>, EndpointRefusal> {
        // What is signed comes first: the other header anybody on the way could have added.
        let names = if self.is_standard() { [standard::ID, IDEMPOTENCY_KEY] } else { [IDEMPOTENCY_KEY, standard::ID] };
        for name in names {
            let mut values = self.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
            let Some(header) = values.next() else { continue };
            let value = header.value.as_str();
            let is_key =
                (1..=KEY_BYTES_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_key || values.next().is_some() {
                return Err(EndpointRefusal::MalformedKey);
            }
            return Ok(Some(value));
        }
        Ok(None)
    }
}

impl Repeat {
    pub(super) fn claim(&self, execution: ExecutionId, replaces: Option<ExecutionId>, limit_bytes: u64) -> AnswerClaim {
        let now = UnixMillis::now();
        AnswerClaim {
            request: self.request,
            body: self.body,
            execution,
            replaces,
            now,
            expires_at: UnixMillis(now.0 + KEPT_MS),
            storage_limit_bytes: limit_bytes,
        }
    }
}

/// What became of a request that came before.
enum Before {
    /// This was the answer.
    Answered(EndpointAnswer),
    /// Somebody answers it now.
    Running,
    /// Nothing, and nothing will.
    Lost,
}

impl EndpointService {
    /// Run what a request asks for, unless an equal one did. Goes on to its end where the caller goes away.
    pub(super) async fn run_once(
        &self,
        order: Order,
        repeat: Option<Repeat>,
    ) -> Result<EndpointAnswer, EndpointRefusal> {
        let service = self.clone();
        let run = async move { service.run_claimed(order, repeat).await };
        self.inner.guests.run(run).await.map_err(EndpointRefusal::App)?
    }

    async fn run_claimed(&self, order: Order, repeat: Option<Repeat>) -> Result<EndpointAnswer, EndpointRefusal> {
        let (tenant, execution) = (order.target.tenant.id, order.execution);
        let database = &self.inner.database;
        // From before the claim is written until its answer is noted.
        let _claimed = repeat.map(|_| self.inner.running.claim(execution));
        if let Some(repeat) = &repeat
            && let Some(answer) = self.claim(&order, repeat, |claim| database.claim_answer(tenant, claim)).await?
        {
            return Ok(answer);
        }
        let ended = self.executions.execute(order).await;
        let outcome = ended.map(|finished| match finished.result {
            Ok(output) => EndpointOutcome::Response(as_response(output)),
            Err(failure) => EndpointOutcome::Failed(failure),
        });
        if let Some(repeat) = &repeat {
            self.settle(tenant, repeat, execution, outcome.as_ref().ok()).await;
        }
        Ok(EndpointAnswer::new(execution, outcome?))
    }

    /// Accept what a request asks for, unless an equal one was accepted. It is durable when this answers.
    pub(super) async fn accept_once(
        &self,
        order: Order,
        repeat: Option<Repeat>,
    ) -> Result<EndpointAnswer, EndpointRefusal> {
        let tenant = order.target.tenant.id;
        let queued = self.executions.queued(&order, QueueTerms::LIVE)?;
        let database = &self.inner.database;
        let known = match &repeat {
            Some(repeat) => {
                let accept = |claim| database.accept_request(tenant, queued.clone(), Some(claim));
                self.claim(&order, repeat, accept).await?
            }
            None => {
                database.accept_request(tenant, queued, None).await?;
                None
            }
        };
        self.executions.wake(tenant);
        Ok(known.unwrap_or_else(|| EndpointAnswer::new(order.execution, EndpointOutcome::Accepted)))
    }

    /// Claim a request by `write`; answers what was answered before, if it was.
    async fn claim<W: Future<Output = Result<ClaimedAnswer, DatabaseError>>>(
        &self,
        order: &Order,
        repeat: &Repeat,
        write: impl Fn(AnswerClaim) -> W,
    ) -> Result<Option<EndpointAnswer>, EndpointRefusal> {
        let limit = self.inner.quotas(&order.target.tenant).storage_bytes;
        let mut replaces = None;
        for _ in 0..TRIES {
            let known = match write(repeat.claim(order.execution, replaces, limit)).await? {
                ClaimedAnswer::New => return Ok(None),
                ClaimedAnswer::StorageFull => {
                    let retry_after = Duration::from_secs(60 * 60);
                    return Err(AppError::Quota { quota: "storage_bytes", limit, retry_after }.into());
                }
                ClaimedAnswer::Known(known) => known,
            };
            if known.body != repeat.body {
                return Err(EndpointRefusal::KeyReused);
            }
            match self.before(order.target.tenant.id, repeat, &known)? {
                Before::Answered(answer) => return Ok(Some(answer)),
                Before::Running => return Err(EndpointRefusal::KeyInUse),
                Before::Lost => replaces = Some(known.execution),
            }
        }
        Err(EndpointRefusal::KeyInUse)
    }

    /// What became of a request that came before. Its execution's own row says so, also where this process, or the one
    /// before it, did not come to noting it.
    fn before(&self, tenant: TenantId, repeat: &Repeat, known: &KnownAnswer) -> Result<Before, AppError> {
        let execution = known.execution;
        let told_again =
            |outcome| Before::Answered(EndpointAnswer { is_repeated: true, ..EndpointAnswer::new(execution, outcome) });
        if known.state == AnswerState::Accepted {
            return Ok(told_again(EndpointOutcome::Accepted));
        }
        // Not by the process alone: what it could not note, because a write failed, it knows no more of either.
        let under_way = if self.inner.running.knows(execution) { Before::Running } else { Before::Lost };
        let detail = match self.inner.database.get_execution(tenant, execution) {
            Err(DatabaseError::NotFound) => return Ok(under_way),
            detail => detail?,
        };
        if !detail.execution.status.is_terminal() {
            return Ok(under_way);
        }
        let sealed = Sealed::of(&self.inner, tenant)?;
        let output = detail.result.map(|result| sealed.open_result(execution, &result)).transpose()?;
        let answer = output.map(as_response);
        Ok(match answer {
            None => Before::Lost,
            Some(answer) if repeat.tells_answer => told_again(EndpointOutcome::Response(answer)),
            Some(Response { status, .. }) => {
                told_again(EndpointOutcome::Response(Response { status, headers: Vec::new(), body: Vec::new() }))
            }
        })
    }

    async fn settle(
        &self,
        tenant: TenantId,
        repeat: &Repeat,
        execution: ExecutionId,
        outcome: Option<&EndpointOutcome>,
    ) {
        let database = &self.inner.database;
        let settled = match outcome {
            Some(EndpointOutcome::Response(answer)) => {
                let bytes = if repeat.tells_answer { answer.body.len() as u64 } else { 0 };
                database.settle_answer(tenant, repeat.request, execution, bytes).await
            }
            _ => database.release_answer(tenant, repeat.request, execution).await,
        };
        if let Err(error) = settled {
            tracing::warn!(tenant.id = %tenant, execution.id = %execution, %error, "a request stays claimed");
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use database::EndpointAuthentication;
    use domain::{EndpointRoute, ScriptId};

    use super::*;
    use crate::EndpointOptions;

    fn endpoint(authentication: EndpointAuthentication, options: EndpointOptions) -> Endpoint {
        Endpoint {
            script: ScriptId::generate(),
            script_name: String::new(),
            route: EndpointRoute::parse("POST", "/").unwrap(),
            authentication,
            options,
            set_by: None,
            set_at: UnixMillis(0),
            is_active: true,
            version: None,
        }
    }

    fn key_of(endpoint: &Endpoint, method: &str, headers: &[(&str, &str)]) -> Result<Option<String>, EndpointRefusal> {
        let headers: Vec<Header> =
            headers.iter().map(|(name, value)| Header { name: (*name).into(), value: (*value).into() }).collect();
        let told = Told { endpoint, method, url: "http://localhost/acme/", caller: "", headers: &headers, body: b"" };
        told.key().map(|key| key.map(str::to_owned))
    }

    #[test]
    fn a_signed_id_goes_before_a_header_that_anybody_can_add() {
        let options = EndpointOptions { signature: Some(SignatureScheme::Standard), ..EndpointOptions::default() };
        let signed = endpoint(EndpointAuthentication::Hmac, options);
        let token = endpoint(EndpointAuthentication::Token, EndpointOptions::default());
        let both = [("Idempotency-Key", "mine"), ("webhook-id", "msg_1")];
        assert_eq!(key_of(&signed, "POST", &both).unwrap().as_deref(), Some("msg_1"));
        assert_eq!(key_of(&token, "POST", &both).unwrap().as_deref(), Some("mine"));
        assert_eq!(key_of(&token, "POST", &both[1..]).unwrap().as_deref(), Some("msg_1"));
        assert_eq!(key_of(&token, "POST", &[]).unwrap(), None);
    }

    #[test]
    fn a_key_is_one_short_visible_text() {
        let token = endpoint(EndpointAuthentication::Token, EndpointOptions::default());
        let long = "k".repeat(KEY_BYTES_MAX + 1);
        for value in ["", "a b", "ä", &long] {
            let refused = key_of(&token, "POST", &[("idempotency-key", value)]);
            assert!(matches!(refused, Err(EndpointRefusal::MalformedKey)), "{value}");
        }
        let twice = [("idempotency-key", "a"), ("Idempotency-Key", "a")];
        assert!(matches!(key_of(&token, "POST", &twice), Err(EndpointRefusal::MalformedKey)));
    }
}
