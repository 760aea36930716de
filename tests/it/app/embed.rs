//! A host that links the crates runs a hook without the server (SPEC 4.4).

#[expect(unreachable_pub, dead_code, reason = "the example is a program of its own, whose `main` nobody calls here")]
#[path = "../../../examples/embed.rs"]
mod example;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_application_asks_its_customers_script_without_a_server() {
    let mut out = Vec::new();
    example::day(&mut out).await.unwrap();
    let said = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert_eq!(lines[0], r#"{"id":"o-1","total":25}: taken"#);
    assert_eq!(lines[1], r#"{"id":"o-2","total":2500}: not taken: Main takes no order above 1000"#);
    assert!(lines[2].contains("no order: the input is not what the extension point takes"), "{said}");
}
