//! The command line: what can be said, and what each word starts.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use domain::{ExecutionId, Limits, ScriptKind, TenantSlug};

use crate::commands::{
    self, dev, doctor, manual,
    project::{deploy, diff, init, pull, push},
    remote::{
        Noun, Remote, api,
        dead_letters::DeadLetterCommand,
        endpoints::EndpointCommand,
        events::EventCommand,
        executions::ExecCommand,
        login,
        operator::{PlanCommand, TenantCommand, UserCommand},
        people::{MemberCommand, RoleCommand, TokenCommand},
        schedules::ScheduleCommand,
        secrets::SecretCommand,
        storage::StorageCommand,
        webhooks::WebhookCommand,
    },
    test,
};

/// What a mistake on the command line or in the configuration ends with; clap's own mistakes end with it too.
pub(crate) const USAGE: u8 = 2;

/// Runs JavaScript and TypeScript of a platform's customers, each run in a sandbox of its own.
#[derive(Debug, Parser)]
#[command(name = "skerry", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server
    Serve(Serve),
    /// Run one file in the sandbox, without a server
    Run(Run),
    /// Run a recorded execution again, offline, and compare; or edited code in its place
    Replay(Replay),
    /// Begin a directory of scripts
    Init(init::InitArguments),
    /// Make the scripts of a server what this directory has
    Push(push::PushArguments),
    /// Make this directory what a server has
    Pull(pull::PullArguments),
    /// Show how this directory differs from a server
    Diff(diff::DiffArguments),
    /// Make a script's draft a version, and let that run
    Deploy(deploy::DeployArguments),
    /// Let an older version of a script run again
    Rollback(deploy::RollbackArguments),
    /// Keep a token for a server; it is read from the standard input
    Login(login::Login),
    /// Forget the token of a server
    Logout(login::Logout),
    /// Show whose token is used, and what it allows
    Whoami(Remote),
    /// What ran, what came of it, and running scripts
    Exec(Noun<ExecCommand>),
    /// When scripts run by themselves
    Schedule(Noun<ScheduleCommand>),
    /// What happened, and telling Skerry of it
    Event(Noun<EventCommand>),
    /// What was given up, and sending it again
    DeadLetter(Noun<DeadLetterCommand>),
    /// What scripts use and never read
    Secret(Noun<SecretCommand>),
    /// Where scripts answer requests
    Endpoint(Noun<EndpointCommand>),
    /// Where events are sent outside
    Webhook(Noun<WebhookCommand>),
    /// The tenant's key-value entries
    Storage(Noun<StorageCommand>),
    /// Who is a member of the tenant
    Member(Noun<MemberCommand>),
    /// What members may do
    Role(Noun<RoleCommand>),
    /// The deployment's tenants, for operators
    Tenant(Noun<TenantCommand>),
    /// The deployment's users, for operators
    User(Noun<UserCommand>),
    /// The deployment's plans, for operators
    Plan(Noun<PlanCommand>),
    /// What the tenant has and uses
    Usage(Remote),
    /// How it stands with the deployment, for operators
    Health(Remote),
    /// Any call of the API
    Api(api::Api),
    /// Tokens of the API
    #[command(subcommand)]
    Token(Token),
    /// Check or export the audit log of a server that is stopped
    #[command(subcommand)]
    Audit(Audit),
    /// Run the scripts of a directory as they change, on a server of their own
    Dev(dev::DevArguments),
    /// Run the tests of a directory, in the sandbox and with fakes for whatever leaves it
    Test(test::TestArguments),
    /// Look for what would keep a server from starting here, or a push from working
    Doctor(doctor::DoctorArguments),
    /// Print what completes this command line in a shell
    Completions(manual::Completions),
    /// Print the manual page, or write those of every command into a directory
    Man(manual::Man),
    /// Show what can be configured
    #[command(subcommand)]
    Config(Config),
    /// Print the OpenAPI document of the API
    Openapi,
    /// Print which role may do what, in Markdown
    Permissions,
    /// Print what scripts can reach, as TypeScript declarations for editors
    Types(Types),
}

/// `skerry serve`
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The configuration file; 'skerry config template' shows one
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The directory of the database [default: data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address and port of the API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address and port of the tenants' endpoints [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    pub(crate) endpoints_listen: Option<SocketAddr>,
    /// Make the sample scripts on the first start, also where others can reach the server
    #[arg(long)]
    pub(crate) sample: bool,
}

/// `skerry run`
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The script: a file in JavaScript or TypeScript
    pub(crate) file: PathBuf,
    /// What the entry is given: JSON, @FILE for a file with it, or - for the standard input
    #[arg(long, value_name = "JSON", default_value = "null", allow_hyphen_values = true)]
    pub(crate) input: String,
    /// What the script is for: cron, endpoint, event, embedded or one_off
    #[arg(long, value_name = "KIND", default_value = "one_off")]
    pub(crate) kind: ScriptKind,
    /// Units of fuel that the run may use
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.fuel)]
    pub(crate) fuel: u64,
    /// Mebibytes of memory that it may use
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.memory_bytes >> 20, value_parser = memory_range())]
    pub(crate) memory_mb: u64,
    /// Milliseconds that it may take
    #[arg(long, value_name = "N", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub(crate) timeout_ms: u64,
    /// Also propose the least capabilities that the run needed, denied calls included
    #[arg(long)]
    pub(crate) infer: bool,
    /// How the end is shown
    #[arg(long, value_enum, default_value_t = OutputForm::Text)]
    pub(crate) output: OutputForm,
}

/// How `skerry run` shows the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    /// The result on the standard output, the log and errors on the standard error
    Text,
    /// One JSON object with everything on the standard output
    Json,
}

