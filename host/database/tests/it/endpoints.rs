//! Endpoints: their methods, their secrets, and requests that come twice.

use database::{
    AnswerClaim, AnswerState, ClaimedAnswer, DatabaseError, EndpointAuthentication, EndpointSecret, NewEndpoint,
    SecretSlot,
};
use domain::{EndpointRoute, ExecutionId, UnixMillis};

use crate::stage::{NOW, Stage};

fn endpoint(method: &str, path: &str) -> NewEndpoint {
    let route = EndpointRoute::parse(method, path).unwrap();
    NewEndpoint { route, authentication: EndpointAuthentication::Hmac, options: None, set_by: None, set_at: NOW }
}

fn claim(key: u8, body: u8) -> AnswerClaim {
    AnswerClaim {
        request: [key; 32],
        body: [body; 32],
        execution: ExecutionId::generate(),
        replaces: None,
        now: NOW,
        expires_at: UnixMillis(NOW.0 + 1_000),
        storage_limit_bytes: 10_000,
    }
}

fn secret(stage: &Stage, slot: SecretSlot, value: &[u8]) -> EndpointSecret {
    EndpointSecret { script: stage.home.script, slot, set_by: None, set_at: NOW, value: value.to_vec() }
}

#[tokio::test]
async fn endpoints_that_share_one_method_of_a_shape_are_one_too_many() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let second = crate::stage::new_script("second", stage.home.user);
    let second_id = second.id;
    database.create_script(tenant, second).await.unwrap();
    database.put_endpoint(tenant, stage.home.script, endpoint("GET,POST", "/a/{x}")).await.unwrap();
    for method in ["POST", "ANY", "PUT,GET"] {
        let taken = database.put_endpoint(tenant, second_id, endpoint(method, "/a/{y}")).await;
        assert!(matches!(taken, Err(DatabaseError::RouteTaken { .. })), "{method}: {taken:?}");
    }
    assert_eq!(database.endpoint(tenant, second_id).unwrap(), None, "nothing of a refused one is kept");
    database.put_endpoint(tenant, second_id, endpoint("PUT", "/a/{y}")).await.unwrap();
    database.put_endpoint(tenant, stage.home.script, endpoint("GET", "/a/{x}")).await.unwrap();
    database.put_endpoint(tenant, second_id, endpoint("PUT,POST", "/a/{y}")).await.unwrap();
}

#[tokio::test]
async fn secrets_live_with_their_endpoint() {
    let stage = Stage::set().await;
    let (database, tenant, script) = (&stage.database, stage.home.tenant, stage.home.script);
    let primary = secret(&stage, SecretSlot::Primary, b"one");
    let missing = database.put_endpoint_secrets(tenant, vec![primary.clone()]).await;
    assert!(matches!(missing, Err(DatabaseError::NotFound)), "{missing:?}");
    database.put_endpoint(tenant, script, endpoint("POST", "/a")).await.unwrap();
    let secondary = secret(&stage, SecretSlot::Secondary, b"two");
    database.put_endpoint_secrets(tenant, vec![primary.clone(), secondary.clone()]).await.unwrap();
    database.put_endpoint(tenant, script, endpoint("PUT", "/b")).await.unwrap();
    assert_eq!(database.endpoint_secrets(tenant, script).unwrap(), [primary, secondary.clone()]);
    assert!(database.endpoint_secrets(stage.other.tenant, script).unwrap().is_empty());
    database.delete_endpoint_secret(tenant, script, SecretSlot::Primary).await.unwrap();
    assert_eq!(database.endpoint_secrets_of_tenant(tenant).unwrap(), [secondary]);
    database.delete_script(tenant, script, None).await.unwrap();
    assert!(database.endpoint_secrets_of_tenant(tenant).unwrap().is_empty());
}

