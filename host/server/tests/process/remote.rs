//! The command line over the API: a directory of scripts and a server, tokens, and what hostile names and logs do to a
//! terminal.

use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::{Process, data, skerry};

/// A person at a machine: a home of their own, and a directory of scripts.
struct Desk {
    home: TempDir,
    project: TempDir,
    server: Process,
    _data: TempDir,
}

impl Desk {
    fn new() -> Self {
        let kept = data();
        let server = Process::start(kept.path());
        Self { home: data(), project: data(), server, _data: kept }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.api)
    }

    /// Run `skerry` in the project, with `input` on its standard input.
    fn run_in(&self, directory: &Path, words: &[&str], input: &str) -> Output {
        let mut child = skerry()
            .args(words)
            .current_dir(directory)
            .env_remove("SKERRY_SERVER")
            .env_remove("SKERRY_TOKEN")
            .env("XDG_CONFIG_HOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn run(&self, words: &[&str]) -> Output {
        self.run_in(self.project.path(), words, "")
    }

    /// The same for what must succeed; answers its JSON.
    fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--output", "json"]].concat());
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {}", text(&output.stdout)))
    }

    fn log_in(&self) {
        let output = self.run_in(self.project.path(), &["login", "--server", &self.url()], &self.server.token);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.project.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.project.path().join(name)).unwrap()
    }

    /// A manifest with one script in `a.js`.
    fn with_one(&self, source: &str) {
        self.write("skerry.toml", "[scripts.a]\nfile = \"a.js\"\nkind = \"one_off\"\n");
        self.write("a.js", source);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How many of the reports of a push have this outcome.
fn count(reports: &Value, outcome: &str) -> usize {
    reports.as_array().unwrap().iter().filter(|report| report["outcome"] == outcome).count()
}

#[test]
fn a_hundred_scripts_are_pushed_once_and_the_second_push_changes_nothing() {
    let desk = Desk::new();
    desk.log_in();
    let mut manifest = String::from("[scripts.broken]\nfile = \"broken.js\"\nkind = \"one_off\"\n");
    desk.write("broken.js", "export default () => { let = }");
    for number in 0..100 {
        manifest += &format!(
            "[scripts.s{number}]\nfile = \"s/{number}.ts\"\nkind = \"one_off\"\ndescription = \"number {number}\"\n\
             limits = {{ wall_time_ms = 5000 }}\n"
        );
        desk.write(&format!("s/{number}.ts"), &format!("export default (): number => {number};\n"));
    }
    desk.write("skerry.toml", &manifest);
    // One that does not compile is refused by itself, and keeps no other from being pushed.
    let output = desk.run(&["push", "--deploy", "--output", "json"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    let first: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((count(&first, "created"), count(&first, "refused")), (100, 1), "{first}");
    assert!(first[0]["script"] == "broken" && first[0]["details"][0].as_str().unwrap().contains("1:"), "{}", first[0]);
    let names: Vec<&str> = first.as_array().unwrap().iter().map(|report| report["script"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert!(desk.server.api("GET", "/scripts/broken", None).unwrap().status == 404);

    desk.write("skerry.toml", &manifest.replace("[scripts.broken]\nfile = \"broken.js\"\nkind = \"one_off\"\n", ""));
    let again = desk.json(&["push", "--deploy"]);
    assert_eq!(count(&again, "unchanged"), 100, "{again}");
    // Who has never seen them, as a fresh checkout, finds them unchanged too.
    fs::remove_dir_all(desk.project.path().join(".skerry")).unwrap();
    assert_eq!(count(&desk.json(&["push", "--deploy"]), "unchanged"), 100);

    desk.write("s/7.ts", "export default (): number => 70;\n");
    let changed = desk.json(&["push", "--deploy", "--summary", "seventy"]);
    assert_eq!((count(&changed, "changed"), count(&changed, "unchanged")), (1, 99));
    assert_eq!(desk.json(&["exec", "run", "s7"])["result"], 70);
    let rolled = desk.json(&["rollback", "s7"]);
    assert_eq!((rolled["version"].as_u64(), desk.json(&["exec", "run", "s7"])["result"].as_u64()), (Some(1), Some(7)));
}

#[test]
fn a_push_over_somebody_elses_change_is_refused_and_says_what_changed() {
    let desk = Desk::new();
    desk.log_in();
    desk.with_one("export default () => 1;\n");
    desk.json(&["push"]);
    let draft = |source: &str| {
        let headers = format!("authorization: Bearer {}\r\nif-match: \"1\"\r\n", desk.server.token);
        let body = json!({ "source": source }).to_string();
        crate::stage::request(desk.server.api, "PUT", "/api/v1/scripts/a/draft", &headers, Some(&body)).unwrap()
    };
    assert_eq!(draft("export default () => 'theirs';\n").status, 200);
    desk.write("a.js", "export default () => 'ours';\n");

    let refused = desk.run(&["push"]);
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stdout));
    let said = text(&refused.stdout);
    assert!(said.contains("refused") && said.contains("revision 2 by now and was 1"), "{said}");
    let differs = desk.run(&["diff"]);
    assert_eq!(differs.status.code(), Some(9));
    assert!(
        text(&differs.stdout).contains("-export default () => 'theirs';\n+export default () => 'ours';"),
        "{differs:?}"
    );
    // A pull does not write over what was changed here either.
    assert_eq!(desk.run(&["pull"]).status.code(), Some(5));
    assert!(desk.read("a.js").contains("ours"));
    let kept = desk.server.get("/scripts/a/draft");
    assert!(kept["source"].as_str().unwrap().contains("theirs"), "{kept}");

    desk.json(&["push", "--force"]);
    assert!(desk.server.get("/scripts/a/draft")["source"].as_str().unwrap().contains("ours"));
    assert_eq!(desk.run(&["diff"]).status.code(), Some(0));
}

#[test]
fn settings_schedules_and_subscriptions_follow_the_manifest_and_come_back_by_a_pull() {
    let desk = Desk::new();
    desk.log_in();
    desk.write("a.js", "export default () => 1;\n");
    desk.write("b.js", "export default (event) => event.id;\n");
    let manifest = "[scripts.a]\nfile = \"a.js\"\nkind = \"cron\"\ndescription = \"ours\"\n\
                    [scripts.a.capabilities]\nhosts = [\"api.example\"]\n[scripts.a.policy]\nmax_attempts = 3\n\
                    [[scripts.a.schedules]]\nexpression = \"30 6 * * *\"\ntimezone = \"Europe/Berlin\"\n\
                    [scripts.b]\nfile = \"b.js\"\nkind = \"event\"\n\
                    [[scripts.b.subscriptions]]\ntypes = [\"order.*\"]\nmax_attempts = 2\n";
    desk.write("skerry.toml", manifest);
    desk.json(&["push", "--deploy"]);
    assert_eq!(count(&desk.json(&["push", "--deploy"]), "unchanged"), 2);
    let schedules = desk.json(&["schedule", "list"]);
    assert_eq!((&schedules[0]["script"], &schedules[0]["timezone"]), (&json!("a"), &json!("Europe/Berlin")));

    // Into an empty directory of somebody else.
    let other = data();
    let pulled = desk.run_in(other.path(), &["pull", "a", "b", "--output", "json"], "");
    assert!(pulled.status.success(), "{}", text(&pulled.stderr));
    assert_eq!(fs::read_to_string(other.path().join("scripts/a.js")).unwrap(), "export default () => 1;\n");
    let pushed = desk.run_in(other.path(), &["push", "--deploy", "--output", "json"], "");
    let reports: Value = serde_json::from_slice(&pushed.stdout).unwrap();
    assert_eq!(
        count(&reports, "unchanged"),
        2,
        "{reports}: {}",
        fs::read_to_string(other.path().join("skerry.toml")).unwrap()
    );

    desk.write("skerry.toml", &manifest.replace("30 6", "45 6").replace("ours", "changed"));
    let changed = desk.json(&["push"]);
    let details = changed[0]["details"].to_string();
    assert!(details.contains("description") && details.contains("schedule '45 6 * * *' added"), "{details}");
    assert!(details.contains("'30 6 * * *' is not in the manifest"), "{details}");
    let pruned = desk.json(&["push", "--prune", "--yes", "a"]);
    assert!(pruned[0]["details"].to_string().contains("'30 6 * * *' removed"), "{pruned}");
}

#[test]
fn a_pull_writes_regular_files_below_its_directory_and_nothing_else() {
    let desk = Desk::new();
    desk.log_in();
    let outside = data();
    fs::write(outside.path().join("kept"), "untouched").unwrap();
    let script = json!({ "name": "a", "kind": "one_off", "source": "export default () => 1;" });
    assert_eq!(desk.server.api("POST", "/scripts", Some(&script)).unwrap().status, 201);
    let absolute = outside.path().join("kept").display().to_string();
    symlink(outside.path(), desk.project.path().join("link")).unwrap();
    symlink(outside.path().join("kept"), desk.project.path().join("file.js")).unwrap();
    for place in ["../kept", "link/kept", "file.js", &absolute] {
        desk.write("skerry.toml", &format!("[scripts.a]\nfile = \"{place}\"\nkind = \"one_off\"\n"));
        for words in [&["pull", "a", "--force"][..], &["push", "--force"]] {
            let refused = desk.run(words);
            assert_eq!(refused.status.code(), Some(2), "{place} {words:?}: {}", text(&refused.stdout));
        }
    }
    assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "untouched");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    // A name that leads elsewhere is never asked for, and no file is made of it.
    assert_ne!(desk.run(&["pull", "../a"]).status.code(), Some(0));
}

#[test]
fn a_token_goes_to_its_own_server_whatever_a_manifest_says() {
    let desk = Desk::new();
    desk.log_in();
    let credentials = desk.home.path().join("skerry/credentials.toml");
    assert_eq!(fs::metadata(&credentials).unwrap().mode() & 0o777, 0o600);
    // Somebody else's server, named by a manifest that came with a repository.
    let evil = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = evil.local_addr().unwrap();
    desk.with_one("export default () => 1;\n");
    desk.write("skerry.toml", &format!("server = \"http://{address}\"\n{}", desk.read("skerry.toml")));
    let refused = desk.run(&["push"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    let with_token = skerry()
        .args(["exec", "list"])
        .current_dir(desk.project.path())
        .env("XDG_CONFIG_HOME", desk.home.path())
        .env_remove("SKERRY_SERVER")
        .env("SKERRY_TOKEN", &desk.server.token)
        .output()
        .unwrap();
    assert_eq!(with_token.status.code(), Some(2), "{}", text(&with_token.stderr));
    assert!(!text(&with_token.stderr).contains(&desk.server.token));
    evil.set_nonblocking(true).unwrap();
    assert!(evil.accept().is_err(), "somebody connected");
    // The environment's own server gets the environment's own token.
    let named = skerry()
        .args(["whoami", "--output", "json"])
        .current_dir(desk.project.path())
        .env("XDG_CONFIG_HOME", data().path())
        .env("SKERRY_SERVER", desk.url())
        .env("SKERRY_TOKEN", &desk.server.token)
        .output()
        .unwrap();
    assert!(named.status.success(), "{}", text(&named.stderr));
    assert!(desk.run(&["logout", "--server", &desk.url()]).status.success());
    assert_eq!(desk.run(&["whoami", "--server", &desk.url()]).status.code(), Some(3));
    assert!(!fs::read_to_string(&credentials).unwrap().contains(&desk.server.token));
}

#[test]
fn hostile_words_of_scripts_are_shown_and_not_obeyed() {
    let desk = Desk::new();
    desk.log_in();
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}";
    let source = format!(
        "export default () => {{ console.warn({0}); if (globalThis.x) return 1; throw new Error({0}); }}",
        json!(hostile)
    );
    let script = json!({ "name": "a", "kind": "one_off", "source": source, "description": "plain" });
    assert_eq!(desk.server.api("POST", "/scripts", Some(&script)).unwrap().status, 201);
    assert!(desk.run(&["deploy", "a"]).status.success());
    let run = desk.run(&["exec", "run", "a"]);
    assert_eq!(run.status.code(), Some(7), "{}", text(&run.stderr));
    let id = desk.json(&["exec", "list", "--limit", "1"])[0]["id"].as_str().unwrap().to_owned();
    // The server itself refuses such a subject; what it says of that is shown no other way.
    let refused = desk.run(&["event", "publish", "order.placed", "--subject", hostile]);
    assert_eq!(refused.status.code(), Some(2));
    let mut shown = vec![run, refused];
    for words in [
        &["exec", "get", &id][..],
        &["exec", "logs", &id],
        &["exec", "logs", "-f", &id],
        &["event", "list"],
        &["exec", "get", hostile],
        &["schedule", "list"],
    ] {
        for form in ["table", "json", "ndjson"] {
            shown.push(desk.run(&[words, &["--output", form]].concat()));
        }
    }
    for output in shown {
        for stream in [text(&output.stdout), text(&output.stderr)] {
            assert!(!stream.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{stream:?}");
        }
    }
}

#[test]
fn each_kind_of_refusal_has_its_exit_code() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["exec", "list", "--server", &desk.url()]).status.code(), Some(3), "nobody is logged in");
    let wrong = desk.run_in(desk.project.path(), &["login", "--server", &desk.url()], "sk_wrong_token");
    assert_eq!(wrong.status.code(), Some(3));
    assert!(!text(&wrong.stderr).contains("sk_wrong"));
    desk.log_in();
    for (words, code) in [
        (&["exec", "get", "019f0000-0000-7000-8000-000000000000"][..], 4),
        (&["exec", "get", "nonsense"], 4),
        (&["exec", "list", "--status", "lost"], 2),
        (&["exec", "list", "--after", "yesterday"], 2),
        (&["exec", "run", "none"], 4),
        (&["push"], 2),
        (&["schedule", "add", "none", "* * * * *"], 2),
        (&["exec", "list", "--server", "http://a.example"], 2),
        (&["exec", "list", "--server", "http://127.0.0.1:1"], 3),
    ] {
        let ended = desk.run(words);
        assert_eq!(ended.status.code(), Some(code), "{words:?}: {}", text(&ended.stderr));
    }
}

#[test]
fn a_secret_is_read_from_the_standard_input_and_shown_nowhere() {
    let desk = Desk::new();
    desk.log_in();
    let set = ["secret", "set", "KEY", "--placement", "hmac sha256"];
    let output = desk.run_in(desk.project.path(), &set, "0123456789abcdef-value\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let again = desk.run_in(desk.project.path(), &["secret", "set", "KEY"], "fedcba9876543210-value\n");
    assert!(again.status.success(), "{}", text(&again.stderr));
    let listed = desk.json(&["secret", "list"]);
    assert_eq!((&listed[0]["name"], &listed[0]["value_version"]), (&json!("KEY"), &json!(2)), "{listed}");
    for output in [output, again] {
        assert!(!text(&output.stdout).contains("-value") && !text(&output.stderr).contains("-value"));
    }
    assert!(desk.run(&["secret", "remove", "KEY"]).status.success());
}

#[test]
fn a_script_whose_settings_are_refused_is_as_it_was_before() {
    let desk = Desk::new();
    desk.log_in();
    desk.with_one("export default () => 1;\n");
    desk.json(&["push"]);
    let manifest = desk.read("skerry.toml");
    desk.write("a.js", "export default () => 2;\n");
    desk.write(
        "skerry.toml",
        &format!("{manifest}description = \"new\"\n[scripts.a.limits]\nfuel = 9000000000000000\n"),
    );
    let refused = desk.run(&["push"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stdout));
    assert!(desk.server.get("/scripts/a/draft")["source"].as_str().unwrap().contains("=> 1"));
    assert_eq!(desk.server.get("/scripts/a")["description"], "");
    // What was put back is nobody's newer work.
    desk.write("skerry.toml", &format!("{manifest}description = \"new\"\n"));
    let changed = desk.json(&["push"]);
    assert_eq!(changed[0]["details"], json!(["source", "description"]), "{changed}");
}

#[test]
fn errors_of_a_bundled_script_name_the_authors_lines() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let desk = Desk::new();
    desk.log_in();
    desk.with_one("import two from './src/lib.ts';\nexport default two;\n");
    // In the place of esbuild: the first line of the bundle is the third of src/lib.ts.
    let map = STANDARD.encode(r#"{"version":3,"sources":["src/lib.ts"],"mappings":"AAEA","names":[]}"#);
    let bundle = format!(
        "var two = () => {{ throw new Error('no'); }};\nexport default two;\n\
         //# sourceMappingURL=data:application/json;base64,{map}\n"
    );
    desk.write("bundle", &bundle);
    desk.write("node_modules/.bin/esbuild", "#!/bin/sh\nexec cat bundle\n");
    let esbuild = desk.project.path().join("node_modules/.bin/esbuild");
    fs::set_permissions(&esbuild, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    desk.json(&["push", "--deploy"]);
    assert_eq!(count(&desk.json(&["push", "--deploy"]), "unchanged"), 1);
    let run = desk.run(&["exec", "run", "a"]);
    assert_eq!(run.status.code(), Some(7));
    assert!(text(&run.stderr).contains("src/lib.ts:3:1"), "{}", text(&run.stderr));
    // The directory's files make what the server has: nothing is taken apart.
    assert_eq!(count(&desk.json(&["pull"]), "unchanged"), 1);
    assert!(desk.read("a.js").starts_with("import"));
}

#[test]
fn a_token_is_made_with_less_than_ones_own_rights_and_revoked() {
    let desk = Desk::new();
    desk.log_in();
    let issued = desk.json(&["token", "issue", "ci", "--permission", "scripts.read", "--days", "1"]);
    let reader = skerry()
        .args(["exec", "list", "--output", "json"])
        .current_dir(desk.project.path())
        .env("XDG_CONFIG_HOME", desk.home.path())
        .env("SKERRY_SERVER", desk.url())
        .env("SKERRY_TOKEN", issued["token"].as_str().unwrap())
        .output()
        .unwrap();
    assert_eq!(reader.status.code(), Some(3), "{}", text(&reader.stderr));
    assert!(text(&reader.stderr).contains("executions.read"), "{}", text(&reader.stderr));
    assert!(desk.run(&["token", "revoke", issued["id"].as_str().unwrap()]).status.success());
    assert!(desk.json(&["usage"])["scripts"].is_u64());
    let shown = desk.json(&["api", "GET", "/scripts?limit=1"]);
    assert_eq!(shown["items"].as_array().unwrap().len(), 1);
}

#[test]
fn people_and_tenants_are_managed_from_the_command_line() {
    let kept = data();
    let first = Process::start(kept.path());
    let url = format!("http://{}", first.api);
    let desk = Desk { home: data(), project: data(), server: first, _data: data() };
    desk.log_in();
    let members = desk.json(&["member", "list"]);
    let id = members[0]["id"].as_str().unwrap().to_owned();
    assert!(desk.run(&["member", "bindings", &id]).status.success());
    let roles = desk.json(&["role", "list", "--server", &url]);
    assert!(roles.as_array().unwrap().iter().any(|role| role["name"] == "viewer"), "{roles}");
    desk.json(&["role", "add", "runs", "--permission", "scripts.read", "--permission", "executions.run"]);
    let changed = desk.json(&["role", "change", "runs", "--description", "Runs scripts"]);
    assert_eq!(changed["description"], "Runs scripts", "{changed}");
    let invited = desk.json(&["member", "invite", "new@example.com", "runs"]);
    let invitation = invited["id"].as_str().unwrap();
    assert!(desk.run(&["member", "uninvite", invitation]).status.success());
    assert!(desk.run(&["role", "remove", "runs"]).status.success());
    assert!(!desk.json(&["token", "list"]).as_array().unwrap().is_empty());
    assert_eq!(desk.run(&["tenant", "list"]).status.code(), Some(3), "a tenant's token is no operator's");
    desk.server.kill();

    let made = skerry().args(["token", "create", "--operator", "--data"]).arg(kept.path()).output().unwrap();
    let mut server = Process::start(kept.path());
    server.token = text(&made.stdout).trim().to_owned();
    let desk = Desk { home: data(), project: data(), server, _data: data() };
    desk.log_in();
    let words = ["tenant", "add", "second", "--name", "Second", "--admin", "admin@second.example"];
    let added = desk.json(&words);
    let tenant = added["tenant"]["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.json(&["tenant", "change", &tenant, "--name", "The second"])["name"], "The second");
    assert!(desk.run(&["tenant", "suspend", &tenant, "--reason", "unpaid"]).status.success());
    assert_eq!(desk.json(&["tenant", "get", &tenant])["status"], "suspended");
    assert!(desk.run(&["tenant", "resume", &tenant]).status.success());
    assert_eq!(desk.run(&["tenant", "remove", &tenant, "--confirm", "other"]).status.code(), Some(5));
    let removed = desk.run(&["tenant", "remove", &tenant, "--confirm", "second"]);
    assert!(removed.status.success(), "{}", text(&removed.stderr));
    assert!(!desk.json(&["user", "list"]).as_array().unwrap().is_empty());
    assert!(desk.run(&["plan", "list"]).status.success());
}

#[test]
fn storage_is_read_and_written_from_the_command_line() {
    let desk = Desk::new();
    desk.log_in();
    let key = "orders/1 \u{e4}?#%";
    let set = desk.json(&["storage", "set", key, "{\"n\":12345678901234567890}", "--ttl", "3600"]);
    assert!(set["expires_at"].is_string(), "{set}");
    let shown = text(&desk.run(&["storage", "get", key, "--output", "json"]).stdout);
    assert!(shown.contains("12345678901234567890"), "{shown}");
    assert_eq!(desk.json(&["storage", "list", "--prefix", "orders/"])[0]["key"], key);
    assert!(desk.run(&["storage", "delete", key]).status.success());
    assert_eq!(desk.run(&["storage", "get", key]).status.code(), Some(4));
}
