//! Documents: written with their fields, found by them, and checked at commit.

use std::ops::Bound;

use database::{
    Column, CommitResult, Condition, DatabaseError, Direction, DocumentChange, DocumentField, DocumentQuery,
    DocumentRangeRead, DocumentWrite, Effects, FieldValue, IndexedDocument, ReadSet, Sort, Test,
};

use crate::stage::{NOW, Stage, ended, put, revision_of};

#[tokio::test]
async fn documents_are_read_one_by_one_and_by_pages() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let products = || String::from("products");
    let unknown = database.write_document(tenant, put("products", "1", "{}"), NOW).await;
    assert!(matches!(unknown, Err(DatabaseError::NotFound)), "{unknown:?}");
    database.put_collection(tenant, products(), String::from("{}"), NOW).await.unwrap();
    database.put_collection(tenant, products(), String::from("{\"type\":\"object\"}"), NOW).await.unwrap();
    assert_eq!(database.collection(tenant, "products").unwrap().unwrap().schema, "{\"type\":\"object\"}");
    assert_eq!(database.list_collections(tenant).unwrap().len(), 1);
    for id in ["1", "2", "3"] {
        database.write_document(tenant, put("products", id, &format!("{{\"n\":{id}}}")), NOW).await.unwrap();
    }
    assert_eq!(database.document_get(tenant, "products", "2").unwrap().unwrap().body, "{\"n\":2}");
    assert_eq!(database.document_get(tenant, "products", "9").unwrap(), None);
    let query = DocumentQuery::by_id("products", Some(String::from("1")), 1);
    let page = database.document_list(tenant, &query, |_| false).unwrap();
    assert_eq!((page.documents[0].position.id.as_str(), page.documents.len(), page.more), ("2", 1, true));
    assert_eq!(database.storage_bytes(tenant).unwrap(), 3 * (1 + 7));
    database.write_document(tenant, put("products", "1", "{}"), NOW).await.unwrap();
    assert_eq!(database.storage_bytes(tenant).unwrap(), 2 * (1 + 7) + 3);
}

fn number(name: &str, value: f64) -> DocumentField {
    DocumentField { name: name.to_owned(), key: FieldValue::Number(value).key() }
}

/// A product with a price, which it is found by.
fn priced(id: &str, price: f64) -> DocumentWrite {
    let change =
        DocumentChange::Put { body: format!("{{\"price\":{price}}}"), fields: [number("price", price)].into() };
    DocumentWrite { change, ..put("products", id, "") }
}

/// Those that cost more than this, the cheapest first.
fn dearer(price: f64) -> DocumentQuery {
    let column = Column::Field(String::from("price"));
    let test = Test::Between(Bound::Excluded(FieldValue::Number(price).key()), Bound::Unbounded);
    DocumentQuery {
        conditions: vec![Condition { column: column.clone(), test }],
        sort: Sort { column, direction: Direction::Ascending },
        ..DocumentQuery::by_id("products", None, 100)
    }
}

async fn shop() -> Stage {
    let stage = Stage::set().await;
    for tenant in [stage.home.tenant, stage.other.tenant] {
        stage.database.put_collection(tenant, String::from("products"), String::from("{}"), NOW).await.unwrap();
    }
    for (id, price) in [("a", 30.0), ("b", 9.0), ("c", 100.0), ("d", 30.0)] {
        stage.database.write_document(stage.home.tenant, priced(id, price), NOW).await.unwrap();
    }
    stage
}

fn ids(stage: &Stage, query: &DocumentQuery) -> Vec<String> {
    let range = stage.database.document_list(stage.home.tenant, query, |_| false).unwrap();
    range.documents.into_iter().map(|document| document.position.id).collect()
}

#[tokio::test]
async fn documents_are_found_by_their_fields_as_they_are_now() {
    let stage = shop().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    assert_eq!(ids(&stage, &dearer(9.0)), ["a", "d", "c"]);
    database.write_document(tenant, priced("a", 200.0), NOW).await.unwrap();
    let gone = DocumentWrite { change: DocumentChange::Delete, ..put("products", "d", "") };
    database.write_document(tenant, gone, NOW).await.unwrap();
    assert_eq!(ids(&stage, &dearer(9.0)), ["c", "a"]);
    assert!(database.document_list(stage.other.tenant, &dearer(0.0), |_| false).unwrap().documents.is_empty());
    let hidden = database.document_list(tenant, &dearer(9.0), |id| id == "c").unwrap();
    assert_eq!((hidden.documents.len(), hidden.rows), (1, 2));
}

