//! The host application's extension points as TypeScript types.

use std::collections::{BTreeMap, BTreeSet};

use domain::HookPoint;

use super::{
    schema::TypeWriter,
    text::{comment, property_name},
};
use crate::{HookConfig, Schema};

/// The name of the interface that has them all.
pub(super) const HOOKS: &str = "Hooks";

/// The interface `Hooks`, with the input and the output of each point, and the types that it relies on; nothing where no
/// point is declared.
pub(super) fn hooks_interface(points: &BTreeMap<HookPoint, HookConfig>, taken: &mut BTreeSet<String>) -> String {
    if points.is_empty() {
        return String::new();
    }
    let (mut members, mut types) = (String::new(), String::new());
    for (point, config) in points {
        let mut writer = TypeWriter::new(point.as_str(), taken);
        let input = type_of(config.input.as_ref(), "input", &mut writer);
        let output = type_of(config.output.as_ref(), "output", &mut writer);
        members += &comment(&config.description, "  ");
        members += &format!("  {}: {{ input: {input}; output: {output} }};\n", property_name(point.as_str()));
        types.extend(writer.into_declarations().iter().map(|declaration| format!("\n{declaration}")));
    }
    let doc = comment("What extension points of the host application give to scripts, and take from them.", "");
    format!("\n{doc}interface {HOOKS} {{\n{members}}}\n{types}")
}

fn type_of(schema: Option<&Schema>, hint: &str, writer: &mut TypeWriter<'_>) -> String {
    schema.map_or_else(|| String::from("any"), |schema| writer.type_of(schema.as_value(), hint))
}
