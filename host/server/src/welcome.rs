//! What a server says when it has started: where it answers, and on the first start how to try it at once.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use app::Bootstrap;

use crate::{Config, Server};

/// The files for the first token and the first password, where the standard output is no terminal: what is written there
/// may be kept in a log that others read (RULES 42).
const TOKEN_FILE: &str = "bootstrap-token";
const PASSWORD_FILE: &str = "bootstrap-password";

/// The text for the standard output.
///
/// # Errors
/// The file for the first token cannot be written.
pub(crate) fn text(server: &Server, config: &Config) -> io::Result<String> {
    let api = origin(config.listeners.public_url.as_deref(), server.api_address());
    let endpoints = origin(config.listeners.endpoints_url.as_deref(), server.endpoints_address());
    let data = std::path::absolute(&config.data.directory)?;
    let mut text = format!(
        "Skerry is running. Ctrl-C stops it.\n\n  Open       {api}/\n  API        {api}/api/v1\n  Endpoints  {endpoints}\n  Data       {}\n",
        data.display()
    );
    if let Some(bootstrap) = server.bootstrap() {
        let credentials = if io::stdout().is_terminal() {
            Credentials::shown(bootstrap)
        } else {
            Credentials::in_files(&data, bootstrap)?
        };
        text += &first_start(bootstrap, &credentials, &api, &endpoints);
    }
    text.push('\n');
    Ok(text)
}

/// The first token and the first password as a person reads them, and the token as a shell does.
struct Credentials {
    token: String,
    token_in_shell: String,
    password: String,
}

impl Credentials {
    fn shown(bootstrap: &Bootstrap) -> Self {
        let (token, password) = (bootstrap.token.clone(), bootstrap.password.clone());
        Self { token_in_shell: token.clone(), token, password }
    }

    /// Write both where only this user reads them.
    fn in_files(data: &Path, bootstrap: &Bootstrap) -> io::Result<Self> {
        let token = private_file(data, TOKEN_FILE, &bootstrap.token)?;
        let password = private_file(data, PASSWORD_FILE, &bootstrap.password)?;
        let quoted = token.display().to_string().replace('\'', r"'\''");
        Ok(Self {
            token: format!("in the file {}", token.display()),
            token_in_shell: format!("$(cat '{quoted}')"),
            password: format!("in the file {}", password.display()),
        })
    }
}

fn first_start(bootstrap: &Bootstrap, credentials: &Credentials, api: &str, endpoints: &str) -> String {
    let Bootstrap { tenant_slug, operator_email, endpoint_path, sample_body, .. } = bootstrap;
    let expires = bootstrap.token_expires_at.to_rfc3339();
    let Credentials { token, token_in_shell: in_shell, password } = credentials;
    let mut text = format!(
        "\nThis is the first start: there is a tenant '{tenant_slug}' and an operator.\nOpen the address above and sign in.\n\n  \
         E-mail     {operator_email}\n  Password   {password}\n             to be changed at the first sign-in\n  \
         API token  {token}\n             both valid until {expires}\n"
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

/// Write a file that only this user reads, in place of one that was there.
fn private_file(data: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let path = data.join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    Ok(path)
}

fn origin(url: Option<&str>, address: SocketAddr) -> String {
    url.map_or_else(|| format!("http://{address}"), |url| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_for_credentials_is_for_its_owner_alone_whatever_was_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = directory.path().join(TOKEN_FILE);
        fs::write(&open, "old").expect("a file");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("a mode");
        for (name, text) in [(TOKEN_FILE, "sk_1_2"), (PASSWORD_FILE, "abcde-fghjk")] {
            let path = private_file(directory.path(), name, text).expect("a file");
            let mode = fs::metadata(&path).expect("its metadata").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(fs::read_to_string(path).expect("its text"), format!("{text}\n"));
        }
    }
}