#[tokio::test]
async fn of_equal_requests_one_is_claimed() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let mut claims = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let database = database.clone();
        claims.spawn(async move { database.claim_answer(tenant, claim(1, 1)).await.unwrap() });
    }
    let claimed = claims.join_all().await;
    assert_eq!(claimed.iter().filter(|claimed| **claimed == ClaimedAnswer::New).count(), 1);
    assert_eq!(claimed.iter().filter(|claimed| matches!(claimed, ClaimedAnswer::Known(_))).count(), 19);
    assert_eq!(database.claim_answer(tenant, claim(2, 1)).await.unwrap(), ClaimedAnswer::New);
    assert_eq!(database.claim_answer(stage.other.tenant, claim(1, 1)).await.unwrap(), ClaimedAnswer::New);
}

#[tokio::test]
async fn a_settled_request_is_known_until_it_expires_and_counts_as_storage() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let before = database.storage_bytes(tenant).unwrap();
    let first = claim(1, 7);
    database.claim_answer(tenant, first.clone()).await.unwrap();
    database.settle_answer(tenant, first.request, ExecutionId::generate(), 100).await.unwrap();
    database.settle_answer(tenant, first.request, first.execution, 100).await.unwrap();
    database.settle_answer(tenant, first.request, first.execution, 100).await.unwrap();
    let row = database.storage_bytes(tenant).unwrap() - before - 100;
    assert!(row > 0);
    let ClaimedAnswer::Known(known) = database.claim_answer(tenant, claim(1, 8)).await.unwrap() else {
        panic!("it is known")
    };
    assert_eq!((known.execution, known.body, known.state), (first.execution, [7; 32], AnswerState::Answered));
    assert_eq!(database.purge_answers(tenant, NOW, 10).await.unwrap(), 0);
    let late = AnswerClaim { now: first.expires_at, expires_at: UnixMillis(NOW.0 + 5_000), ..claim(1, 9) };
    assert_eq!(database.claim_answer(tenant, late).await.unwrap(), ClaimedAnswer::New);
    assert_eq!(database.storage_bytes(tenant).unwrap() - before, row);
    assert_eq!(database.purge_answers(tenant, UnixMillis(NOW.0 + 5_000), 10).await.unwrap(), 1);
    assert_eq!(database.storage_bytes(tenant).unwrap(), before);
}

#[tokio::test]
async fn a_claim_is_given_back_by_whoever_holds_it_and_taken_over_from_whoever_is_named() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let first = claim(1, 1);
    database.claim_answer(tenant, first.clone()).await.unwrap();
    database.release_answer(tenant, first.request, ExecutionId::generate()).await.unwrap();
    assert!(matches!(database.claim_answer(tenant, claim(1, 1)).await.unwrap(), ClaimedAnswer::Known(_)));
    let second = AnswerClaim { replaces: Some(first.execution), ..claim(1, 1) };
    assert_eq!(database.claim_answer(tenant, second.clone()).await.unwrap(), ClaimedAnswer::New);
    let third = AnswerClaim { replaces: Some(first.execution), ..claim(1, 1) };
    assert!(
        matches!(database.claim_answer(tenant, third).await.unwrap(), ClaimedAnswer::Known(_)),
        "only one takes over"
    );
    database.release_answer(tenant, second.request, second.execution).await.unwrap();
    assert_eq!(database.storage_bytes(tenant).unwrap(), 0);
    let full = AnswerClaim { storage_limit_bytes: 10, ..claim(1, 1) };
    assert_eq!(database.claim_answer(tenant, full).await.unwrap(), ClaimedAnswer::StorageFull);
    assert_eq!(database.storage_bytes(tenant).unwrap(), 0);
}

#[tokio::test]
async fn an_endpoint_whose_row_cannot_be_read_keeps_no_other_from_answering() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let second = crate::stage::new_script("second", stage.home.user);
    let whole = second.id;
    database.create_script(tenant, second).await.unwrap();
    database.put_endpoint(tenant, stage.home.script, endpoint("GET", "/a")).await.unwrap();
    database.put_endpoint(tenant, whole, endpoint("GET", "/b")).await.unwrap();
    stage.tamper("UPDATE endpoints SET path = 'no path' WHERE script_id = ?1", &stage.home.script.to_string());
    let found: Vec<_> = database.endpoints_of_tenant(tenant).unwrap().iter().map(|endpoint| endpoint.script).collect();
    assert_eq!(found, [whole]);
}
