//! Vectors are made by the services' own published rules, or are theirs; the project's own crate for Standard Webhooks is
//! the oracle for that scheme.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{standard::Message, *};

const BODY: &[u8] = br#"{"test": 2432232314}"#;
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: UnixMillis = UnixMillis(1_614_265_330_000);

fn headers(given: &[(&str, &str)]) -> Vec<Header> {
    given.iter().map(|(name, value)| Header { name: (*name).to_owned(), value: (*value).to_owned() }).collect()
}

fn secret(scheme: &SignatureScheme, text: &str) -> SigningSecret {
    SigningSecret::of_scheme(scheme, text).unwrap()
}

/// Whether the scheme takes these headers with this body at `now`.
fn taken(scheme: &SignatureScheme, text: &str, given: &[(&str, &str)], body: &[u8], now: UnixMillis) -> bool {
    let headers = headers(given);
    scheme.verify(&SignedRequest { headers: &headers, body, now }, &[secret(scheme, text)]).is_ok()
}

fn hex_mac(key: &str, content: &str) -> String {
    let mac = SignatureHash::Sha256.mac(key.as_bytes(), &[content.as_bytes()]);
    crate::sealing::hex::write(&mac).to_string()
}

fn standard_headers(signed: &[Header; 3]) -> Vec<(&str, &str)> {
    signed.iter().map(|header| (header.name.as_str(), header.value.as_str())).collect()
}

#[test]
fn the_published_vector_of_standard_webhooks_is_taken() {
    let given = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    assert!(taken(&SignatureScheme::Standard, STANDARD_SECRET, &given, BODY, NOW));
}

#[test]
fn what_is_signed_here_is_what_the_oracle_signs_and_verifies() {
    let oracle = standardwebhooks::Webhook::new(STANDARD_SECRET).unwrap();
    let key = SigningSecret::standard(STANDARD_SECRET).unwrap();
    for (id, body) in [("msg_1", &b"{}"[..]), ("a", b""), ("order:7/8", "ä€𝄞\r\n".as_bytes())] {
        let now = UnixMillis::now();
        let signed = Message { id, at: now, body }.signed(std::slice::from_ref(&key));
        assert_eq!(signed[2].value, oracle.sign(id, now.0 / 1_000, body).unwrap());
        let map: HeaderMap = signed
            .iter()
            .map(|header| {
                let name = HeaderName::from_bytes(header.name.as_bytes()).unwrap();
                (name, HeaderValue::from_str(&header.value).unwrap())
            })
            .collect();
        oracle.verify(body, &map).unwrap();
        let request = SignedRequest { headers: &signed, body, now };
        assert_eq!(SignatureScheme::Standard.verify(&request, std::slice::from_ref(&key)), Ok(()));
    }
}

#[test]
fn any_valid_signature_of_any_live_secret_suffices() {
    let scheme = SignatureScheme::Standard;
    let new = secret(&scheme, &SigningSecret::generate(&scheme).unwrap());
    let old = secret(&scheme, STANDARD_SECRET);
    let message = Message { id: "msg_1", at: NOW, body: BODY };
    for by in [vec![old.clone()], vec![new.clone()], vec![new.clone(), old.clone()]] {
        let signed = message.signed(&by);
        let request = SignedRequest { headers: &signed, body: BODY, now: NOW };
        assert_eq!(scheme.verify(&request, &[old.clone(), new.clone()]), Ok(()));
    }
    let signed = message.signed(&[new]);
    let request = SignedRequest { headers: &signed, body: BODY, now: NOW };
    assert_eq!(scheme.verify(&request, &[old]), Err(NotSigned));
    assert_eq!(scheme.verify(&request, &[]), Err(NotSigned), "without a secret nothing is signed");
}

#[test]
fn labels_that_nobody_knows_are_ignored() {
    let given = |signature: &str| {
        let given = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", signature),
        ];
        taken(&SignatureScheme::Standard, STANDARD_SECRET, &given, BODY, NOW)
    };
    let right = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert!(given(&format!("v1a,AAAA v2,{right} v1,{right} x")));
    for wrong in [format!("v2,{right}"), format!("v1a,{right}"), format!("V1,{right}"), right.to_owned()] {
        assert!(!given(&wrong), "{wrong}");
    }
    assert!(!given(&format!("v1,{}", right.trim_end_matches('='))), "base64 has one form");
    let many = vec!["v1,AAAA"; CANDIDATES_MAX].join(" ");
    assert!(!given(&format!("{many} v1,{right}")), "what is past the bound is not read");
}

