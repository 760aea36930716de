//! Reading storage entries, and changing them outside of executions.

use database::{DatabaseError, EntryChange, StorageChange, StorageQuery, StorageWrite};
use domain::UnixMillis;

use crate::stage::{NOW, Stage, set, set_until, under, writes};

#[tokio::test]
async fn an_entry_that_expired_reads_as_absent_with_its_revision() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    stage.commit(writes([set_until("session", "1", NOW.0 + 10)])).await;
    let live = database.storage_get(tenant, "session", NOW).unwrap();
    assert_eq!(live.value.as_deref(), Some("1"));
    let expired = database.storage_get(tenant, "session", UnixMillis(NOW.0 + 10)).unwrap();
    assert_eq!((expired.value, expired.revision), (None, live.revision));
    let absent = database.storage_get(tenant, "nothing", NOW).unwrap();
    assert_eq!((absent.value, absent.revision), (None, None));
}

#[tokio::test]
async fn many_entries_are_read_in_the_order_of_their_keys() {
    let stage = Stage::set().await;
    stage.commit(writes([set("a", "1"), set("b", "2")])).await;
    let keys = ["b", "missing", "a"].map(str::to_owned);
    let found = stage.database.storage_get_many(stage.home.tenant, &keys, NOW).unwrap();
    let values: Vec<Option<String>> = found.into_iter().map(|read| read.value).collect();
    assert_eq!(values, [Some(String::from("2")), None, Some(String::from("1"))]);
}

#[tokio::test]
async fn a_prefix_lists_its_own_entries_and_no_neighbours() {
    let stage = Stage::set().await;
    let keys =
        ["order", "orders", "orders/", "orders/1", "orders/ä", "orders/\u{10ffff}", "orders0", "\u{10ffff}\u{10ffff}"];
    stage.commit(writes(keys.map(|key| set(key, "1")))).await;
    let list = |prefix: &str| {
        let range = stage.database.storage_list(stage.home.tenant, &under(prefix)).unwrap();
        range.entries.into_iter().map(|entry| entry.key).collect::<Vec<String>>()
    };
    assert_eq!(list("orders/"), keys[2..6]);
    assert_eq!(list(""), keys);
    assert_eq!(list("\u{10ffff}"), keys[7..]);
    assert!(list("orders/2").is_empty());
}

#[tokio::test]
async fn a_list_goes_on_after_its_cursor() {
    let stage = Stage::set().await;
    stage.commit(writes((0..5).map(|n| set(&format!("k/{n}"), "1")))).await;
    stage.commit(writes([set_until("k/2", "1", NOW.0)])).await;
    let page = |after: Option<&str>, limit| {
        let query = StorageQuery { after: after.map(str::to_owned), limit, ..under("k/") };
        let range = stage.database.storage_list(stage.home.tenant, &query).unwrap();
        (range.entries.into_iter().map(|entry| entry.key).collect::<Vec<String>>(), range.more)
    };
    let keys = |keys: &[&str]| keys.iter().map(|key| String::from(*key)).collect::<Vec<String>>();
    assert_eq!(page(None, 2), (keys(&["k/0", "k/1"]), true));
    assert_eq!(page(Some("k/1"), 2), (keys(&["k/3", "k/4"]), false));
    assert_eq!(page(Some("k/4"), 2), (keys(&[]), false));
    assert_eq!(page(Some("a"), 1), (keys(&["k/0"]), true));
    assert_eq!(page(Some("z"), 1), (keys(&[]), false));
}

#[tokio::test]
async fn expired_entries_are_purged_and_their_bytes_given_back() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    stage.commit(writes([set_until("old1", "1", 5), set_until("old2", "1", 6), set("new", "1")])).await;
    assert_eq!(database.storage_bytes(tenant).unwrap(), 5 + 5 + 4);
    assert_eq!(database.purge_expired(tenant, NOW, 1).await.unwrap(), 1);
    assert_eq!(database.purge_expired(tenant, NOW, 10).await.unwrap(), 1);
    assert_eq!(database.purge_expired(tenant, NOW, 10).await.unwrap(), 0);
    assert_eq!(database.storage_bytes(tenant).unwrap(), 4);
}

#[tokio::test]
async fn an_entry_is_changed_outside_of_executions_where_it_is_the_one_that_was_seen() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let change = |write: StorageWrite, expected| {
        database.change_storage_entry(tenant, EntryChange { write, expected, limit_bytes: 100, now: NOW })
    };
    let removal = || StorageWrite { key: String::from("k"), change: StorageChange::Delete };
    assert!(matches!(change(removal(), None).await, Err(DatabaseError::NotFound)));
    assert!(matches!(change(set("k", "1"), Some(7)).await, Err(DatabaseError::Stale { current: 0 })));
    change(set_until("k", "1", NOW.0 + 10), None).await.unwrap();
    let seen = database.storage_entry(tenant, "k", NOW).unwrap();
    assert_eq!((seen.value.as_str(), seen.expires_at), ("1", Some(UnixMillis(NOW.0 + 10))));
    assert!(matches!(database.storage_entry(tenant, "k", UnixMillis(NOW.0 + 10)), Err(DatabaseError::NotFound)));
    assert!(matches!(database.storage_entry(stage.other.tenant, "k", NOW), Err(DatabaseError::NotFound)));
    change(set("k", "22"), Some(seen.revision)).await.unwrap();
    let stale = change(set("k", "333"), Some(seen.revision)).await;
    assert!(matches!(stale, Err(DatabaseError::Stale { current }) if current > seen.revision), "{stale:?}");
    let full = change(set("l", &"1".repeat(200)), None).await;
    assert!(matches!(full, Err(DatabaseError::StorageLimit { limit_bytes: 100 })), "{full:?}");
    assert_eq!(database.storage_bytes(tenant).unwrap(), 3);
    change(removal(), None).await.unwrap();
    assert_eq!(database.storage_bytes(tenant).unwrap(), 0);
}

#[tokio::test]
async fn a_page_of_entries_ends_where_its_values_are_large() {
    let stage = Stage::set().await;
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    for n in 0..5 {
        stage.commit(writes([set(&format!("k/{n}"), &large)])).await;
    }
    let query = StorageQuery { limit: 10, ..under("k/") };
    let (entries, more) = stage.database.storage_entries(stage.home.tenant, &query).unwrap();
    assert_eq!((entries.len(), more), (3, true));
    let query = StorageQuery { after: Some(entries[2].key.clone()), ..query };
    let (rest, more) = stage.database.storage_entries(stage.home.tenant, &query).unwrap();
    let keys: Vec<&str> = rest.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!((keys, more), (vec!["k/3", "k/4"], false));
}
