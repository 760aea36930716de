//! Answers that repeat what was sent, in every form that is looked for.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use domain::SecretName;
use futures_util::FutureExt;
use zeroize::Zeroizing;

use super::*;

/// With every character that some encoding writes in another way.
const VALUE: &str = "s3cr3t+/=%&\"\\<ü> ?v4lue";

fn forms(name: &str, value: &[u8]) -> Arc<Forms> {
    Arc::new(Forms::of(&SecretName::parse(name).unwrap(), Zeroizing::new(value.to_vec())))
}

fn clean(value: &str, text: &str) -> String {
    let secrets = [forms("KEY", value.as_bytes())];
    let scrubbed = scrubbed(&secrets, text.as_bytes()).unwrap();
    String::from_utf8(scrubbed.unwrap_or_else(|| text.as_bytes().to_vec())).unwrap()
}

fn percent_encoded(text: &str, is_escaped: impl Fn(u8) -> bool) -> String {
    text.bytes()
        .map(
            |byte| {
                if !byte.is_ascii() || is_escaped(byte) { format!("%{byte:02x}") } else { char::from(byte).to_string() }
            },
        )
        .collect()
}

#[test]
fn a_value_is_taken_out_of_an_answer_in_every_form_that_echoes_have() {
    let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let unicode: String = VALUE.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    let entities: String = VALUE.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let html = VALUE.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
    let hexadecimal = hex_of(VALUE.as_bytes());
    let every = percent_encoded(VALUE, |_| true);
    let address = percent_encoded(VALUE, |byte| !byte.is_ascii_alphanumeric());
    let form: String = url::form_urlencoded::byte_serialize(VALUE.as_bytes()).collect();
    let cases = [
        VALUE.to_owned(),
        json(VALUE),
        json(&json(VALUE)),
        unicode.clone(),
        unicode.to_lowercase(),
        entities,
        html.clone(),
        json(&html),
        hexadecimal.clone(),
        hexadecimal.to_uppercase(),
        every.clone(),
        every.to_uppercase(),
        address.clone(),
        json(&address),
        percent_encoded(&address, |byte| byte == b'%'),
        form.clone(),
        json(&form),
        percent_encoded(VALUE, |byte| b"%&\\".contains(&byte)),
    ];
    for case in cases {
        assert_eq!(clean(VALUE, &format!("<{case}>")), "<[secret KEY]>", "{case}");
        assert_eq!(clean(VALUE, &case.repeat(2)), "[secret KEY][secret KEY]", "{case}");
    }
}

#[test]
fn base64_of_a_text_around_a_value_keeps_no_bit_of_it() {
    for before in 0..7 {
        for behind in 0..7 {
            let text = format!("{}{VALUE}{}", "u".repeat(before), "w".repeat(behind));
            for encoded in [
                STANDARD.encode(&text),
                URL_SAFE.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
                STANDARD.encode(&text).replace('/', "\\/"),
            ] {
                let scrubbed = clean(VALUE, &format!("Basic {encoded};"));
                assert!(scrubbed.contains("[secret KEY]"), "{before} {behind} {scrubbed}");
                let kept = scrubbed.replace("Basic ", "").replace("[secret KEY]", "").replace([';', '=', '\\'], "");
                // What is left are whole characters of what stood around: six bits of each three bytes.
                assert!(kept.len() <= (before * 8 / 6) + (behind * 8 / 6) + 1, "{before} {behind} {scrubbed}");
            }
        }
    }
}

#[test]
fn what_is_not_the_value_stays_as_it_is() {
    let texts = ["", "s3cr3t", "%", "%zz \\u12 \\ & &#; &nope; +", "\\ud83d", "caf\u{e9} %C3%A9 \\u00e9 &eacute;"];
    for text in texts {
        assert_eq!(clean(VALUE, text), text);
    }
    let mut invalid = vec![0xff, 0xfe, b'%', b'4'];
    invalid.extend(VALUE.bytes());
    let secrets = [forms("KEY", VALUE.as_bytes())];
    assert_eq!(scrubbed(&secrets, &invalid).unwrap().unwrap(), b"\xff\xfe%4[secret KEY]");
}

#[test]
fn several_values_are_told_apart_and_overlaps_leave_nothing() {
    let secrets =
        [forms("ONE", b"abcdefgh"), forms("TWO", b"efghijkl"), forms("BYTES", &[0, 255, 1, 254, 2, 253, 3, 252])];
    let of = |text: &[u8]| scrubbed(&secrets, text).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(of(b"abcdefgh efghijkl").as_deref(), Some("[secret ONE] [secret TWO]"));
    assert_eq!(of(b"<abcdefghijkl>").as_deref(), Some("<[secret ONE]>"));
    assert_eq!(of(b"00ff01fe02fd03fc").as_deref(), Some("[secret BYTES]"));
    assert_eq!(of(b"nothing"), None);
}

