//! What a server says when it has started: where it answers, and on the first start how to try it at once.

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use app::Bootstrap;

use crate::{Config, Server};

/// The file for the first token, where the standard output is no terminal: what is written there may be kept in a log
/// that others read (RULES 42).
const TOKEN_FILE: &str = "bootstrap-token";

/// The text for the standard output.
///
/// # Errors
/// The file for the first token cannot be written.
pub(crate) fn text(server: &Server, config: &Config) -> io::Result<String> {
    let api = origin(config.listeners.public_url.as_deref(), server.api_address());
    let endpoints = origin(config.listeners.endpoints_url.as_deref(), server.endpoints_address());
    let data = std::path::absolute(&config.data.directory)?;
    let mut text = format!(
        "Skerry is running. Ctrl-C stops it.\n\n  API        {api}/api/v1\n  Endpoints  {endpoints}\n  Data       {}\n",
        data.display()
    );
    if let Some(bootstrap) = server.bootstrap() {
        let token = if io::stdout().is_terminal() {
            Token { shown: bootstrap.token.clone(), in_shell: bootstrap.token.clone() }
        } else {
            token_file(&data, &bootstrap.token)?
        };
        text += &first_start(bootstrap, &token, &api, &endpoints);
    }
    text.push('\n');
    Ok(text)
}

/// A token as a person reads it, and as a shell does.
struct Token {
    shown: String,
    in_shell: String,
}

fn first_start(bootstrap: &Bootstrap, token: &Token, api: &str, endpoints: &str) -> String {
    let Bootstrap { tenant_slug, operator_email, endpoint_path, sample_body, .. } = bootstrap;
    let expires = bootstrap.token_expires_at.to_rfc3339();
    let (shown, in_shell) = (&token.shown, &token.in_shell);
    let mut text = format!(
        "\nThis is the first start: there is a tenant '{tenant_slug}' and an operator {operator_email}.\n\n  \
         API token  {shown}\n             valid until {expires}\n"
    );
    if !endpoint_path.is_empty() {
        text += &format!(
            "\nCall a sample script, which runs in its sandbox:\n\n  curl -s {endpoints}{endpoint_path} \
             -H 'content-type: application/json' -d '{sample_body}'\n"
        );
    }
    text += &format!("\nSee what ran:\n\n  curl -s {api}/api/v1/executions -H \"authorization: Bearer {in_shell}\"\n");
    text
}

/// Write the token where only this user reads it.
fn token_file(data: &Path, token: &str) -> io::Result<Token> {
    let path = data.join(TOKEN_FILE);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    let quoted = path.display().to_string().replace('\'', r"'\''");
    Ok(Token { shown: format!("in the file {}", path.display()), in_shell: format!("$(cat '{quoted}')") })
}

fn origin(url: Option<&str>, address: SocketAddr) -> String {
    url.map_or_else(|| format!("http://{address}"), |url| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_token_file_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let token = token_file(directory.path(), "sk_1_2").expect("a file");
        let path = directory.path().join(TOKEN_FILE);
        let mode = std::fs::metadata(&path).expect("its metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(path).expect("its text"), "sk_1_2\n");
        assert!(token.in_shell.starts_with("$(cat '"), "{}", token.in_shell);
    }
}
