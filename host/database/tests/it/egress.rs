//! What tenants say of outbound HTTP, and the chains of executions that come back.

use database::QueuedExecution;
use domain::{Lineage, UnixMillis};

use crate::stage::{NOW, Stage};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[tokio::test]
async fn a_list_of_hosts_is_its_tenants_own_and_can_be_taken_back() {
    let stage = Stage::set().await;
    let (database, home, other) = (&stage.database, &stage.home, &stage.other);
    assert_eq!(database.egress_hosts(home.tenant).unwrap(), None);
    for hosts in [vec![], vec![String::from("api.example.com"), String::from("*.example.org")]] {
        let set = database.set_egress_hosts(home.tenant, Some(hosts.clone()), Some(home.user), NOW);
        set.await.unwrap();
        assert_eq!(database.egress_hosts(home.tenant).unwrap(), Some(hosts));
    }
    assert_eq!(database.egress_hosts(other.tenant).unwrap(), None);
    let set = database.set_egress_hosts(home.tenant, Some(Vec::new()), Some(other.user), NOW);
    assert!(set.await.is_err(), "whoever is no member sets nothing");
    database.set_egress_hosts(home.tenant, None, None, NOW).await.unwrap();
    assert_eq!(database.egress_hosts(home.tenant).unwrap(), None);
}

#[tokio::test]
async fn a_chain_is_counted_by_its_root_and_forgotten_after_a_day() {
    let stage = Stage::set().await;
    let database = &stage.database;
    let chain = Lineage::begun_by(stage.home.tenant, stage.start().execution);
    let next = chain.next().unwrap();
    let same_id = Lineage { tenant: stage.other.tenant, ..chain };
    for (lineage, count) in [(chain, 1), (next, 2), (same_id, 1), (chain, 3)] {
        assert_eq!(database.continue_lineage(lineage, NOW).await.unwrap(), count);
        assert_eq!(database.lineage_continued(lineage, NOW).unwrap(), count);
    }
    let later = UnixMillis(NOW.0 + DAY_MS + 1);
    assert_eq!(database.lineage_continued(chain, later).unwrap(), 0);
    assert_eq!(database.continue_lineage(chain, later).await.unwrap(), 1);
}

#[tokio::test]
async fn an_accepted_execution_keeps_the_chain_that_it_goes_on_with() {
    let stage = Stage::set().await;
    let (continued, own) = (stage.start(), stage.start());
    let (continued_id, own_id, tenant) = (continued.execution, own.execution, stage.home.tenant);
    let lineage = Lineage { hop: 3, ..Lineage::begun_by(stage.other.tenant, own_id) };
    let queued = stage.queued();
    stage.accept(QueuedExecution { start: continued, lineage: Some(lineage), ..queued.clone() }).await;
    stage.accept(QueuedExecution { start: own, ..queued }).await;
    let stage = stage.restart();
    assert_eq!(stage.database.execution_lineage(tenant, continued_id).unwrap(), Some(lineage));
    assert_eq!(stage.database.execution_lineage(tenant, own_id).unwrap(), None);
    assert_eq!(stage.database.execution_lineage(stage.other.tenant, continued_id).unwrap(), None);
}
