//! A tenant's services as TypeScript types.

use std::collections::BTreeSet;

use super::{
    schema::TypeWriter,
    text::{comment, parameter_name, property_name},
};
use crate::services::{ServiceMethod, ServiceParameter};

/// The most bytes of one service's types; a service with more is described without them.
const SERVICE_BYTES_MAX: usize = 512 * 1024;

/// A service as its types show it.
pub(super) struct ServiceTypes {
    /// Its name.
    pub(super) name: String,
    /// What there is to call.
    pub(super) methods: Vec<ServiceMethod>,
}

/// The interface `Services` of these services, and the types that it relies on.
///
/// What is not among them is a mistake that an editor shows.
pub(super) fn services_interface(services: &[ServiceTypes], taken: &mut BTreeSet<String>) -> String {
    let (mut members, mut types) = (String::new(), String::new());
    for service in services {
        let (member, declarations) = service_types(service, taken);
        if member.len() + declarations.len() > SERVICE_BYTES_MAX {
            members += &format!("  readonly {}: Service;\n", property_name(&service.name));
            continue;
        }
        members += &member;
        types += &declarations;
    }
    if members.is_empty() {
        return String::from("interface Services {}\n");
    }
    format!("interface Services {{\n{members}}}\n{types}")
}

/// The member of `Services`, and the declarations that it relies on.
fn service_types(service: &ServiceTypes, taken: &mut BTreeSet<String>) -> (String, String) {
    let mut types = TypeWriter::new(&service.name, taken);
    let mut member = format!("  readonly {}: {{\n", property_name(&service.name));
    for method in &service.methods {
        member += &comment(&method.description, "    ");
        member += &method_type(method, &mut types);
    }
    member += "  };\n";
    let declarations = types.into_declarations().iter().map(|declaration| format!("\n{declaration}")).collect();
    (member, declarations)
}

fn method_type(method: &ServiceMethod, types: &mut TypeWriter<'_>) -> String {
    let parameters = parameters(method, types);
    let answer = match &method.answer {
        Some(schema) => types.type_of(schema, &method.name),
        None => String::from("any"),
    };
    format!("    {}({parameters}): Promise<{answer}>;\n", property_name(&method.name))
}

fn parameters(method: &ServiceMethod, types: &mut TypeWriter<'_>) -> String {
    let mut used = BTreeSet::new();
    let last_needed = method.parameters.iter().rposition(|parameter| !parameter.is_optional);
    let parameters = method.parameters.iter().enumerate().map(|(index, parameter)| {
        let ServiceParameter { name, is_optional, schema } = parameter;
        let mut own = parameter_name(name, index);
        if !used.insert(own.clone()) {
            own = format!("value{}", index + 1);
            used.insert(own.clone());
        }
        let hint = format!("{} {name}", method.name);
        let type_ = schema.as_ref().map_or_else(|| String::from("any"), |schema| types.type_of(schema, &hint));
        match is_optional {
            // TypeScript has none that can be left out before one that cannot.
            true if last_needed.is_some_and(|last| index < last) => format!("{own}: {type_} | undefined"),
            true => format!("{own}?: {type_}"),
            false => format!("{own}: {type_}"),
        }
    });
    parameters.collect::<Vec<_>>().join(", ")
}
