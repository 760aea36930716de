//! Scripts of several files: esbuild makes one module of them, with a source map inside by which errors name the author's
//! lines.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::commands::remote::CliError;

/// Whether a module imports or passes on others. Such statements begin a line, as formatters write them; a line of a text or a
/// comment that looks like one makes a bundle of one file, which is harmless.
pub(crate) fn imports(source: &str) -> bool {
    source.lines().any(|line| {
        let import = line.strip_prefix("import").is_some_and(|rest| {
            let rest = rest.trim_start_matches(' ');
            rest.starts_with(['{', '*', '"', '\''])
                || (rest.len() < line.len() - "import".len() && !rest.starts_with('('))
        });
        let passed_on = line.strip_prefix("export").is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with('*') || (rest.starts_with('{') && rest.contains(" from "))
        });
        import || passed_on
    })
}

/// One module of `file` and what it imports.
///
/// # Errors
/// esbuild is not there, or says what is wrong.
pub(crate) fn bundled(directory: &Path, file: &str) -> Result<String, CliError> {
    let esbuild = find(directory).ok_or_else(|| {
        CliError::Usage(format!(
            "'{file}' imports other modules, and esbuild, which makes one of them, is not there: 'npm install --save-dev \
             esbuild' gets it"
        ))
    })?;
    run(&esbuild, directory, file, Form::Module)
}

/// esbuild: in `node_modules/.bin` of the directory or one above, or in the `PATH`.
pub(crate) fn find(directory: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(directory).ok()?;
    let installed = absolute.ancestors().map(|above| above.join("node_modules/.bin/esbuild"));
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = env::split_paths(&path).map(|place| place.join("esbuild")).collect();
    installed.chain(on_path).find(|place| place.is_file())
}

/// What a bundle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A module that exports what the file exports.
    Module,
    /// A function that is called at once, so that its names meet no others.
    Function,
}

/// Have esbuild bundle `file`.
///
/// # Errors
/// What esbuild says.
pub(crate) fn run(esbuild: &Path, directory: &Path, file: &str, form: Form) -> Result<String, CliError> {
    let failed = |why: String| CliError::Usage(format!("'{file}' cannot be bundled: {why}"));
    let made = Command::new(esbuild)
        .current_dir(directory)
        // `./`, so that no file is taken for an option.
        .arg(format!("./{file}"))
        .arg(if form == Form::Module { "--format=esm" } else { "--format=iife" })
        .args(["--bundle", "--target=esnext", "--platform=neutral", "--main-fields=module,main"])
        .args([
            "--sourcemap=inline",
            "--sources-content=false",
            "--charset=utf8",
            "--log-level=warning",
            "--color=false",
        ])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !made.status.success() {
        return Err(failed(format!("esbuild says\n{}", String::from_utf8_lossy(&made.stderr).trim_end())));
    }
    String::from_utf8(made.stdout).map_err(|_| failed(String::from("what esbuild made is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_imports_is_seen() {
        for source in [
            "import a from './a.js';",
            "import './a.js'",
            "// x\nimport{a}from'./a.js'",
            "import * as a from \"a\"",
            "export * from './a.js'",
            "export { a } from './a.js'",
            "import type { A } from './a.ts'",
        ] {
            assert!(imports(source), "{source}");
        }
        for source in
            ["export default () => 1", "const x = import.meta", "importAll()", "export { a }", "import('x')", ""]
        {
            assert!(!imports(source), "{source}");
        }
    }
}
