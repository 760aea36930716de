//! Opening: what a directory may hold, who else may have it, and what is said when it cannot be used.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use database::{Database, Effects, OpenError};
use domain::ErrorKind;

use crate::stage::{NOW, Stage};

#[tokio::test]
async fn a_new_directory_is_for_this_user_alone() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("deep/data");
    let database = Database::open(&directory).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for name in ["skerry.db", "skerry.db-wal", "skerry.lock"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
    assert!(database.is_writable());
}

#[test]
fn a_database_that_others_could_read_is_tightened() {
    let directory = tempfile::tempdir().unwrap();
    drop(Database::open(directory.path()).unwrap());
    let file = directory.path().join("skerry.db");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let _database = Database::open(directory.path()).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_second_opening_is_refused_and_names_the_directory() {
    let stage = Stage::set().await;
    let path = stage.directory.path();
    let error = Database::open(path).unwrap_err();
    assert!(matches!(&error, OpenError::InUse { directory } if directory == path), "{error}");
    assert!(error.to_string().contains(&path.display().to_string()));
    let clone = stage.database.clone();
    drop(stage.database);
    assert!(matches!(Database::open(path), Err(OpenError::InUse { .. })));
    drop(clone);
    Database::open(path).unwrap();
}

#[test]
fn each_opening_is_an_epoch_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let epochs: Vec<i64> = (0..3).map(|_| Database::open(directory.path()).unwrap().epoch()).collect();
    assert_eq!(epochs, [1, 2, 3]);
}

#[test]
fn a_database_of_a_newer_schema_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    drop(Database::open(directory.path()).unwrap());
    let file = directory.path().join("skerry.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let statement = "INSERT INTO refinery_schema_history
        SELECT 9999, name, applied_on, checksum FROM refinery_schema_history WHERE version = 1";
    connection.execute(statement, []).unwrap();
    connection.close().unwrap();
    let before = fs::read(&file).unwrap();
    let error = Database::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 9999, .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("skerry.db");
    let text = "Dear diary, ".repeat(1_000);
    fs::write(&file, &text).unwrap();
    let error = Database::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("skerry.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch("CREATE TABLE photos (id INTEGER PRIMARY KEY)").unwrap();
    connection.close().unwrap();
    let error = Database::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let tables: i64 = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let stage = Stage::set().await;
    let Stage { directory, database, .. } = stage;
    drop(database);
    let file = directory.path().join("skerry.db");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let error = Database::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("restore a backup"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
    // To root no permission bit says no; a directory of the kernel's does.
    let is_root = fs::write(directory.path().join("probe"), "").is_ok();
    let path = if is_root { Path::new("/sys/skerry") } else { directory.path() };
    let error = Database::open(path).unwrap_err();
    assert!(matches!(&error, OpenError::NotWritable { directory, .. } if directory == path), "{error:?}");
}

#[test]
fn a_directory_that_is_a_file_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    fs::write(&path, "").unwrap();
    let error = Database::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
}

#[tokio::test]
async fn a_database_in_memory_reads_what_it_wrote() {
    let database = Database::in_memory().unwrap();
    let tenant = domain::TenantId::generate();
    database.create_tenant(crate::stage::new_tenant(tenant, "memory")).await.unwrap();
    assert_eq!(database.tenant(tenant).unwrap().slug.as_str(), "memory");
}

#[tokio::test]
async fn what_was_answered_is_there_after_the_process_was_killed() {
    let stage = Stage::set().await;
    stage.set_entry("acknowledged", "1").await;
    let cut = stage.begin();
    stage.database.commit_storage(stage.part(cut, Effects::default())).await.unwrap();

    // The files as a kill leaves them: nothing was closed, the log was not moved into the database.
    let image = tempfile::tempdir().unwrap();
    for name in ["skerry.db", "skerry.db-wal"] {
        fs::copy(stage.directory.path().join(name), image.path().join(name)).unwrap();
    }
    let database = Database::open(image.path()).unwrap();
    let read = database.storage_get(stage.home.tenant, "acknowledged", NOW).unwrap();
    assert_eq!(read.value.as_deref(), Some("1"));
    crate::stage::end_left_running(&database, NOW).await;
    let cut = database.get_execution(cut.tenant, cut.execution).unwrap();
    assert_eq!(cut.execution.error_kind, Some(ErrorKind::Interrupted));
}
