//! What the API's description says of many operations alike: who may call, one example, and the bounds of parameters that
//! all lists and all changes share.

use utoipa::openapi::{
    KnownFormat, ObjectBuilder, OpenApi, RefOr, Required, Schema, SchemaFormat, Type,
    path::{Operation, Parameter, ParameterIn},
};

use super::{access, conventions, examples::Examples};
use crate::views::pages::MAX_LIMIT;

/// Operations whose body may be left out, which then is the empty object.
const BODY_MAY_BE_ABSENT: &[&str] = &[
    "deploy_draft",
    "start_execution",
    "invoke_script",
    "replay_execution",
    "redrive_dead_letter",
    "put_hook_binding",
];

/// What an `If-Match` can be: one entity tag.
const ENTITY_TAG: &str = r#"^"[0-9a-z.-]{1,64}"$"#;

/// Say of each operation what it has in common with others.
pub(crate) fn describe_operations(document: &mut OpenApi) {
    let examples = Examples::read();
    for item in document.paths.paths.values_mut() {
        let is_read = item.get.is_some();
        let methods = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in methods {
            let Some(operation) = operation else { continue };
            access::describe(operation);
            conventions::describe(method, is_read, operation);
            examples.put_into(operation);
            bound_parameters(operation);
            let may_be_absent = operation.operation_id.as_deref().is_some_and(|id| BODY_MAY_BE_ABSENT.contains(&id));
            if let (true, Some(RefOr::T(body))) = (may_be_absent, &mut operation.request_body) {
                body.required = Some(Required::False);
            }
        }
    }
}

fn bound_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(schema) = shared_schema(parameter)
        {
            parameter.schema = Some(RefOr::T(Schema::Object(schema)));
        }
    }
}

fn shared_schema(parameter: &Parameter) -> Option<utoipa::openapi::Object> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    match (&parameter.parameter_in, parameter.name.to_ascii_lowercase().as_str()) {
        (ParameterIn::Query, "limit") => Some(
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
                .minimum(Some(1))
                .maximum(Some(MAX_LIMIT))
                .build(),
        ),
        (ParameterIn::Query, "cursor") => Some(text().min_length(Some(1)).build()),
        (ParameterIn::Header, "if-match") => Some(text().pattern(Some(ENTITY_TAG)).build()),
        _ => None,
    }
}
