//! What the description says of the globals, and what a script finds.

use std::collections::BTreeSet;

use app::types::{Global, GlobalKind, Member, Place, script_api};
use runtime::Input;
use serde_json::{Value, json};

use crate::{
    support::{Run, json as answered},
    tidy::read,
};

/// Answers what is missing or of another type than described.
const LOOK: &str = r#"
const kinds = { namespace: "object", class: "function", function: "function" };
export default function (described) {
  const wrong = [];
  // Getters are not read: they belong to instances.
  const propertyOf = (owner, key) => {
    for (; owner !== null; owner = Object.getPrototypeOf(owner)) {
      const property = Object.getOwnPropertyDescriptor(owner, key);
      if (property !== undefined) return property;
    }
  };
  const look = (path, owner, { name, isFunction }) => {
    const property = propertyOf(owner, name.startsWith("[Symbol.") ? Symbol[name.slice(8, -1)] : name);
    if (property === undefined) wrong.push(`${path}.${name} is not there`);
    else if (isFunction !== (typeof property.value === "function")) wrong.push(`${path}.${name} is of another type`);
  };
  for (const { name, kind, make, members } of described) {
    const own = kind === "class" ? globalThis[name].prototype : globalThis[name];
    const value = make === null ? own : new Function(`return ${make}`)();
    if (kind in kinds && typeof globalThis[name] !== kinds[kind]) wrong.push(`${name} is no ${kind}`);
    for (const member of members) {
      if (member.place === "static") look(name, globalThis[name], member);
      if (member.place === "instance" && member.name !== "constructor") look(name, value, member);
    }
  }
  return wrong;
}
"#;

/// Answers what is there and not described.
const FIND: &str = r#"
export default function ({ language, described }) {
  const found = [];
  const known = new Map(described.map((global) => [global.name, global]));
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!language.includes(name) && !known.has(name)) found.push(name);
  }
  const compare = (path, object, names, ignored) => {
    for (const key of Object.getOwnPropertyNames(object)) {
      if (!names.includes(key) && !ignored.includes(key)) found.push(`${path}.${key}`);
    }
  };
  for (const { name, kind, make, members, shared } of described) {
    const names = members.map((member) => member.name).concat(shared);
    if (kind === "namespace") compare(name, globalThis[name], names, []);
    if (kind === "class") {
      const constants = (key) => /^[A-Z_]+$/.test(key);
      const own = globalThis[name];
      compare(name, own, names, ["length", "name", "prototype"].concat(Object.getOwnPropertyNames(own).filter(constants)));
      const instance = own.prototype;
      compare(name, instance, names, ["constructor"].concat(Object.getOwnPropertyNames(instance).filter(constants)));
    }
    if (kind === "interface" && make !== null && name !== "Body") {
      compare(name, new Function(`return ${make}`)(), names, []);
    }
  }
  return found;
}
"#;

#[tokio::test]
async fn everything_that_is_described_is_in_the_guest() {
    let input = Input::Json(described().to_string());
    let outcome = Run { input, ..Run::default() }.source(LOOK).await;
    assert_eq!(answered(&outcome), json!([]));
}

#[tokio::test]
async fn everything_in_the_guest_beside_the_language_is_described() {
    let input = json!({ "language": language(), "described": described() });
    let outcome = Run { input: Input::Json(input.to_string()), ..Run::default() }.source(FIND).await;
    assert_eq!(answered(&outcome), json!([]), "described nowhere in wit/script-api");
}

/// What the scripts compare: every global, and every value whose type is described and that a script can make.
fn described() -> Value {
    let globals = script_api().iter().flat_map(|page| &page.globals);
    let globals = globals.filter(|global| global.is_global() || global.make.is_some());
    globals.map(|global| {
        let members: Vec<Value> = global.members.iter().map(member).collect();
        let kind = match global.kind {
            GlobalKind::Namespace => "namespace",
            GlobalKind::Class => "class",
            GlobalKind::Interface => "interface",
            GlobalKind::Function(_) => "function",
            GlobalKind::Value(_) => "value",
        };
        json!({ "name": global.name, "kind": kind, "make": global.make, "members": members, "shared": shared(global) })
    }).collect()
}

fn member(member: &Member) -> Value {
    let place = match member.place {
        Place::Instance => "instance",
        Place::Static => "static",
        Place::SomeInstances => "some",
    };
    let after = member.declarations[0].split_once(&member.name).map_or("", |(_, after)| after);
    json!({ "name": member.name, "place": place, "isFunction": after.starts_with(['(', '<']) })
}

/// The members that instances have in common with others.
fn shared(global: &Global) -> Vec<&'static str> {
    let interfaces = script_api().iter().flat_map(|page| &page.globals);
    let shared = interfaces.filter(|interface| global.implements.as_deref() == Some(interface.name.as_str()));
    shared.flat_map(|interface| interface.members.iter().map(|member| member.name.as_str())).collect()
}

/// The names of the language itself, as the compiler knows them.
fn language() -> BTreeSet<String> {
    let source = read("guest-js-engine/compiler/src/globals.rs");
    let list = source.split("const LANGUAGE: &[&str] = &[").nth(1).and_then(|rest| rest.split("];").next()).unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}