#[test]
fn five_minutes_either_way_are_the_bound() {
    let scheme = SignatureScheme::Standard;
    let signed = Message { id: "msg_1", at: NOW, body: BODY }.signed(&[secret(&scheme, STANDARD_SECRET)]);
    let at = |offset_s: i64| {
        let now = UnixMillis(NOW.0 + offset_s * 1_000);
        taken(&scheme, STANDARD_SECRET, &standard_headers(&signed), BODY, now)
    };
    assert!(at(-300) && at(0) && at(300));
    assert!(!at(-301), "from the future");
    assert!(!at(301), "stale");
}

#[test]
fn a_changed_byte_a_re_serialised_body_and_missing_or_doubled_headers_are_refused() {
    let scheme = SignatureScheme::Standard;
    let signed = Message { id: "msg_1", at: NOW, body: BODY }.signed(&[secret(&scheme, STANDARD_SECRET)]);
    let good = standard_headers(&signed);
    assert!(taken(&scheme, STANDARD_SECRET, &good, BODY, NOW));
    let again = serde_json::from_slice::<serde_json::Value>(BODY).unwrap().to_string();
    assert!(!taken(&scheme, STANDARD_SECRET, &good, again.as_bytes(), NOW), "the same JSON in other bytes");
    assert!(!taken(&scheme, STANDARD_SECRET, &good, b"", NOW));
    for at in 0..3 {
        let mut missing = good.clone();
        missing.remove(at);
        assert!(!taken(&scheme, STANDARD_SECRET, &missing, BODY, NOW), "without {}", good[at].0);
        let mut doubled = good.clone();
        doubled.push(good[at]);
        assert!(!taken(&scheme, STANDARD_SECRET, &doubled, BODY, NOW), "{} twice", good[at].0);
        let mut changed = good.clone();
        changed[at].1 = ["msg_2", "1614265331", "v1,AAAA"][at];
        assert!(!taken(&scheme, STANDARD_SECRET, &changed, BODY, NOW), "another {}", good[at].0);
    }
}

#[test]
fn a_time_in_any_other_form_than_digits_is_none() {
    for text in ["", "+1614265330", "-1", " 1614265330 x", "1614265330.0", "1e9", "0x60", "99999999999999999999"] {
        assert_eq!(seconds(text), None, "{text}");
    }
    assert_eq!(seconds("1614265330"), Some(1_614_265_330));
}

#[test]
fn an_id_with_a_full_stop_could_be_split_in_two_ways_and_is_refused() {
    let scheme = SignatureScheme::Standard;
    let signed = Message { id: "msg.1", at: NOW, body: BODY }.signed(&[secret(&scheme, STANDARD_SECRET)]);
    assert!(!taken(&scheme, STANDARD_SECRET, &standard_headers(&signed), BODY, NOW));
}

