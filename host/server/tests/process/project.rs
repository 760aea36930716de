//! A directory of scripts without a server: `init`, `test`, `dev`, and what shells and readers of manuals are given.

use std::{fs, path::Path, process::Output};

use serde_json::Value;

use crate::stage::{data, skerry};

fn run(directory: &Path, words: &[&str]) -> Output {
    skerry()
        .args(words)
        .current_dir(directory)
        .env("XDG_CONFIG_HOME", directory.join("config"))
        // No bundler of this machine's: what needs none must work without.
        .env("PATH", "")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The results of the tests of a directory, and the exit code.
fn tests(directory: &Path) -> (Value, i32) {
    let output = run(directory, &["test", "--output", "json"]);
    let results = serde_json::from_slice(&output.stdout);
    (results.unwrap_or_else(|_| panic!("{output:?}")), output.status.code().unwrap())
}

#[test]
fn a_new_directory_is_tested_and_run_without_a_server_of_ones_own() {
    let directory = data();
    assert!(run(directory.path(), &["init", "--server", "http://127.0.0.1:8080"]).status.success());
    let (results, code) = tests(directory.path());
    assert_eq!((&results["passed"], code), (&Value::from(1), 0), "{results}");
    let dev = run(directory.path(), &["dev", "--once"]);
    assert!(dev.status.success(), "{}", text(&dev.stderr));
    assert_eq!(text(&dev.stdout), "{\"greeting\":\"Hello, Ada!\"}\n");
    assert!(text(&dev.stderr).contains("greeting Ada"), "{}", text(&dev.stderr));
    assert_eq!(run(directory.path(), &["init"]).status.code(), Some(5), "a manifest is not written over");
}

#[test]
fn dev_shows_an_error_at_the_authors_line_and_a_script_that_does_not_compile() {
    let directory = data();
    write(
        directory.path(),
        "skerry.toml",
        "[scripts.a]\nfile = \"a.ts\"\nkind = \"one_off\"\n[scripts.b]\nfile = \"b.js\"\nkind = \"cron\"\n",
    );
    write(
        directory.path(),
        "a.ts",
        "type T = string;\n\nexport default (): T => {\n  throw new TypeError('no');\n};\n",
    );
    write(directory.path(), "b.js", "export default () => {\n  let = 1;\n};\n");
    let dev = run(directory.path(), &["dev", "--once"]);
    assert_eq!(dev.status.code(), Some(7));
    let said = text(&dev.stderr);
    assert!(said.contains("TypeError: no") && said.contains(":4:"), "{said}");
    assert!(said.contains("b: not pushed") && said.contains("2:"), "{said}");
}

#[test]
fn tests_have_fakes_for_whatever_leaves_the_sandbox() {
    let directory = data();
    write(
        directory.path(),
        "order.ts",
        "import { total } from './lib/total';\n\
         export default async function order(input: { items: { id: string; count: number }[] }) {\n  \
           let sum = 0;\n  for (const item of input.items) {\n    const product = await services.products.get(item.id);\n    \
           sum += total(product.price, item.count);\n  }\n  const key = await secrets.get('KEY');\n  \
           const rate = await (await http.post('https://rates.example/eur', { sum }, { headers: { authorization: \
           key.format('Bearer {}') } })).json();\n  await storage.set('last', { sum, at: new Date().toISOString() });\n  \
           await storage.increment('count');\n  await events.publish('order.placed', { sum }, { subject: 's' });\n  \
           return sum * rate;\n}\n",
    );
    write(
        directory.path(),
        "lib/total.ts",
        "export const total = (price: number, count: number): number => price * count;\n",
    );
    write(
        directory.path(),
        "order.test.ts",
        "import order from './order.ts';\n\
         describe('order', () => {\n  beforeEach(() => {\n    fake.time('2026-01-02T03:04:05Z');\n    \
         fake.service('products', { get: async (id: string) => ({ price: id.length }) });\n    fake.secret('KEY', 'k3y');\n    \
         fake.http('POST https://rates.example/*', async (request: Request) => {\n      \
         expect(request.headers.get('authorization')).toBe('Bearer k3y');\n      return (await request.json()).sum > 5 ? 2 : 1;\n    \
         });\n    fake.storage({ count: 41 });\n  });\n  it('sums', async () => {\n    \
         expect(await order({ items: [{ id: 'abc', count: 2 }] })).toBe(12);\n    \
         expect(fake.entries).toEqual({ count: 42, last: { sum: 6, at: '2026-01-02T03:04:05.000Z' } });\n    \
         expect(fake.events).toMatchObject([{ type: 'order.placed', subject: 's', data: { sum: 6 } }]);\n    \
         expect(fake.requests).toHaveLength(1);\n  });\n  it('begins anew', async () => {\n    \
         expect(fake.entries).toEqual({ count: 41 });\n    expect(fake.events).toHaveLength(0);\n    \
         await expect(http.get('https://other.example/')).rejects.toThrow('nothing answers');\n    \
         await expect(services.stock.get(1)).rejects.toMatchObject({ code: 'capability_denied' });\n    \
         await expect(secrets.get('OTHER')).rejects.toThrow(/no secret/);\n    \
         await expect(order({ items: [] })).resolves.not.toBe(1);\n    expect(() => { throw new TypeError('x'); \
         }).toThrow(TypeError);\n    expect(() => 1).not.toThrow();\n  });\n});\n",
    );
    let (results, code) = tests(directory.path());
    assert_eq!((&results["passed"], &results["failed"], code), (&Value::from(2), &Value::from(0), 0), "{results:#}");
}

#[test]
fn a_failing_test_says_why_and_where_and_the_command_fails() {
    let directory = data();
    write(
        directory.path(),
        "sum.js",
        "// Sums.\nexport const sum = (a, b) => {\n  if (a === 13) throw new RangeError('unlucky');\n  return a + b;\n};\n",
    );
    write(
        directory.path(),
        "sum.test.js",
        "import { sum } from './sum.js';\n\nit('adds', () => {\n  console.log('adding');\n  expect(sum(1, 2)).toBe(4);\n});\n\
         it('throws', () => void sum(13, 1));\nit.skip('is left out', () => {});\n",
    );
    write(
        directory.path(),
        "loop.test.js",
        "it('ends', () => {});\nit('never ends', () => { for (;;); });\nit('comes after', () => {});\n",
    );
    write(directory.path(), "broken.test.js", "it('x', () => {\n  let = 1;\n});\n");
    write(directory.path(), "node_modules/p/p.test.js", "it('is not ours', () => { throw 1 });\n");
    let (results, code) = tests(directory.path());
    assert_eq!(code, 1);
    let sums = ["passed", "failed", "skipped", "not_run", "broken_files"].map(|key| results[key].as_u64().unwrap());
    assert_eq!(sums, [1, 3, 1, 1, 1], "{results:#}");
    let files = &results["files"];
    assert!(files[0]["error"].as_str().unwrap().contains("broken.test.js:2:"), "{}", files[0]);
    let endless = &files[1]["tests"][1];
    assert!(endless["message"].as_str().unwrap().starts_with("cpu_limit"), "{endless}");
    let (adds, throws) = (&files[2]["tests"][0], &files[2]["tests"][1]);
    assert_eq!(adds["message"], "AssertionError: expected 3 to be 4");
    assert_eq!(adds["log"][0], "adding");
    assert!(adds["stack"].as_str().unwrap().contains("sum.test.js:5:"), "{adds}");
    let stack = throws["stack"].as_str().unwrap();
    assert!(stack.contains("sum.js:3:") && stack.contains("sum.test.js:7:") && !stack.contains("skerry"), "{stack}");

    let people = run(directory.path(), &["test", "--only", "sum"]);
    let shown = text(&people.stdout);
    assert!(
        shown.contains("FAILED   adds") && shown.contains("| adding") && shown.contains("0 passed, 2 failed"),
        "{shown}"
    );
    let junit = text(&run(directory.path(), &["test", "--output", "junit"]).stdout);
    assert!(junit.contains("<testsuite name=\"sum.test.js\" tests=\"3\" failures=\"2\""), "{junit}");
    assert_eq!(run(&directory.path().join("node_modules"), &["test", "--only", "none"]).status.code(), Some(1));
}

#[test]
fn a_script_that_imports_needs_a_bundler_and_is_told_so() {
    let directory = data();
    write(directory.path(), "skerry.toml", "[scripts.a]\nfile = \"a.js\"\nkind = \"one_off\"\n");
    write(directory.path(), "a.js", "import { b } from './b.js';\nexport default () => b;\n");
    let dev = run(directory.path(), &["dev", "--once"]);
    assert_eq!(dev.status.code(), Some(7));
    assert!(text(&dev.stderr).contains("npm install --save-dev esbuild"), "{}", text(&dev.stderr));
}

#[test]
fn shells_and_manuals_are_given_every_command() {
    let directory = data();
    for shell in ["bash", "zsh", "fish"] {
        let made = run(directory.path(), &["completions", shell]);
        assert!(made.status.success() && text(&made.stdout).contains("dead-letter"), "{shell}");
    }
    assert_eq!(run(directory.path(), &["completions", "tcsh"]).status.code(), Some(2));
    assert!(run(directory.path(), &["man", "pages"]).status.success());
    let page = fs::read_to_string(directory.path().join("pages/skerry-push.1")).unwrap();
    assert!(page.contains("dry\\-run"), "{page}");
    assert!(text(&run(directory.path(), &["man"]).stdout).contains("skerry"));
}

#[test]
fn doctor_finds_what_would_keep_a_server_from_starting() {
    let directory = data();
    let listeners = "[listeners]\napi = '127.0.0.1:0'\nendpoints = '127.0.0.1:0'\n";
    write(directory.path(), "skerry-server.toml", &format!("{listeners}[data]\ndirectory = 'kept'\n"));
    let words = ["doctor", "--output", "json", "--config", "skerry-server.toml"];
    let well = run(directory.path(), &words);
    assert!(well.status.success(), "{}", text(&well.stdout));
    fs::create_dir(directory.path().join("kept")).unwrap();
    fs::set_permissions(directory.path().join("kept"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ill = run(directory.path(), &words);
    assert_eq!(ill.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&ill.stdout).unwrap();
    let bad = findings.as_array().unwrap().iter().filter(|it| it["verdict"] == "bad").collect::<Vec<_>>();
    assert_eq!((bad.len(), &bad[0]["matter"]), (1, &Value::from("data directory")), "{findings}");
    write(directory.path(), "skerry-server.toml", "[listeners]\nnonsense = 1\n");
    assert_eq!(run(directory.path(), &words).status.code(), Some(1));
}
