//! Who gets the next slot, and who waits.

use futures_util::{FutureExt, poll};

use super::*;

async fn direct(admission: &Arc<Admission>, tenant: TenantId, share: u32) -> Permit {
    admission.admit(tenant, Lane::Direct, share).await.unwrap()
}

fn at_once(admission: &Arc<Admission>, tenant: TenantId, lane: Lane, share: u32) -> Option<Permit> {
    admission.admit(tenant, lane, share).now_or_never().map(Result::unwrap)
}

#[tokio::test]
async fn no_tenant_holds_more_than_its_share() {
    let admission = Admission::new(4);
    let (greedy, other) = (TenantId::generate(), TenantId::generate());
    let _first = direct(&admission, greedy, 2).await;
    let _second = direct(&admission, greedy, 2).await;
    assert!(at_once(&admission, greedy, Lane::Direct, 2).is_none(), "the third waits");
    assert!(at_once(&admission, other, Lane::Direct, 2).is_some(), "another tenant does not");
}

#[tokio::test]
async fn a_free_slot_goes_round_the_waiting_tenants() {
    let admission = Admission::new(1);
    let (first, second) = (TenantId::generate(), TenantId::generate());
    let held = direct(&admission, first, 1).await;
    let mut again = Box::pin(admission.admit(first, Lane::Direct, 1));
    let mut other = Box::pin(admission.admit(second, Lane::Direct, 1));
    assert!(poll!(&mut again).is_pending());
    assert!(poll!(&mut other).is_pending());
    drop(held);
    let (first_served, then) = match poll!(&mut other) {
        std::task::Poll::Ready(permit) => (permit, again),
        std::task::Poll::Pending => (again.await, other),
    };
    drop(first_served.unwrap());
    then.await.unwrap();
}

#[tokio::test]
async fn whoever_gave_up_waiting_blocks_nobody() {
    let admission = Admission::new(1);
    let tenant = TenantId::generate();
    let held = direct(&admission, tenant, 1).await;
    let mut gave_up = Box::pin(admission.admit(tenant, Lane::Direct, 1));
    assert!(poll!(&mut gave_up).is_pending());
    drop(gave_up);
    drop(held);
    assert!(at_once(&admission, tenant, Lane::Direct, 1).is_some());
}

/// RULES 8, and item 2 of what fairness promises: the dearer a tenant's work, the fewer of its executions.
#[tokio::test]
async fn slots_go_by_what_was_used_and_not_by_how_many_ask() {
    let admission = Admission::new(1);
    let (dear, cheap) = (TenantId::generate(), TenantId::generate());
    let mut served = [0_u32; 2];
    let mut held = direct(&admission, dear, 1).await;
    held.used(10 * FUEL_PER_SECOND, MEMORY_PER_SLOT);
    let mut waiting: Vec<_> = (0..40)
        .flat_map(|_| [dear, cheap])
        .map(|tenant| (tenant, Box::pin(admission.admit(tenant, Lane::Direct, 1))))
        .collect();
    for (_, wish) in &mut waiting {
        assert!(poll!(wish).is_pending());
    }
    drop(held);
    for _ in 0..40 {
        let mut got = None;
        for (at, (tenant, wish)) in waiting.iter_mut().enumerate() {
            if let std::task::Poll::Ready(permit) = poll!(wish) {
                got = Some((at, *tenant, permit.unwrap()));
                break;
            }
        }
        let (at, tenant, mut permit) = got.expect("a slot is free");
        drop(waiting.remove(at));
        served[usize::from(tenant == cheap)] += 1;
        permit.used(if tenant == dear { 10 * FUEL_PER_SECOND } else { FUEL_PER_SECOND / 10 }, MEMORY_PER_SLOT);
        drop(permit);
    }
    assert!(served[1] >= 36, "the cheap tenant was served {} times of 40", served[1]);
}

#[tokio::test]
async fn each_way_has_its_bounds() {
    let admission = Admission::new(16);
    let (tenant, other) = (TenantId::generate(), TenantId::generate());
    let public: Vec<Permit> = std::iter::from_fn(|| at_once(&admission, tenant, Lane::Public, 8)).collect();
    assert_eq!(public.len(), 4, "half of the tenant's share is for those who need no token");
    let direct: Vec<Permit> = std::iter::from_fn(|| at_once(&admission, tenant, Lane::Direct, 8)).collect();
    assert_eq!(direct.len(), 4);
    assert!(at_once(&admission, tenant, Lane::Hook, 8).is_some(), "a hook does not wait for its tenant's own work");
    let background: Vec<Permit> = std::iter::from_fn(|| at_once(&admission, other, Lane::Background, 16)).collect();
    assert_eq!(background.len(), 6, "two slots are for hooks alone");
    assert!(at_once(&admission, other, Lane::Direct, 16).is_none());
    assert!(at_once(&admission, other, Lane::Hook, 16).is_some());
}

/// RULES 8: sleeping is not free. Whoever comes without debt goes before those whose work held slots for long.
#[tokio::test]
async fn fifty_tenants_that_only_sleep_keep_no_other_waiting() {
    let admission = Admission::new(16);
    let sleepers: Vec<TenantId> = (0..50).map(|_| TenantId::generate()).collect();
    let mut held: Vec<Permit> =
        sleepers.iter().filter_map(|sleeper| at_once(&admission, *sleeper, Lane::Direct, 4)).collect();
    assert_eq!(held.len(), 14, "two slots are for hooks alone");
    // As if each had slept for half a minute.
    for permit in &mut held {
        permit.used(30 * FUEL_PER_SECOND, MEMORY_PER_SLOT);
    }
    let mut waiting: Vec<_> =
        sleepers.iter().map(|sleeper| Box::pin(admission.admit(*sleeper, Lane::Direct, 4))).collect();
    for wish in &mut waiting {
        assert!(poll!(wish).is_pending());
    }
    let awake = TenantId::generate();
    let mut wish = Box::pin(admission.admit(awake, Lane::Direct, 4));
    assert!(poll!(&mut wish).is_pending());
    let waited_for: Vec<TenantId> = held.iter().map(|permit| permit.tenant).collect();
    // Those that have slept come back for more; those that have not yet owe nothing and go in their turn.
    drop(held);
    let mut served = 0;
    for (wish, tenant) in waiting.iter_mut().zip(&sleepers) {
        if let std::task::Poll::Ready(permit) = poll!(wish) {
            assert!(!waited_for.contains(tenant), "one that owes goes before one that does not");
            served += 1;
            drop(permit);
        }
    }
    assert!(served > 0);
    assert!(poll!(&mut wish).is_ready(), "the one that is awake has its slot");
}
