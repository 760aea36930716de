//! What a handle is to a script, and what it is not (RULES 6, 25).

use domain::Capabilities;
use serde_json::{Value, json};

use super::stage::{VALUE, Vault, name};
use crate::app::stage::kind;

/// Runs each expression with a handle in `k`; answers what came of it.
fn trying(expressions: &[&str]) -> String {
    let tries: Vec<String> =
        expressions.iter().map(|text| format!("[{text:?}, async () => {{ return {text} }}]")).collect();
    format!(
        "export default async () => {{
            const k = await secrets.get('KEY'), outcomes = [];
            for (const [text, run] of [{}]) {{
                try {{ outcomes.push([text, 'answered', String(await run())]) }}
                catch (error) {{ outcomes.push([text, error?.name, String(error?.message)]) }}
            }}
            return outcomes;
        }}",
        tries.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_is_a_type_error_wherever_it_is_neither_placed_nor_a_key() {
    let vault = Vault::with_echo().await;
    let expressions = [
        "`${k}`",
        "k + ''",
        "'' + k",
        "+k",
        "k * 1",
        "k < 'm'",
        "k == 'x'",
        "String(k)",
        "Number(k)",
        "BigInt(k)",
        "Symbol(k)",
        "({})[k]",
        "new Date(k)",
        "[k].join()",
        "[k].toString()",
        "['a', k].sort()",
        "'abc'.replace('b', k)",
        "'abc'.includes(k)",
        "JSON.stringify(k)",
        "JSON.stringify({ a: [k] })",
        "encodeURIComponent(k)",
        "btoa(k)",
        "new TextEncoder().encode(k)",
        "structuredClone(k)",
        "structuredClone({ k })",
        "new URL(k)",
        "new URL('https://api.example.com/' + k)",
        "new URL('/', k)",
        "new URLSearchParams({ k })",
        "new Headers({ a: k })",
        "new Headers([['a', k]])",
        "new Response(k)",
        "new Request('https://api.example.com/', { method: 'POST', body: k })",
        "new Request('https://api.example.com/', { headers: { a: k } })",
        "http.get(k)",
        "http.get(`https://api.example.com/${k}`)",
        "http.post('https://api.example.com/', k)",
        "http.post('https://api.example.com/', { a: { b: k } })",
        "http.post('https://api.example.com/', [k])",
        "http.request('https://api.example.com/', { method: k })",
        "fetch('https://api.example.com/', { method: 'POST', body: k })",
        "storage.set('a', k)",
        "storage.set('a', { b: [k] })",
        "storage.get(k)",
        "events.publish('a.b', k)",
        "events.publish('a.b', { k })",
        "events.publish('a.b', {}, { subject: k })",
        "services.products.get(k)",
        "services.products.create({ k })",
        "secrets.get(k)",
        "utils.hash('sha256', k)",
        "utils.hmac('sha256', 'key', k)",
        "utils.base64.encode(k)",
        "k.format(k)",
        "k.format('no place')",
        "k.toString()",
        "k.toJSON()",
        "k.valueOf() + ''",
        "Secret.prototype.toString.call(k)",
        "Object.getPrototypeOf(k).toString.call(k)",
    ];
    vault.deploy("trying", &trying(&expressions)).await;
    vault.keep("KEY", VALUE, &["header authorization", "hmac sha256"], "trying").await;
    let outcomes = vault.answer("trying", &Value::Null).await;
    assert_eq!(outcomes.as_array().unwrap().len(), expressions.len());
    for outcome in outcomes.as_array().unwrap() {
        let [text, error, message] = [0, 1, 2].map(|at| outcome[at].as_str().unwrap());
        assert!(["TypeError", "ReferenceError", "DataCloneError", "SyntaxError"].contains(&error), "{outcome}");
        assert!(!message.contains("MARKER"), "{text}: {message}");
    }
    assert!(vault.outside.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_is_looked_at_shows_its_name_alone() {
    let vault = Vault::with_echo().await;
    let source = "export default async (how) => {
        const k = await secrets.get('KEY');
        console.log('a handle', k, { k }, [k], k.format('Bearer {}'));
        console.error(new Error('with a cause', { cause: k }));
        if (how === 'throw') throw k;
        if (how === 'cause') throw new Error('with a cause', { cause: k });
        if (how === 'return') return k;
        if (how === 'inside') return { list: [k] };
        return [k.name, typeof k, Object.keys(k), Reflect.ownKeys(k).map(String), { ...k }, Object.entries(k)];
    }";
    vault.deploy("look", source).await;
    vault.keep("KEY", VALUE, &["header authorization"], "look").await;
    for how in ["throw", "cause", "return", "inside", "see"] {
        let view = vault.run("look", &json!(how)).await;
        assert_eq!(kind(&view) == "success", how == "see", "{how}: {:?}", view.result);
        let shown = format!("{:?} {:?}", view.result, view.error);
        let logs = format!("{:?}", vault.app.executions().logs(&vault.principal, view.execution.id).unwrap());
        assert!(logs.contains("a handle"), "{logs}");
        for text in [&shown, &logs] {
            assert!(!text.contains("MARKER"), "{how}: {text}");
        }
    }
    assert_eq!(vault.answer("look", &json!("see")).await, json!(["KEY", "object", [], [], {}, []]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_says_is_not_compared_with_secrets() {
    let vault = Vault::with_echo().await;
    let source = format!(
        "export default async () => {{ const k = await secrets.get('KEY'); console.log('{VALUE}'); return '{VALUE}' }}"
    );
    vault.deploy("guess", &source).await;
    vault.keep("KEY", VALUE, &["header authorization"], "guess").await;
    let view = vault.run("guess", &Value::Null).await;
    assert_eq!(crate::app::stage::json(&view), VALUE, "taking a guess out would confirm it");
    let logs = vault.app.executions().logs(&vault.principal, view.execution.id).unwrap();
    assert_eq!(logs.lines[0].message, VALUE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_is_resolved_and_authorised_at_each_use() {
    let vault = Vault::with_echo().await;
    let source = "export default async () => {
        const key = await secrets.get('KEY'), seen = [];
        seen.push((await key.hmac('sha256', 'data')).length);
        await http.get('https://api.example.com/hold');
        for (const use of [
            () => key.hmac('sha256', 'data'), () => key.verify('sha256', 'data', '00'), () => secrets.get('KEY'),
            () => http.get('https://api.example.com/', { headers: { authorization: key } }),
        ]) try { await use(); seen.push('used') } catch (error) { seen.push(error.code) }
        return seen;
    }";
    vault.deploy("uses", source).await;
    vault.deploy("other", "export default () => 1").await;
    vault.keep("KEY", VALUE, &["header authorization", "hmac sha256"], "uses").await;
    for change in ["delete", "another script"] {
        let meanwhile = async {
            vault.outside.held.notified().await;
            if change == "delete" {
                vault.app.secrets().delete(&vault.principal, &name("KEY"), None).await.unwrap();
            } else {
                let scripts = Some(vec![app::ScriptRef::parse("other").unwrap()]);
                let patch = app::SecretPatch { scripts, ..app::SecretPatch::default() };
                vault.app.secrets().change(&vault.principal, &name("KEY"), None, patch).await.unwrap();
            }
            vault.outside.release.notify_one();
        };
        let (answered, ()) = tokio::join!(vault.answer("uses", &Value::Null), meanwhile);
        let denied = "capability_denied";
        assert_eq!(answered, json!([64, denied, denied, denied, denied]), "{change}");
        assert_eq!(vault.outside.heard().len(), 1, "{change}");
        vault.keep("KEY", VALUE, &["header authorization", "hmac sha256"], "uses").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_whether_a_secret_that_is_not_declared_exists() {
    let vault = Vault::with_echo().await;
    let source = "export default async (name) => {
        try { await secrets.get(name); return 'there' } catch (error) { return [error.code, error.message.replaceAll(name, 'X')] }
    }";
    vault.deploy("ask", source).await;
    vault.deploy("owner", "export default () => 1").await;
    vault.keep("HIDDEN", VALUE, &["header authorization"], "ask").await;
    let hidden = vault.answer("ask", &json!("HIDDEN")).await;
    assert_eq!(hidden, vault.answer("ask", &json!("ABSENT")).await);
    assert_eq!(hidden[0], "capability_denied");
    // Declared, and somebody else's or nobody's: the same words too.
    vault.keep("KEY", VALUE, &["header authorization"], "owner").await;
    let others = vault.answer("ask", &json!("KEY")).await;
    assert_eq!(others, vault.answer("ask", &json!("OTHER")).await);
    assert_eq!(others[0], "capability_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_signs_as_the_standard_says_and_only_as_its_record_does() {
    let vault = Vault::with_echo().await;
    let source = format!(
        "export default async () => {{
            const k = await secrets.get('KEY'), data = 'Hi There ü', seen = [];
            for (const hash of ['sha256', 'sha512']) {{
                const own = await utils.hmac(hash, '{VALUE}', data);
                seen.push(own === await k.hmac(hash, data), await k.verify(hash, data, own),
                    await k.verify(hash, data + '!', own), await k.verify(hash, data, own.slice(2)),
                    await k.verify(hash, data, await k.hmac(hash, data, 'base64')));
            }}
            for (const use of [
                () => k.hmac('sha384', data), () => k.format('{{}}x').hmac('sha256', data), () => k.hmac('md5', data),
                async () => (await secrets.get('OTHER')).hmac('sha256', data),
                async () => http.get('https://api.example.com/', {{ headers: {{ authorization: k }} }}),
            ]) try {{ await use(); seen.push('used') }} catch (error) {{ seen.push(error.code ?? error.name) }}
            return seen;
        }}"
    );
    vault.deploy("sign", &source).await;
    vault.keep("KEY", VALUE, &["hmac sha256", "hmac sha512"], "sign").await;
    vault.keep("OTHER", VALUE, &["header authorization"], "sign").await;
    let [yes, no] = [true, false];
    let denied = "capability_denied";
    let expected =
        json!([yes, yes, no, no, yes, yes, yes, no, no, yes, denied, "TypeError", "RangeError", denied, denied]);
    assert_eq!(vault.answer("sign", &Value::Null).await, expected);
    assert!(vault.outside.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_whose_capabilities_do_not_name_a_secret_cannot_use_it() {
    let vault = Vault::with_echo().await;
    vault.deploy("ask", "export default async () => (await secrets.get('KEY')).name").await;
    vault.keep("KEY", VALUE, &["header authorization"], "ask").await;
    assert_eq!(vault.answer("ask", &Value::Null).await, "KEY");
    let script = app::ScriptRef::parse("ask").unwrap();
    let none = app::SettingsInput { capabilities: Some(Capabilities::default()), ..app::SettingsInput::default() };
    vault.app.scripts().update_settings(&vault.principal, &script, none).await.unwrap();
    vault.app.scripts().deploy(&vault.principal, &script, None, String::new()).await.unwrap();
    assert_eq!(kind(&vault.run("ask", &Value::Null).await), "capability_denied");
}
