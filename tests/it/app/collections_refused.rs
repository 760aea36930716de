//! What scripts may not ask of a collection: each is told what is wrong and what is allowed, and nothing is half done.

use serde_json::{Value, json};

use super::{
    collections::THINGS,
    stage::{Stage, kind},
};

/// Calls, the name of the error, and words of its message.
const REFUSED: [(&str, &str, &str); 59] = [
    // Arguments of the wrong type or number.
    ("things.get()", "TypeError", "one text"),
    ("things.get(7)", "TypeError", "must be a string"),
    ("things.get('a', 'b')", "TypeError", "one text"),
    ("things.get('')", "RangeError", "1 to 512 bytes"),
    ("things.get('x'.repeat(513))", "RangeError", "1 to 512 bytes"),
    ("things.get('a\\u0000b')", "TypeError", "control characters"),
    ("things.get('\\ud800')", "TypeError", "well-formed"),
    ("things.delete({})", "TypeError", "must be a string"),
    ("things.create()", "TypeError", "one object"),
    ("things.create([])", "TypeError", "must be an object"),
    ("things.create('text')", "TypeError", "must be an object"),
    ("things.create({ id: 7 })", "TypeError", "id must be a string"),
    ("things.create({ id: '' })", "RangeError", "1 to 512 bytes"),
    ("things.create({ s: '\\ud800' })", "TypeError", "well-formed"),
    ("things.create({ n: 'text' })", "TypeError", "/n"),
    ("things.create({ n: NaN })", "TypeError", "/n"),
    ("things.create({ n: 1e999 })", "TypeError", "/n"),
    ("things.list({ filter: { n: undefined } })", "TypeError", "'n' is undefined"),
    ("things.create({ tags: ['a', 1] })", "TypeError", "/tags/1"),
    ("things.create({ at: { city: 1 } })", "TypeError", "/at/city"),
    ("things.create({ s: 'x'.repeat(1 << 20) })", "RangeError", "1048576 bytes"),
    ("things.create({ tags: Array.from({ length: 1001 }, (_, n) => `${n}`) })", "RangeError", "1000"),
    ("things.create({ free: deep(70) })", "TypeError", "64 levels"),
    ("things.update('a')", "TypeError", "changes"),
    ("things.update('a', 7)", "TypeError", "must be an object"),
    ("things.update('a', { id: 'b' })", "TypeError", "keeps its id"),
    ("things.update('nobody', {})", "SkerryError", "no document 'nobody'"),
    ("things.replace('a', {})", "SkerryError", "list, get, create, update, delete"),
    // Lists.
    ("things.list(7)", "TypeError", "filter, sort, cursor, limit"),
    ("things.list({ n: 1 })", "TypeError", "unknown field `n`"),
    ("things.list({ filter: 'n > 1' })", "TypeError", "filter, sort, cursor, limit"),
    ("things.list({ filter: [] })", "TypeError", "filter, sort, cursor, limit"),
    ("things.list({ limit: 0 })", "RangeError", "1 to 1000"),
    ("things.list({ limit: 1001 })", "RangeError", "1 to 1000"),
    ("things.list({ limit: 1.5 })", "RangeError", "1 to 1000"),
    ("things.list({ limit: 1e300 })", "RangeError", "1 to 1000"),
    ("things.list({ cursor: 'made up' })", "TypeError", "none of this list"),
    ("things.list({ cursor: '' })", "TypeError", "none of this list"),
    ("things.list({ sort: 'free' })", "TypeError", "nothing is sorted by 'free'"),
    ("things.list({ sort: 'tags' })", "TypeError", "use id, at.city, b, n, o, s"),
    ("things.list({ sort: 'n; DR' + 'OP TABLE documents' })", "TypeError", "nothing is sorted by"),
    // Filters.
    ("things.list({ filter: { free: 1 } })", "TypeError", "use id, at.city, b, n, o, s, tags"),
    ("things.list({ filter: { 'at.zip': 1 } })", "TypeError", "nothing is filtered by 'at.zip'"),
    ("things.list({ filter: { 'tags[]': 'a' } })", "TypeError", "nothing is filtered by"),
    ("things.list({ filter: { ['__proto__']: 1 } })", "TypeError", "nothing is filtered by '__proto__'"),
    ("things.list({ filter: { constructor: 1 } })", "TypeError", "nothing is filtered by 'constructor'"),
    ("things.list({ filter: { [\"n' OR '1'='1\"]: 1 } })", "TypeError", "nothing is filtered by"),
    ("things.list({ filter: { n: { $gt: 1 } } })", "TypeError", "eq, ne, lt"),
    ("things.list({ filter: { n: { constructor: 1 } } })", "TypeError", "eq, ne, lt"),
    ("things.list({ filter: { n: {} } })", "TypeError", "eq, ne, lt"),
    ("things.list({ filter: { n: '1' } })", "TypeError", "takes a number, not a string"),
    ("things.list({ filter: { n: NaN } })", "TypeError", "takes a number, not null"),
    ("things.list({ filter: { n: { lt: { lt: 1 } } } })", "TypeError", "takes a number, not an object"),
    ("things.list({ filter: { b: { gt: false } } })", "TypeError", "has no order"),
    ("things.list({ filter: { tags: 'a' } })", "TypeError", "use contains"),
    ("things.list({ filter: { s: { contains: 'a' } } })", "TypeError", "is no array"),
    ("things.list({ filter: { s: { lt: 'x'.repeat(501) } } })", "RangeError", "500 bytes"),
    ("things.list({ filter: { n: { in: Array(10_000).fill(1) } } })", "RangeError", "at most 100 values"),
    ("things.list({ filter: { s: { startsWith: 1 } } })", "TypeError", "takes a string"),
];

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_wrong_are_told_what_is_allowed_and_leave_nothing() {
    let stage = Stage::with_things(THINGS).await;
    let calls: Vec<String> = REFUSED.iter().map(|(call, ..)| format!("() => {call}")).collect();
    let told = stage
        .of_things(
            "refused",
            &format!(
                "const deep = (levels) => levels ? [deep(levels - 1)] : 0;
                 await things.create({{ id: 'a', n: 1 }});
                 const told = [];
                 for (const call of [{}]) {{
                    try {{ told.push(['nothing', JSON.stringify(await call())]); }}
                    catch (error) {{ told.push([error.name, error.message]); }}
                 }}
                 return [told, (await things.list()).items];",
                calls.join(",\n")
            ),
        )
        .await;
    for ((call, name, words), told) in REFUSED.iter().zip(told[0].as_array().unwrap()) {
        let message = told[1].as_str().unwrap();
        assert_eq!(told[0], json!(name), "{call}: {message}");
        assert!(message.contains(words), "{call}: {message}");
        assert!(message.len() < 600, "{call}: {message}");
    }
    assert_eq!(told[1], json!([{ "id": "a", "n": 1 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_in_texts_are_texts() {
    let stage = Stage::with_things(THINGS).await;
    let texts = json!([
        concat!("'; DR", "OP TABLE documents; --"),
        "\" OR 1=1 --",
        concat!("') UNION SEL", "ECT sealed_key FROM tenants --"),
        "%",
        "_%",
        "\\",
        "$1",
        "?1",
        "\u{1}",
        "a\u{0}b",
        "__proto__",
        "constructor",
    ]);
    let source = "for (const s of input) await things.create({ s, tags: [s] });
        const found = [];
        for (const s of input) {
            for (const filter of [{ s }, { s: { in: [s] } }, { s: { startsWith: s } }, { tags: { contains: s } }]) {
                found.push((await things.list({ filter, sort: 's' })).items.map((thing) => thing.s));
            }
        }
        return [found, (await things.list()).items.length];";
    stage.deploy_for_things("texts", source).await;
    // Once over the run's own documents, and once over stored ones beside them.
    for round in 1..=2 {
        let answer = stage.answer("texts", &texts.to_string()).await;
        for (at, text) in texts.as_array().unwrap().iter().enumerate() {
            let expected = json!(vec![text; round]);
            for found in &answer[0].as_array().unwrap()[4 * at..4 * at + 4] {
                assert_eq!(*found, expected, "{text}");
            }
        }
        assert_eq!(answer[1], json!(12 * round));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_list_is_refused() {
    let stage = Stage::with_things(THINGS).await;
    let told = stage
        .of_things(
            "cursors",
            "for (let n = 0; n < 3; n++) await things.create({ n, s: 'a' });
             const { cursor } = await things.list({ filter: { s: 'a' }, sort: 'n', limit: 1 });
             const told = [];
             for (const query of [{ sort: 'n' }, { filter: { s: 'a' } }, { filter: { s: 'b' }, sort: 'n' },
                                  { filter: { s: 'a' }, sort: '-n' }, { filter: { s: 'a' }, sort: 'n', limit: 3 }]) {
                try { told.push((await things.list({ ...query, cursor })).items.length); }
                catch (error) { told.push(error.name); }
             }
             return told;",
        )
        .await;
    assert_eq!(told, json!(["TypeError", "TypeError", "TypeError", "TypeError", 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_lists_than_a_commit_checks_are_refused_and_equal_ones_count_once() {
    let stage = Stage::with_things(THINGS).await;
    let source = "for (let n = 0; n < 450; n++) { await things.list({ filter: { n: input ? n : 1 } }); await storage.list(`${input ? n : 1}`); }";
    stage.deploy_for_things("lists", source).await;
    assert_eq!(kind(&stage.run("lists", "false").await), "success");
    assert_eq!(kind(&stage.run("lists", "true").await), "hostcall_limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_granted_is_denied_before_anything_happens() {
    let stage = Stage::with_things(THINGS).await;
    let reads = domain::Capabilities { services: vec![String::from("things.list")], ..domain::Capabilities::default() };
    let source = "export default async () => {
        const told = [];
        for (const call of [() => services.things.create({ id: 'x' }), () => services.things.delete('x'),
                            () => services.nothing.get('x'), () => services.things.list()]) {
            try { told.push((await call()).items); } catch (error) { told.push(error.code); }
        }
        return told;
    }";
    stage.deploy_with("reads", source, reads, None).await;
    let told: Value = stage.answer("reads", "null").await;
    assert_eq!(told, json!(["capability_denied", "capability_denied", "capability_denied", []]));
}
