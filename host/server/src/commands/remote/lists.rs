//! What every list takes: how much of it.

use clap::Args;

use super::{CliError, Done, Session, output::Column};
use crate::remote::{self, Call};

/// How much of a list.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ListArgs {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl ListArgs {
    /// How many at most.
    fn most(self) -> Option<usize> {
        if self.all { None } else { usize::try_from(self.limit).ok() }
    }
}

impl Session {
    /// Show the list that `call` asks for.
    pub(crate) async fn list(&self, call: Call<'_>, arguments: ListArgs, columns: &[Column]) -> Done {
        let items = remote::items(&self.client, &call, arguments.most()).await?;
        self.show_list(&items, columns)
    }

    /// Show a list that the API gives whole.
    pub(crate) async fn list_whole(&self, call: Call<'_>, columns: &[Column]) -> Done {
        let page: remote::Page = self.client.send(call).await?.read(&self.client)?;
        self.show_list(&page.items, columns)
    }

    /// Show what `call` answers.
    pub(crate) async fn show(&self, call: Call<'_>) -> Done {
        let answer = self.client.send(call).await?;
        self.show_one(&answer.text)
    }

    /// Do what has no answer, and say what was done.
    pub(crate) async fn act(&self, call: Call<'_>, done: &str) -> Done {
        self.client.send(call).await?;
        self.say(done, &serde_json::json!({ "done": done }))
    }
}

/// The JSON of an argument: itself, `@FILE`, or `-` for the standard input.
pub(crate) fn json_argument(argument: &str) -> Result<String, CliError> {
    crate::commands::run::input(argument).map_err(CliError::Usage)
}