#[tokio::test]
async fn fields_count_as_storage_and_go_with_their_document() {
    let stage = shop().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    for id in ["a", "b", "c", "d"] {
        let gone = DocumentWrite { change: DocumentChange::Delete, ..put("products", id, "") };
        database.write_document(tenant, gone, NOW).await.unwrap();
    }
    assert_eq!(database.storage_bytes(tenant).unwrap(), 0);
    database.write_document(tenant, priced("a", 1.0), NOW).await.unwrap();
    assert_eq!(database.storage_bytes(tenant).unwrap(), (1 + 11 + 1 + 5 + 17) as u64);
}

#[tokio::test]
async fn a_list_is_unchanged_while_what_it_found_is() {
    let stage = shop().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let revision = database.collection(tenant, "products").unwrap().unwrap().revision;
    let digest = database.document_list(tenant, &dearer(50.0), |_| false).unwrap().digest;
    let read = DocumentRangeRead { query: dearer(50.0), revision, digest };
    let commit = async || {
        let checks = ReadSet { document_ranges: vec![read.clone()], ..ReadSet::default() };
        stage.commit(Effects { checks, ..Effects::default() }).await
    };
    revision_of(&commit().await);
    database.write_document(tenant, priced("e", 10.0), NOW).await.unwrap();
    revision_of(&commit().await);
    database.write_document(tenant, priced("e", 60.0), NOW).await.unwrap();
    assert!(matches!(commit().await, CommitResult::Conflict { .. }));
}

#[tokio::test]
async fn the_fields_of_a_changed_schema_are_made_anew_but_not_over_a_newer_document() {
    let stage = shop().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let products = || String::from("products");
    let is_indexed = || database.collection(tenant, "products").unwrap().unwrap().is_indexed;
    assert!(is_indexed());
    database.put_collection(tenant, products(), String::from("{\"type\":\"object\"}"), NOW).await.unwrap();
    assert!(!is_indexed());
    assert_eq!(database.document_ids(tenant, "products", Some("b"), 10).unwrap(), ["c", "d"]);
    let revision = database.document_get(tenant, "products", "a").unwrap().unwrap().revision;
    let anew = |revision| IndexedDocument { id: String::from("a"), revision, fields: [number("cost", 1.0)].into() };
    let before = database.storage_bytes(tenant).unwrap();
    database.index_documents(tenant, products(), vec![anew(revision - 1)]).await.unwrap();
    assert_eq!(ids(&stage, &dearer(9.0)), ["a", "d", "c"]);
    database.index_documents(tenant, products(), vec![anew(revision)]).await.unwrap();
    assert_eq!(ids(&stage, &dearer(9.0)), ["d", "c"]);
    assert_eq!(database.storage_bytes(tenant).unwrap(), before - 1);
    database.set_collection_indexed(tenant, products(), String::from("{}")).await.unwrap();
    assert!(!is_indexed(), "the schema is another one");
    database.set_collection_indexed(tenant, products(), String::from("{\"type\":\"object\"}")).await.unwrap();
    assert!(is_indexed());
}

#[tokio::test]
async fn documents_of_a_commit_stand_or_fall_with_it() {
    let stage = shop().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let before = database.storage_bytes(tenant).unwrap();
    let gone = DocumentWrite { change: DocumentChange::Delete, ..put("products", "a", "") };
    let documents = vec![gone, priced("n", 5.0)];
    let full = Effects { documents: vec![priced("m", 5.0)], storage_limit_bytes: Some(10), ..Effects::default() };
    assert_eq!(stage.commit(full).await, CommitResult::StorageFull { limit_bytes: 10 });
    assert_eq!(
        (database.document_get(tenant, "products", "m").unwrap(), database.storage_bytes(tenant).unwrap()),
        (None, before)
    );
    revision_of(&stage.commit(Effects { documents, ..Effects::default() }).await);
    assert_eq!(ids(&stage, &DocumentQuery::by_id("products", None, 9)), ["b", "c", "d", "n"]);
    let nowhere = Effects { documents: vec![put("absent", "1", "{}")], ..Effects::default() };
    let lease = stage.begin();
    let refused = database.commit_execution(ended(lease, nowhere)).await;
    assert!(matches!(refused, Err(DatabaseError::NotFound)), "{refused:?}");
}

#[tokio::test]
async fn a_list_by_a_field_is_read_in_the_order_of_an_index() {
    let stage = shop().await;
    let file = stage.directory.path().join("skerry.db");
    let connection = rusqlite::Connection::open(file).unwrap();
    for (query, index) in [
        (DocumentQuery { conditions: Vec::new(), ..dearer(0.0) }, "idx_document_fields_value"),
        (DocumentQuery::by_id("products", Some(String::from("a")), 10), "sqlite_autoindex_documents_1"),
    ] {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.statement())).unwrap();
        let steps = statement.raw_query().mapped(|row| row.get("detail"));
        let plan = steps.collect::<rusqlite::Result<Vec<String>>>().unwrap().join("; ");
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}
