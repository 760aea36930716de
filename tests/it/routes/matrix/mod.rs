//! Every operation of the API, called by everybody, about one's own things, another tenant's, and things that are not
//! there. The table in `server::access` says what each has to be answered.

mod audited;
mod bodies;
mod callers;
mod examples;
mod sessions;
mod things;

use std::{cell::RefCell, collections::BTreeSet};

use domain::TenantSlug;
use serde_json::Value;
use server::access::{self, Access};

use self::{
    callers::{Caller, Callers},
    things::{Makers, Things},
};
use super::{
    client::{Answer, Call},
    stage::Stage,
};

/// Names the points that the operations are called with.
const SECTIONS: &str = "
[hooks.\"order.validate\"]
on_failure = 'open'
deadline_ms = 60000
[egress]
hosts = ['nobody.invalid']
[quotas]
scripts = 2000
";

/// Operations that answer even an admin who does everything right with a refusal here, and which.
const REFUSED: &[(&str, u16)] = &[
    // The execution has ended long before it is cancelled.
    ("cancel_execution", 409),
    // A stream without an end, which has to be asked for as one.
    ("watch_executions", 406),
    // One deployment of this installation is ready and another is not: neither is about rights.
    ("show_readiness", 503),
];

/// Operations that make what is not there yet.
const MAKING: &[&str] = &["put_secret", "put_storage_entry", "put_document"];

/// Operations that need more permissions for some things than for others.
const MAY_NEED_MORE: &[&str] = &["redrive_dead_letter"];

/// Operations about what is a person's own: an admin reaches everybody's, another member finds nothing of somebody else's.
const ONES_OWN: &[&str] = &["show_token", "rename_token", "revoke_token"];

/// Operations by which whoever is nobody becomes somebody, and which refuse who cannot prove to be: `routes::sign_in` has
/// their tests.
const SIGNING_IN: &[&str] = &[
    "sign_in_by_password",
    "reset_password",
    "sign_in_by_platform",
    "begin_openid",
    "finish_openid",
    "sign_in_by_invitation",
];

/// One operation of the document.
struct Operation<'a> {
    id: &'a str,
    method: String,
    template: &'a str,
    described: &'a Value,
    access: Access,
}

impl Operation<'_> {
    /// Whether anything in its address or body names a thing of a tenant.
    fn names_something(&self) -> bool {
        // Extension points, services and collections are the deployment's.
        let deployments = ["{point}", "{service}", "{collection}"];
        let is_named =
            deployments.iter().fold(self.template.to_owned(), |path, name| path.replace(name, "")).contains('{');
        let is_in_body = bodies::NAMING.contains(&self.id) || bodies::ABOUT_MANY.contains(&self.id);
        (is_named || is_in_body) && !MAKING.contains(&self.id)
    }

    fn changes(&self) -> bool {
        self.method != "GET"
    }

    fn is_described(&self, status: u16) -> bool {
        self.described["responses"].get(status.to_string()).is_some()
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(template, methods): (&'_ String, &'_ Value)| -> Vec<(String, String)> {
        methods.as_object().unwrap().keys().map(|method| (template.clone(), method.clone())).collect()
    };
    let mut found = Vec::new();
    for (template, method) in paths.iter().flat_map(of_path) {
        let (template, methods) = paths.get_key_value(&template).unwrap();
        let described = &methods[&method];
        let id = described["operationId"].as_str().unwrap();
        let access = access::of_operation(id).unwrap_or_else(|| panic!("{id} has no line in server::access"));
        found.push(Operation { id, method: method.to_uppercase(), template, described, access });
    }
    found
}

/// What has to be the same where one answer must not be told from another.
fn seen(answer: &Answer, things: &Things) -> (u16, String, BTreeSet<String>) {
    let names = answer.header_names().filter(|name| !matches!(*name, "date" | "x-request-id" | "content-length"));
    (answer.status, things.hidden_in(&answer.text()), names.map(str::to_owned).collect())
}

struct Matrix<'a> {
    stage: &'a Stage,
    document: &'a Value,
    operator: &'a str,
    stranger: &'a Caller,
    own: Things,
    others: Things,
    nowhere: Things,
    /// What was answered otherwise than the table says.
    wrong: RefCell<Vec<String>>,
}

