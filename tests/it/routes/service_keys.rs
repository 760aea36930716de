//! The public keys of the deployment, for whoever verifies its calls.

use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn the_public_keys_are_there_for_everybody_and_nothing_private_is() {
    let stage = Stage::open().await;
    let answer = stage.stranger("GET", "/.well-known/jwks.json").send().await;
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    let set = answer.expect(200);
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 3, "the keys before, now and next");
    for key in keys {
        let mut names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
        assert_eq!(key["x"].as_str().unwrap().len(), 43, "32 bytes in base64url");
    }
}
