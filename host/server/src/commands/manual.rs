//! `skerry completions` and `skerry man`: what shells and readers of manuals know of the command line, made from itself.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell as Generator, generate};
use clap_mangen::Man as Page;

use super::{fail, print, remote::codes};

/// What the program is called.
const NAME: &str = "skerry";

/// `skerry completions`
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// A shell whose completions are made.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// `skerry man`
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// Where the pages of every command are written; the page of the program alone is printed where none is named
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(crate) fn completions(arguments: &Completions, command: &mut Command) -> ExitCode {
    let generator = match arguments.shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
    };
    let mut text = Vec::new();
    generate(generator, command, NAME, &mut text);
    print(&String::from_utf8_lossy(&text))
}

pub(crate) fn man(arguments: &Man, command: Command) -> ExitCode {
    let written = match &arguments.directory {
        Some(directory) => fs::create_dir_all(directory)
            .and_then(|()| clap_mangen::generate_to(command, directory))
            .map(|()| String::new()),
        None => {
            let mut text = Vec::new();
            Page::new(command).render(&mut text).map(|()| String::from_utf8_lossy(&text).into_owned())
        }
    };
    match written {
        Ok(text) => print(&text),
        Err(error) => fail(codes::FAILED, &error),
    }
}