impl Matrix<'_> {
    async fn call(&self, operation: &Operation<'_>, caller: &Caller, things: &Things) -> Answer {
        caller.signs(self.request(operation, things)).send().await
    }

    /// The operation about these things, by nobody yet.
    fn request(&self, operation: &Operation<'_>, things: &Things) -> Call {
        let path = things.path(operation.id, operation.template);
        let mut call = self.stage.stranger(&operation.method, &path);
        for (name, value) in bodies::headers(operation.id) {
            call = call.header(name, value);
        }
        match bodies::of(operation.id, operation.described, self.document, things) {
            Some(body) => call.json(&body),
            None => call,
        }
    }

    /// Note what is not as it has to be.
    fn expect(&self, is_right: bool, operation: &Operation<'_>, caller: &Caller, what: &str) {
        if !is_right {
            self.wrong.borrow_mut().push(format!("{} as {}: {what}", operation.id, caller.name));
        }
    }

    /// Whoever is nobody, and whoever lacks a permission, is told the same whatever he asks about.
    async fn refuses(&self, operation: &Operation<'_>, caller: &Caller, status: u16) {
        let mut answers = Vec::new();
        for things in [&self.own, &self.others, &self.nowhere] {
            let answer = self.call(operation, caller, things).await;
            let what = format!("{status} expected, not {} {}", answer.status, answer.text());
            self.expect(answer.status == status, operation, caller, &what);
            self.expect(operation.is_described(status), operation, caller, &format!("{status} is not described"));
            answers.push(seen(&answer, things));
        }
        let are_alike = answers.iter().all(|answer| *answer == answers[0]);
        self.expect(are_alike, operation, caller, &format!("not the same answers: {answers:?}"));
    }

    /// Another tenant's thing is answered like one that is not there.
    async fn hides(&self, operation: &Operation<'_>, caller: &Caller, hidden: &Things) {
        let others = self.call(operation, caller, hidden).await;
        let nowhere = self.call(operation, caller, &self.nowhere).await;
        let what = format!("404 expected where nothing is, not {} {}", nowhere.status, nowhere.text());
        let is_told = bodies::ABOUT_MANY.contains(&operation.id) && nowhere.text().contains("\"not_found\"");
        self.expect(is_told || matches!(nowhere.status, 404 | 422), operation, caller, &what);
        let (others, nowhere) = (seen(&others, hidden), seen(&nowhere, &self.nowhere));
        self.expect(others == nowhere, operation, caller, &format!("{others:?} where nothing is told {nowhere:?}"));
    }

    /// What is not there is not found, also where the id is of another kind.
    async fn finds_nothing(&self, operation: &Operation<'_>, caller: &Caller) {
        for things in [&self.nowhere, &self.own.of_another_kind()] {
            let answer = self.call(operation, caller, things).await;
            let what = format!("404 expected where nothing is, not {} {}", answer.status, answer.text());
            self.expect(answer.status == 404, operation, caller, &what);
        }
    }

    /// Whoever has the permissions is let through.
    async fn admits(&self, operation: &Operation<'_>, caller: &Caller, makers: &Makers<'_>) -> Answer {
        let things = match operation.changes() {
            true => makers.anew(operation.id, operation.template, &self.own).await,
            false => self.own.clone(),
        };
        let is_told = operation.is_told() && caller.is_strict();
        let audited = if is_told { self.last_audited(operation.access).await } else { 0 };
        let answer = self.call(operation, caller, &things).await;
        if is_told && answer.status < 300 && self.last_audited(operation.access).await == audited {
            self.expect(false, operation, caller, "nothing in the audit log tells of it");
        }
        let status = answer.status;
        let is_fine = (200..300).contains(&status) || REFUSED.contains(&(operation.id, status));
        let may_need_more = status == 403 && MAY_NEED_MORE.contains(&operation.id);
        let is_hidden = status == 404 && ONES_OWN.contains(&operation.id);
        let is_let_through = may_need_more || is_hidden || !matches!(status, 401 | 403 | 404 | 405 | 500);
        let is_let_through = is_let_through && (is_fine || !caller.is_strict());
        self.expect(is_let_through, operation, caller, &format!("{status} {}", answer.text()));
        self.expect(operation.is_described(status), operation, caller, &format!("{status} is not described"));
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_everybody_as_the_table_of_rights_says() {
    let schema = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(schema.path(), "{}").unwrap();
    let goods = format!("[services.goods]\nkind = 'collection'\nschema = '{}'\n", schema.path().display());
    let stage = Stage::open_with(&format!("{SECTIONS}{goods}")).await;
    let document: Value = serde_json::from_str(&server::openapi().unwrap()).unwrap();
    let (_, strangers) = stage.server.app().create_tenant(&TenantSlug::parse("other").unwrap(), "Other").await.unwrap();
    let operator = stage.server.app().deployment_token().await.unwrap().text;
    let own = Makers::new(&stage, (&stage.token, &operator), "acme");
    let others = Makers::new(&stage, (&strangers.text, &operator), "other");
    let stranger = Caller::stranger(&strangers.text);
    let matrix = Matrix {
        stage: &stage,
        document: &document,
        operator: &operator,
        stranger: &stranger,
        own: own.all().await,
        others: others.all().await,
        nowhere: Things::nowhere(),
        wrong: RefCell::default(),
    };
    let callers = Callers::of(&stage, &operator).await;
    let mut examples = examples::Collected::default();
    for operation in operations(&document).into_iter().filter(|operation| !SIGNING_IN.contains(&operation.id)) {
        for caller in &callers.unknown {
            match operation.access {
                Access::Anybody => drop(matrix.admits(&operation, caller, &own).await),
                _ => matrix.refuses(&operation, caller, 401).await,
            }
        }
        for caller in &callers.known {
            if let (Some(cookie), true) = (caller.cookie(), caller.is_strict() && operation.access != Access::Anybody) {
                matrix.refuses_other_pages(&operation, caller, cookie).await;
            }
            if let Err(status) = caller.answered(operation.access) {
                matrix.refuses(&operation, caller, status).await;
                continue;
            }
            if operation.access == Access::SignedIn && operation.changes() {
                matrix.admits_with_a_session(&operation, caller).await;
                continue;
            }
            // What is an operator's has no other owner: what names something names it, or nothing.
            if operation.names_something() && operation.access != Access::Operator {
                matrix.hides(&operation, caller, &matrix.others).await;
            } else if operation.names_something() {
                matrix.finds_nothing(&operation, caller).await;
            }
            let answer = matrix.admits(&operation, caller, &own).await;
            if caller.name == "admin" {
                examples.keep(&operation, &answer, &matrix);
            }
        }
        if operation.names_something() && stranger.answered(operation.access).is_ok() {
            matrix.hides(&operation, &stranger, &matrix.own).await;
        } else if !operation.changes() && !matches!(operation.access, Access::Anybody | Access::SignedIn) {
            let answer = matrix.call(&operation, &stranger, &matrix.others).await;
            if let Some(thing) = matrix.own.any_in(&answer.text()) {
                matrix.expect(false, &operation, &stranger, &format!("another tenant's '{thing}'"));
            }
        }
    }
    examples.write();
    let wrong = matrix.wrong.into_inner();
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}