/// `skerry replay`
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The execution's id
    pub(crate) execution: ExecutionId,
    /// Edited code to run against what was recorded, up to the first host call that differs
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<PathBuf>,
    /// The data directory of a server that is not running
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Print a new token of the operator, good for a day: for one tenant, or for what operators do
    Create(CreateToken),
    #[command(flatten)]
    Served(TokenCommand),
}

/// `skerry token create`
#[derive(Args, Debug)]
pub(crate) struct CreateToken {
    /// The tenant's name in addresses
    #[arg(long, value_name = "SLUG", value_parser = TenantSlug::parse, required_unless_present = "operator")]
    pub(crate) tenant: Option<TenantSlug>,
    /// Make a token of the deployment's own, which makes tenants, users and plans
    #[arg(long, conflicts_with = "tenant")]
    pub(crate) operator: bool,
    /// The data directory of a server that is not running
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Audit {
    /// Say whether every row of the audit log is as it was written, and name the first that is not (exit code 7)
    Verify(VerifyAudit),
    /// Print the rows of one tenant, or of the deployment itself
    Export(ExportAudit),
}

/// `skerry audit verify`
#[derive(Args, Debug)]
pub(crate) struct VerifyAudit {
    /// The data directory of a server that is not running
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// The heads that the server exported ('audit.head_file'): with them also a missing end is found
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Option<PathBuf>,
}

/// `skerry audit export`
#[derive(Args, Debug)]
pub(crate) struct ExportAudit {
    /// The tenant's name in addresses; the deployment's own rows where none is named
    #[arg(long, value_name = "SLUG", value_parser = TenantSlug::parse)]
    pub(crate) tenant: Option<TenantSlug>,
    /// The form of the rows
    #[arg(long, value_enum, default_value_t = AuditForm::Ndjson)]
    pub(crate) form: AuditForm,
    /// The data directory of a server that is not running
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditForm {
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values
    Csv,
}

/// `skerry types`
#[derive(Args, Debug)]
struct Types {
    /// Print the reference in Markdown instead
    #[arg(long)]
    reference: bool,
}

#[derive(Debug, Subcommand)]
enum Config {
    /// Print a configuration file with every key, documented, at its default
    Template,
}

/// Do what the command line says; the answer is the process's exit code.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => commands::serve::serve(&arguments),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Replay(arguments) => commands::replay::replay(&arguments),
        Command::Init(arguments) => init::init(&arguments),
        Command::Push(arguments) => push::push(&arguments),
        Command::Pull(arguments) => pull::pull(&arguments),
        Command::Diff(arguments) => diff::diff(&arguments),
        Command::Deploy(arguments) => deploy::deploy(&arguments),
        Command::Rollback(arguments) => deploy::rollback(&arguments),
        Command::Login(arguments) => login::login(&arguments),
        Command::Logout(arguments) => login::logout(&arguments),
        Command::Whoami(remote) => login::whoami(&remote),
        Command::Exec(noun) => commands::remote::executions::execute(&noun),
        Command::Schedule(noun) => commands::remote::schedules::schedule(&noun),
        Command::Event(noun) => commands::remote::events::event(&noun),
        Command::DeadLetter(noun) => commands::remote::dead_letters::dead_letter(&noun),
        Command::Secret(noun) => commands::remote::secrets::secret(&noun),
        Command::Endpoint(noun) => commands::remote::endpoints::endpoint(&noun),
        Command::Webhook(noun) => commands::remote::webhooks::webhook(&noun),
        Command::Usage(remote) => commands::remote::endpoints::usage(&remote),
        Command::Health(remote) => commands::remote::operator::health(&remote),
        Command::Api(arguments) => api::api(&arguments),
        Command::Dev(arguments) => dev::dev(&arguments),
        Command::Test(arguments) => test::test(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments, &mut Cli::command()),
        Command::Man(arguments) => manual::man(&arguments, Cli::command()),
        Command::Storage(noun) => commands::remote::storage::storage(&noun),
        Command::Member(noun) => commands::remote::people::member(&noun),
        Command::Role(noun) => commands::remote::people::role(&noun),
        Command::Tenant(noun) => commands::remote::operator::tenant(&noun),
        Command::User(noun) => commands::remote::operator::user(&noun),
        Command::Plan(noun) => commands::remote::operator::plan(&noun),
        Command::Token(Token::Served(command)) => commands::remote::people::token(&command),
        Command::Token(Token::Create(arguments)) => commands::token::create(&arguments),
        Command::Audit(Audit::Verify(arguments)) => commands::audit::verify(&arguments),
        Command::Audit(Audit::Export(arguments)) => commands::audit::export(&arguments),
        Command::Config(Config::Template) => commands::print(&crate::config::template()),
        Command::Permissions => commands::print(&crate::permissions()),
        Command::Types(Types { reference: false }) => commands::print(&app::types::declarations()),
        Command::Types(Types { reference: true }) => commands::print(&app::types::reference()),
        Command::Openapi => match crate::openapi() {
            Ok(document) => commands::print(&document),
            Err(error) => commands::fail(1, &error),
        },
    }
}

fn memory_range() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(Limits::MIN_MEMORY_BYTES >> 20..=Limits::MAX_MEMORY_BYTES >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_not_a_flag_is_refused() {
        for line in [
            "skerry serve --colour",
            "skerry run",
            "skerry run a.js --memory-mb 1",
            "skerry run a.js --kind lambda",
            "skerry run a.js --timeout-ms 0",
            "skerry replay x",
            "skerry serve --listen nowhere",
            "skerry lift",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            assert_eq!(error.exit_code(), i32::from(USAGE), "{line}");
        }
    }
}