#[test]
fn stripe_signs_its_time_and_the_body_in_one_header() {
    let key = "whsec_test_secret_of_stripe";
    let right = hex_mac(key, r#"1614265330.{"id":"evt_1"}"#);
    let body = br#"{"id":"evt_1"}"#;
    let given = |value: &str, now| taken(&SignatureScheme::Stripe, key, &[("Stripe-Signature", value)], body, now);
    assert!(given(&format!("t=1614265330,v1={right}"), NOW));
    assert!(given(&format!("t=1614265330,v1={},v1={right},v0=6ffbb5", "0".repeat(64)), NOW), "while secrets roll");
    assert!(!given(&format!("t=1614265330,v0={right}"), NOW), "only v1 counts");
    assert!(!given(&format!("t=1614265331,v1={right}"), NOW));
    assert!(!given(&format!("t=1614265330,t=1614265330,v1={right}"), NOW));
    assert!(!given(&format!("v1={right}"), NOW));
    assert!(!given(&format!("t=1614265330,v1={right}"), UnixMillis(NOW.0 + 301_000)));
}

#[test]
fn the_published_vector_of_github_is_taken() {
    let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let key = "It's a Secret to Everybody";
    let given = |name: &str, value: &str| {
        taken(&SignatureScheme::Github, key, &[(name, value)], b"Hello, World!", UnixMillis(0))
    };
    assert!(given("X-Hub-Signature-256", right));
    assert!(given("x-hub-signature-256", &format!("sha256={}", right[7..].to_uppercase())));
    assert!(!given("X-Hub-Signature", right), "the older header is not verified");
    assert!(!given("X-Hub-Signature-256", &right[7..]), "the hash is named");
    assert!(!given("X-Hub-Signature-256", &right[..right.len() - 2]));
}

#[test]
fn the_published_vector_of_slack_is_taken() {
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=\
        foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.\
        slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.\
        803a0bc887a14d10d2c447fce8b6703c";
    let right = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let key = "8f742231b10e8888abcd99yyyzzz85a5";
    let given = |time: &str, value: &str| {
        let headers = [("X-Slack-Request-Timestamp", time), ("X-Slack-Signature", value)];
        taken(&SignatureScheme::Slack, key, &headers, body, UnixMillis(1_531_420_618_000))
    };
    assert!(given("1531420618", right));
    assert!(!given("1531420619", right));
    assert!(!given("1531420618", &right[3..]));
    assert!(!taken(&SignatureScheme::Slack, key, &[("X-Slack-Signature", right)], body, UnixMillis(1_531_420_618_000)));
}

#[test]
fn a_generic_signature_is_read_as_it_is_described() {
    let generic = |algorithm, encoding, prefix: &str, timestamp: Option<&str>| {
        let described = GenericSignature {
            header: String::from("X-Signature"),
            algorithm,
            encoding,
            prefix: prefix.to_owned(),
            timestamp_header: timestamp.map(str::to_owned),
        };
        SignatureScheme::Generic(described.checked().unwrap())
    };
    use base64::{Engine, engine::general_purpose::STANDARD};
    let key = "a secret of the tenant";
    let plain = generic(SignatureHash::Sha512, SignatureEncoding::Base64, "", None);
    let right = STANDARD.encode(SignatureHash::Sha512.mac(key.as_bytes(), &[BODY]));
    assert!(taken(&plain, key, &[("x-signature", &right)], BODY, NOW));
    assert!(!taken(&plain, key, &[("x-signature", &right)], b"{}", NOW));
    let timed = generic(SignatureHash::Sha256, SignatureEncoding::Hex, "sig=", Some("X-Time"));
    let right = format!("sig={}", hex_mac(key, &format!("1614265330.{}", String::from_utf8_lossy(BODY))));
    assert!(taken(&timed, key, &[("x-signature", &right), ("x-time", "1614265330")], BODY, NOW));
    assert!(!taken(&timed, key, &[("x-signature", &right)], BODY, NOW), "the time is missing");
    let late = UnixMillis(NOW.0 + 301_000);
    assert!(!taken(&timed, key, &[("x-signature", &right), ("x-time", "1614265330")], BODY, late));
}

#[test]
fn a_description_that_cannot_be_read_by_is_refused() {
    let good = GenericSignature {
        header: String::from("x-signature"),
        algorithm: SignatureHash::Sha256,
        encoding: SignatureEncoding::Hex,
        prefix: String::new(),
        timestamp_header: None,
    };
    assert!(good.clone().checked().is_ok());
    for header in ["", "a b", "host", "Cookie", "x:y", "ä"] {
        assert!(GenericSignature { header: header.to_owned(), ..good.clone() }.checked().is_err(), "{header}");
    }
    assert!(GenericSignature { prefix: String::from("a b"), ..good.clone() }.checked().is_err());
    assert!(GenericSignature { timestamp_header: Some(String::from("X-Signature")), ..good }.checked().is_err());
}

#[test]
fn a_secret_has_its_schemes_form() {
    let base64_of = |bytes: usize| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        format!("whsec_{}", STANDARD.encode(vec![7; bytes]))
    };
    for bytes in [24, 32, 64] {
        assert!(SigningSecret::standard(&base64_of(bytes)).is_ok(), "{bytes}");
    }
    for text in [base64_of(23), base64_of(65), base64_of(32)[6..].to_owned(), String::from("whsec_?"), String::new()] {
        assert!(SigningSecret::standard(&text).is_err(), "{text}");
    }
    for text in ["short", "has a \n control character", &"a".repeat(257)] {
        assert!(SigningSecret::of_scheme(&SignatureScheme::Github, text).is_err(), "{text}");
    }
    for scheme in [SignatureScheme::Standard, SignatureScheme::Github] {
        let generated = SigningSecret::generate(&scheme).unwrap();
        assert!(SigningSecret::of_scheme(&scheme, &generated).is_ok());
    }
}
