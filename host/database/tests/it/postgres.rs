//! The migrations and every statement, given to a PostgreSQL of their own where one is installed: several nodes will
//! share one later, with the same text.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs,
    ops::Bound,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use database::{Column, Condition, Direction, DocumentQuery, Sort, Test};

use crate::schema::statements;

/// Where Debian puts the programs of the newest PostgreSQL; `None` where there is none.
fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    folders.filter(|bin| bin.join("initdb").exists() && bin.join("psql").exists()).max()
}

/// A server that listens on a socket in its own directory, and is stopped when it is dropped.
struct Cluster {
    bin: PathBuf,
    directory: tempfile::TempDir,
}

impl Cluster {
    fn start(bin: PathBuf) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let home = directory.path().join("home");
        fs::create_dir(&home).unwrap();
        if is_root() {
            succeed(Command::new("chown").arg("postgres").arg(&home));
        }
        let cluster = Self { bin, directory };
        let data = cluster.data();
        let sync = ["--no-sync", "--locale=C", "--encoding=UTF8", "--auth=trust", "--username=skerry", "--pgdata"];
        succeed(cluster.program("initdb").args(sync).arg(&data));
        let options = format!("-c listen_addresses='' -c fsync=off -k '{}'", home.display());
        let log = home.join("log");
        succeed(cluster.program("pg_ctl").args(["start", "-w", "-o", &options, "-l"]).arg(log).arg("-D").arg(&data));
        cluster
    }

    fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// One of PostgreSQL's programs; they refuse to run as root.
    fn program(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args([OsStr::new("-u"), OsStr::new("postgres"), OsStr::new("--"), program.as_os_str()]);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.home());
        command
    }

    fn run_script(&self, script: &Path) -> Output {
        let arguments =
            ["-X", "-q", "-t", "-A", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", "skerry", "-d", "postgres", "-h"];
        self.program("psql").args(arguments).arg(self.home()).arg("-f").arg(script).output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = self.program("pg_ctl").args(["stop", "-w", "-m", "immediate", "-D"]).arg(self.data()).output();
        drop(stopped);
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

fn succeed(command: &mut Command) {
    let status = command.stdout(std::process::Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// Lists of documents, whose statements are put together from fragments: each fragment is in one of them.
fn lists() -> Vec<DocumentQuery> {
    let key = || String::from("k");
    let tests = [
        Test::OneOf(vec![key(), key()]),
        Test::Not(key()),
        Test::Between(Bound::Included(key()), Bound::Excluded(key())),
        Test::Between(Bound::Excluded(key()), Bound::Included(key())),
        Test::Between(Bound::Unbounded, Bound::Unbounded),
    ];
    let columns = [Column::Id, Column::Field(key())];
    let sorts = columns.clone().into_iter().flat_map(|column| {
        [Direction::Ascending, Direction::Descending].map(|direction| Sort { column: column.clone(), direction })
    });
    let with_sort = |sort| {
        let conditions = columns
            .iter()
            .flat_map(|column| tests.iter().map(|test| Condition { column: column.clone(), test: test.clone() }));
        DocumentQuery { conditions: conditions.collect(), sort, ..DocumentQuery::by_id("products", Some(key()), 10) }
    };
    sorts.map(with_sort).collect()
}

/// The number of a migration.
fn version(file: &Path) -> u32 {
    let name = file.file_name().and_then(OsStr::to_str).unwrap();
    name.trim_start_matches('V').split("__").next().unwrap().parse().unwrap()
}

#[test]
fn postgresql_accepts_the_migrations_and_every_statement_where_it_is_installed() {
    let Some(bin) = installed() else { return };
    let mut script = String::new();
    let mut migrations: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    // By number: as text, the tenth stands before the second.
    migrations.sort_by_key(|file| version(file));
    for migration in migrations {
        script.push_str(&fs::read_to_string(migration).unwrap());
    }
    script.push_str("CREATE TABLE refinery_schema_history (version INTEGER PRIMARY KEY, name TEXT, applied_on TEXT, checksum TEXT);\n");
    let mut statements = statements();
    statements.extend(lists().iter().map(DocumentQuery::statement));
    for (at, statement) in statements.iter().enumerate() {
        writeln!(script, "PREPARE statement_{at} AS {statement};").unwrap();
    }
    script.push_str("SELECT COUNT(*) FROM pg_prepared_statements;\n");
    let cluster = Cluster::start(bin);
    let file = cluster.directory.path().join("script.sql");
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let output = cluster.run_script(&file);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), statements.len().to_string());
}
