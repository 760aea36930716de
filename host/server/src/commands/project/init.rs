//! `skerry init`: a directory to begin with.

use std::{fs, io, path::PathBuf, process::ExitCode};

use clap::Args;

use super::{folder::Folder, manifest};
use crate::{
    commands::{
        print,
        remote::{CliError, session},
    },
    terminal::Shown,
};

const SCRIPT: &str = "\
// What a script is given is its entry's argument; what it returns is the execution's result.
export default function greet({ name = \"world\" } = {}) {
  console.log(\"greeting\", name);
  return { greeting: `Hello, ${name}!` };
}
";

const TEST: &str = "\
import greet from \"./greet.js\";

describe(\"greet\", () => {
  it(\"greets by name\", () => {
    expect(greet({ name: \"Ada\" })).toEqual({ greeting: \"Hello, Ada!\" });
  });
});
";

/// `skerry init`
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// The directory; it is made where it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// The server that the directory belongs to
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

pub(crate) fn init(arguments: &InitArguments) -> ExitCode {
    session::run(async {
        let server = arguments.server.as_deref().map(session::address).transpose()?;
        fs::create_dir_all(&arguments.directory)
            .map_err(|error: io::Error| CliError::Failed(format!("{}: {error}", arguments.directory.display())))?;
        let folder = Folder::open(&arguments.directory)?;
        if folder.read(manifest::FILE)?.is_some() {
            return Err(CliError::Refused(format!("there is a {} already", manifest::FILE)));
        }
        let server = server.map_or_else(
            || String::from("# server = \"https://skerry.example\"\n"),
            |server| format!("server = {}\n", toml::Value::from(server.to_string())),
        );
        let text = format!(
            "# The scripts of this directory: 'skerry push' makes a server's what they are here.\n{server}\n\
             [scripts.greet]\nfile = \"scripts/greet.js\"\nkind = \"one_off\"\ndescription = \"Greets\"\n\
             dev_input = {{ name = \"Ada\" }}\n"
        );
        let mut made = Vec::new();
        let files = [
            (manifest::FILE, text.as_str()),
            ("scripts/greet.js", SCRIPT),
            ("scripts/greet.test.js", TEST),
            (".gitignore", "/.skerry/\n/node_modules/\n"),
        ];
        for (name, text) in files {
            // What is there stays.
            if folder.read(name)?.is_none() {
                folder.write(name, text)?;
                made.push(name);
            }
        }
        let next = "Try 'skerry test', 'skerry dev', and, logged in, 'skerry push --deploy'.";
        let directory = arguments.directory.display().to_string();
        Ok(print(&format!("Made in {}: {}\n{next}\n", Shown(&directory), made.join(", "))))
    })
}
