//! `skerry run FILE`: one file in the same sandbox as in a server, with a database that ends with the process.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use app::{App, AppConfig, LocalEnd, LocalRun};
use domain::{Language, Limits, limits::SOURCE_BYTES_MAX};
use serde_json::value::RawValue;

use super::{fail, shown};
use crate::cli::{Run, USAGE};

/// The most bytes that are read of a file. Larger ones are no scripts, and need not be read to their end to say so.
const FILE_BYTES_MAX: usize = 64 << 20;

/// What a failure of the host ends with.
const HOST_FAILED: u8 = 1;

pub(crate) fn run(arguments: &Run) -> ExitCode {
    let run = match local_run(arguments) {
        Ok(run) => run,
        Err(mistake) => return fail(USAGE, &mistake),
    };
    let source = run.text.clone();
    let file_name = run.file_name.clone();
    match run_alone(run) {
        Ok(end) => shown::End::new(&end, &file_name, &source, arguments.infer).show(arguments.output),
        Err(error) => fail(HOST_FAILED, &error),
    }
}

fn run_alone(run: LocalRun) -> Result<LocalEnd, Box<dyn std::error::Error>> {
    // Scripts run on threads of their own; this one only waits for them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = App::open(AppConfig::in_memory()).await?;
        Ok(app.run_local(run).await?)
    })
}

fn local_run(arguments: &Run) -> Result<LocalRun, String> {
    let text = source(&arguments.file)?;
    let file_name = arguments.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(LocalRun {
        language: Language::of_file_name(&file_name),
        file_name,
        text,
        kind: arguments.kind,
        input: input(&arguments.input)?,
        limits: Limits {
            fuel: arguments.fuel,
            wall_time: Duration::from_millis(arguments.timeout_ms),
            memory_bytes: arguments.memory_mb << 20,
            ..Limits::DEFAULT
        },
    })
}

pub(in crate::commands) fn source(path: &Path) -> Result<String, String> {
    let shown = path.display();
    if path.is_dir() {
        return Err(format!("{shown} is a directory: name the file with the script"));
    }
    let bytes = read_at_most(path, FILE_BYTES_MAX).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if bytes.len() > SOURCE_BYTES_MAX {
        // Too long for a script, which the compiler says like any other mistake in it; how it ends is all the same.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("{shown} is not UTF-8: byte {at} begins no character. Save the file as UTF-8")
    })
}

pub(in crate::commands) fn input(argument: &str) -> Result<String, String> {
    let text = match argument.strip_prefix('@') {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("the input {path} cannot be read: {error}"))?
        }
        None if argument == "-" => {
            io::read_to_string(io::stdin()).map_err(|error| format!("the standard input cannot be read: {error}"))?
        }
        None => argument.to_owned(),
    };
    serde_json::from_str::<&RawValue>(&text).map_err(|error| format!("the input is no JSON: {error}"))?;
    Ok(text)
}

fn read_at_most(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    File::open(path)?.take(bytes as u64).read_to_end(&mut read)?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_that_is_no_json_is_refused() {
        assert!(input("{").is_err_and(|message| message.contains("no JSON")));
        assert!(input("@/nowhere/at/all.json").is_err_and(|message| message.contains("cannot be read")));
        assert_eq!(input("[1, 2]"), Ok(String::from("[1, 2]")));
    }

    #[test]
    fn a_file_that_cannot_be_a_script_is_refused_with_the_reason() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("latin.js");
        std::fs::write(&file, b"// \xe4").expect("a file");
        assert!(source(&file).is_err_and(|message| message.contains("not UTF-8")));
        assert!(source(directory.path()).is_err_and(|message| message.contains("directory")));
        assert!(source(&directory.path().join("none.js")).is_err_and(|message| message.contains("cannot be read")));
    }
}
