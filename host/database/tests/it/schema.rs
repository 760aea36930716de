//! The schema's own rules, and the rules for statements that two databases understand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use database::Database;
use rusqlite::Connection;

/// Tables that belong to the deployment and not to a tenant.
const SHARED: [&str; 11] = [
    "deployment",
    "known_addresses",
    "operator_tokens",
    "password_resets",
    "passwords",
    "plans",
    "refinery_schema_history",
    "sessions",
    "sign_in_failures",
    "tenants",
    "users",
];

fn connection() -> (tempfile::TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    drop(Database::open(directory.path()).unwrap());
    let connection = Connection::open(directory.path().join("skerry.db")).unwrap();
    (directory, connection)
}

fn texts(connection: &Connection, statement: &str) -> Vec<String> {
    let mut statement = connection.prepare(statement).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<Vec<String>>>().unwrap()
}

fn tenants_tables(connection: &Connection) -> Vec<String> {
    let tables = texts(connection, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    tables.into_iter().filter(|table| !SHARED.contains(&table.as_str())).collect()
}

/// Every table that belongs to a tenant.
pub(crate) fn tables_of_tenants() -> Vec<String> {
    let (_directory, connection) = connection();
    tenants_tables(&connection)
}

#[test]
fn every_table_of_a_tenant_has_the_tenant_first_in_its_primary_key() {
    let (_directory, connection) = connection();
    let tables = tenants_tables(&connection);
    assert!(tables.len() >= 13, "{tables:?}");
    for table in tables {
        let first = texts(&connection, &format!("SELECT name FROM pragma_table_info('{table}') WHERE pk = 1"));
        assert_eq!(first, ["tenant_id"], "{table}");
    }
}

#[test]
fn every_reference_to_a_row_of_a_tenant_has_the_tenant_first() {
    let (_directory, connection) = connection();
    let mut references = 0;
    for table in tenants_tables(&connection) {
        let keys =
            format!("SELECT \"from\" FROM pragma_foreign_key_list('{table}') WHERE seq = 0 AND \"table\" <> 'users'");
        let first = texts(&connection, &keys);
        // The audit log and operators' requests are the deployment's too, which is no tenant.
        let of_nobody = ["outbox_events", "audit_log", "audit_refusals", "audit_anchors", "api_requests"];
        let refers_to_nothing = of_nobody.contains(&table.as_str());
        assert!(!first.is_empty() || refers_to_nothing, "{table} refers to nothing");
        assert!(first.iter().all(|column| column == "tenant_id"), "{table}: {first:?}");
        references += first.len();
    }
    assert!(references >= 18, "{references}");
}

#[test]
fn every_index_of_a_tenants_table_begins_with_the_tenant() {
    let (_directory, connection) = connection();
    for table in tenants_tables(&connection) {
        let indexes = texts(&connection, &format!("SELECT name FROM pragma_index_list('{table}')"));
        for index in indexes {
            let first = texts(&connection, &format!("SELECT name FROM pragma_index_info('{index}') WHERE seqno = 0"));
            // Those that lead from a person or a token to a tenant, and from a moment to what is due then, whoever's.
            let leads_to_tenant = [
                "idx_memberships_user",
                "idx_api_tokens_id",
                "idx_invitations_id",
                "idx_schedules_due",
                "idx_schedules_backlog",
                "idx_schedule_slots_catch_up",
            ]
            .contains(&index.as_str());
            assert!(leads_to_tenant || first == ["tenant_id"], "{index}: {first:?}");
        }
    }
}

#[test]
fn executions_have_exactly_these_secondary_indexes() {
    let (_directory, connection) = connection();
    let indexes =
        texts(&connection, "SELECT name FROM pragma_index_list('executions') WHERE origin = 'c' ORDER BY name");
    let of_every_row = ["idx_executions_started_at", "idx_executions_tenant_script", "idx_executions_tenant_status"];
    let of_some_rows = ["idx_executions_error", "idx_executions_user"];
    let expected: std::collections::BTreeSet<&str> = of_every_row.into_iter().chain(of_some_rows).collect();
    assert!(indexes.iter().map(String::as_str).eq(expected), "each is written with executions: {indexes:?}");
}

#[test]
fn the_lists_that_grow_are_read_by_an_index() {
    let (_directory, connection) = connection();
    let order = "ORDER BY started_at DESC, id DESC LIMIT 10";
    let plans = [
        (format!("SELECT id FROM executions WHERE tenant_id = 'a' {order}"), "idx_executions_started_at"),
        (
            format!("SELECT id FROM executions WHERE tenant_id = 'a' AND script_id = 'b' {order}"),
            "idx_executions_tenant_script",
        ),
        (
            format!("SELECT id FROM executions WHERE tenant_id = 'a' AND status = 'failed' {order}"),
            "idx_executions_tenant_status",
        ),
        (
            format!("SELECT id FROM executions WHERE tenant_id = 'a' AND actor_user_id = 'b' {order}"),
            "idx_executions_user",
        ),
        (
            format!("SELECT id FROM executions WHERE tenant_id = 'a' AND error_kind = 'timeout' {order}"),
            "idx_executions_error",
        ),
        (
            format!(
                "SELECT id, status, triggered_by, error_kind, duration_us FROM executions WHERE tenant_id = 'a' {order}"
            ),
            "COVERING INDEX idx_executions_started_at",
        ),
        (
            String::from(
                "SELECT key FROM storage_entries WHERE tenant_id = 'a' AND key >= 'b' AND key < 'c' ORDER BY key",
            ),
            "sqlite_autoindex_storage_entries_1",
        ),
        (
            String::from(
                "SELECT id FROM executions WHERE tenant_id IN (SELECT id FROM tenants) AND status = 'running'",
            ),
            "idx_executions_tenant_status",
        ),
    ];
    let due = "SELECT id FROM schedules WHERE due_at <= 5 ORDER BY due_at LIMIT 10";
    let open = "SELECT slot_at FROM schedule_slots WHERE tenant_id = 'a' AND schedule_id = 'b' AND is_open
                ORDER BY slot_at";
    let started =
        "SELECT slot_at FROM schedule_slots WHERE tenant_id = 'a' AND schedule_id = 'b' AND outcome = 'started'
                   AND slot_at < 5 ORDER BY slot_at DESC LIMIT 1";
    let caught_up = "SELECT COUNT(*) FROM schedule_slots WHERE is_catch_up AND decided_at > 5";
    let of_execution = "SELECT slot_at FROM schedule_slots WHERE tenant_id = 'a' AND execution_id = 'b' AND is_open";
    let promoted = "SELECT execution_id FROM execution_queue WHERE tenant_id = 'a' AND group_key = 'b'
                    AND state = 'blocked' AND is_in_line = FALSE ORDER BY priority, position LIMIT 1";
    let next_in_line = "SELECT execution_id FROM execution_queue WHERE tenant_id = 'a' AND line_key = 'b'
                        AND is_in_line = TRUE ORDER BY priority, position LIMIT 1";
    let of_schedules = [
        (due, "idx_schedules_due"),
        (open, "idx_schedule_slots_open"),
        (started, "idx_schedule_slots_started"),
        (caught_up, "idx_schedule_slots_catch_up"),
        (of_execution, "idx_schedule_slots_execution"),
        (promoted, "idx_execution_queue_group"),
        (next_in_line, "idx_execution_queue_line"),
    ];
    let of_schedules = of_schedules.map(|(query, index)| (String::from(query), index));
    // As they are in the source: whatever looks for the runs of a schedule that go on.
    let of_open = |query: &String| query.contains("schedule_slots") && query.contains("schedule_id = $2 AND is_open");
    let open: Vec<String> = statements().into_iter().filter(of_open).collect();
    assert_eq!(open.len(), 2, "{open:?}");
    let open = open.into_iter().map(|query| query.replace("$1", "'a'").replace("$2", "'b'").replace("$3", "5"));
    let open = open.map(|query| (query, "idx_schedule_slots_open"));
    for (query, index) in plans.into_iter().chain(of_schedules).chain(open) {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let steps = statement.query_map([], |row| row.get("detail")).unwrap();
        let plan = steps.collect::<rusqlite::Result<Vec<String>>>().unwrap().join("; ");
        assert!(plan.contains(index), "{query}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{query}: {plan}");
    }
}

#[test]
fn parameters_are_numbered_in_the_order_of_their_first_use() {
    let statements = statements();
    assert!(statements.len() > 50, "{}", statements.len());
    for statement in statements {
        let mut highest = 0;
        for part in statement.split('$').skip(1) {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            let number: u32 = digits.parse().unwrap();
            assert!(number <= highest + 1, "{statement}");
            highest = highest.max(number);
        }
    }
}

/// Every whole statement of the crate, as it stands in the constants at the top of each file.
pub(crate) fn statements() -> Vec<String> {
    let mut statements = Vec::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let source = fs::read_to_string(file).unwrap();
        for rest in source.split(": &str =").skip(1) {
            let literal = rest.trim_start().strip_prefix('"').and_then(|text| text.split_once("\";"));
            let Some((statement, _)) = literal else { continue };
            let words = ["SELECT", "INSERT", "UPDATE", "DELETE"];
            let statement = statement.trim();
            if words.iter().any(|word| statement.starts_with(word)) && !statement.contains("sqlite_schema") {
                statements.push(statement.to_owned());
            }
        }
    }
    statements
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
