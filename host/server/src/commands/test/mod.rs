//! `skerry test`: tests of scripts, in the sandbox that the scripts run in, with fakes for whatever leaves it.
//!
//! A test file is one run: a module of the prelude, the test and what it imports. Nothing is sent, and nothing is kept.

mod file;
mod modules;
mod report;
mod statements;

use std::{fs, path::PathBuf, process::ExitCode};

use app::{App, AppConfig};
use clap::{Args, ValueEnum};

use super::{
    project::folder::Folder,
    remote::{CliError, Done, session},
};

/// Endings of files with tests.
const ENDINGS: [&str; 4] = [".test.js", ".test.ts", ".test.mjs", ".test.mts"];

/// How deep directories are looked into.
const DEPTH_MAX: usize = 32;

/// `skerry test`
#[derive(Args, Debug)]
pub(crate) struct TestArguments {
    /// The directory whose tests are run
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Only files whose path contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// How the results are shown
    #[arg(long, value_enum, default_value_t = TestForm::Text)]
    output: TestForm,
}

/// How results of tests are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestForm {
    /// Lines for people
    Text,
    /// One JSON document
    Json,
    /// The XML that build servers read
    Junit,
}

pub(crate) fn test(arguments: &TestArguments) -> ExitCode {
    session::run(run(arguments))
}

async fn run(arguments: &TestArguments) -> Done {
    let folder = Folder::open(&arguments.directory)?;
    let files: Vec<String> = test_files(&folder)?.into_iter().filter(|file| file.contains(&arguments.only)).collect();
    if files.is_empty() {
        return Err(CliError::Failed(format!(
            "no tests below {}: their files end in .test.js or .test.ts",
            folder.path().display()
        )));
    }
    let app = App::open(AppConfig::in_memory()).await.map_err(|error| CliError::Failed(error.to_string()))?;
    let mut reports = Vec::new();
    for name in &files {
        let ended = file::run(&app, &folder, name).await.map_err(|error| CliError::Failed(error.to_string()))?;
        report::progress(arguments.output, &ended);
        reports.push(ended);
    }
    Ok(report::tell(arguments.output, &reports))
}

/// The files with tests, in the order of their names. Links, hidden directories and packages are left out.
fn test_files(folder: &Folder) -> Result<Vec<String>, CliError> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), 0)];
    while let Some((directory, depth)) = open.pop() {
        let path = folder.path().join(&directory);
        let failed = |error: std::io::Error| CliError::Failed(format!("{}: {error}", path.display()));
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().map_err(failed)?;
            let below = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
            if kind.is_dir() && depth < DEPTH_MAX && !name.starts_with('.') && name != "node_modules" {
                open.push((below, depth + 1));
            } else if kind.is_file() && ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                found.push(below);
            }
        }
    }
    found.sort();
    Ok(found)
}