#[test]
fn an_answer_that_grows_past_its_limit_is_refused() {
    let secrets = [forms(&"N".repeat(100), b"12345678")];
    let text = b"12345678".repeat(BODY_BYTES_MAX / 64);
    assert!(matches!(scrubbed(&secrets, &text), Err(CallError::HostcallLimit(_))));
}

#[tokio::test]
async fn only_answers_of_an_origin_that_was_sent_the_value_are_searched() {
    let placed = Placed::default();
    placed.0.lock().unwrap().insert(String::from("https://a.example"), vec![forms("KEY", VALUE.as_bytes())]);
    let answer = |url: &str| OutboundResponse {
        status: 200,
        url: url.to_owned(),
        headers: vec![
            Header { name: String::from("x-echo"), value: String::from("Bearer s3cr3t+/=%&\"\\<\u{c3}\u{bc}> ?v4lue") },
            Header { name: String::from("x-plain"), value: String::from("kept \u{e9}") },
        ],
        body: VALUE.as_bytes().repeat(10_000),
        redirected: false,
        hops: Vec::new(),
    };
    let clean = placed.scrub("https://a.example/x", answer("https://a.example/x?s3cr3t")).await.unwrap();
    assert_eq!(clean.body, b"[secret KEY]".repeat(10_000));
    assert_eq!(clean.headers[0].value, "Bearer [secret KEY]");
    assert_eq!(clean.headers[1].value, "kept \u{e9}");
    // Redirected there, or away from there.
    for (asked, answered) in
        [("https://b.example/", "https://a.example/"), ("https://a.example/", "https://b.example/")]
    {
        assert_eq!(placed.scrub(asked, answer(answered)).await.unwrap().body, clean.body);
    }
    let mut through = answer("https://c.example/");
    through.hops = ["https://b.example/", "https://a.example/", "https://c.example/"].map(String::from).into();
    assert_eq!(placed.scrub("https://b.example/", through).await.unwrap().body, clean.body, "in the middle of the way");
    for other in ["http://a.example/", "https://b.example/", "https://a.example:8443/", "https://a.example./"] {
        assert_eq!(placed.scrub(other, answer(other)).await.unwrap().body, answer(other).body, "{other}");
    }
}

#[test]
fn a_place_that_many_views_show_is_kept_once() {
    let mut found = vec![(8..16, 0), (0..8, 1), (4..8, 0), (0..8, 1), (20..28, 1), (26..30, 0), (8..16, 0)];
    merge(&mut found);
    assert_eq!(found, [(0..8, 1), (8..16, 0), (20..30, 1)]);
    let mut views = 0;
    View::each(b"%41+\\n&amp;", |_| views += 1);
    assert!(views > 5, "{views}");
}

#[tokio::test]
async fn a_large_answer_waits_for_its_place_and_a_small_one_does_not() {
    let answer = |bytes: usize| OutboundResponse {
        status: 200,
        url: String::from("https://a.example/"),
        headers: Vec::new(),
        body: vec![b'x'; bytes],
        redirected: false,
        hops: Vec::new(),
    };
    let places = LARGE_AT_ONCE.acquire_many(2).await.unwrap();
    let mut large = Box::pin(without_token("12345678", answer(LARGE_BODY_BYTES)));
    assert!((&mut large).now_or_never().is_none());
    assert!(without_token("12345678", answer(LARGE_BODY_BYTES - 1)).await.is_ok());
    assert!((&mut large).now_or_never().is_none());
    drop(places);
    assert!(large.await.is_ok());
}

#[tokio::test]
async fn an_answer_that_cannot_be_searched_is_refused() {
    let placed = Placed::default();
    placed.0.lock().unwrap().insert(String::from("https://a.example"), vec![forms("KEY", VALUE.as_bytes())]);
    let url = "https://a.example/";
    let with = |status: u16, name: &str, value: &str| OutboundResponse {
        status,
        url: url.to_owned(),
        headers: vec![Header { name: name.to_owned(), value: value.to_owned() }],
        body: Vec::new(),
        redirected: false,
        hops: Vec::new(),
    };
    for refused in
        [with(206, "x", ""), with(200, "Content-Range", "bytes 0-3/9"), with(200, "content-encoding", "gzip")]
    {
        assert!(matches!(placed.scrub(url, refused).await, Err(CallError::Unavailable(_))));
    }
    assert!(placed.scrub(url, with(200, "content-encoding", "identity")).await.is_ok());
    let named = with(200, "x-12345678-y", "");
    placed.0.lock().unwrap().insert(String::from("https://a.example"), vec![forms("KEY", b"12345678")]);
    assert!(placed.scrub(url, named).await.unwrap().headers.is_empty(), "a name cannot be changed, only left out");
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
