//! What the API's description says of every operation of a kind, because a layer does it and no handler: keys by which a
//! request is told again, tags that a change may ask for, and how many requests there may be.

use utoipa::openapi::{
    ObjectBuilder, RefOr, Required,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::Type,
};

use super::{
    access::{self, Access},
    problem::kinds,
    responses,
};

/// Say of an operation what the layers around it add. `is_read` where its address has a `GET`.
pub(crate) fn describe(method: &str, is_read: bool, operation: &mut Operation) {
    let access = operation.operation_id.as_deref().and_then(access::of_operation);
    if matches!(access, None | Some(Access::Anybody)) {
        return;
    }
    responses::add(&mut operation.responses, &[&kinds::QUOTA]);
    if method == "post" && matches!(access, Some(Access::Known | Access::Needs(_) | Access::Operator)) {
        responses::add(
            &mut operation.responses,
            &[&kinds::MALFORMED_REQUEST, &kinds::KEY_IN_USE, &kinds::ANSWER_LOST, &kinds::KEY_REUSED],
        );
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
        let description = "A text of your own: the same request with the same key is done once, for a day";
        add_header(operation, "Idempotency-Key", description, text.pattern(Some("^[!-~]+$")));
    }
    if is_read && matches!(method, "put" | "patch" | "delete") {
        responses::add(&mut operation.responses, &[&kinds::STALE]);
        let description = "The ETag that GET answered: refuses the change where it is another by now";
        add_header(operation, "If-Match", description, ObjectBuilder::new().schema_type(Type::String));
    }
}

/// Add an optional header to those that an operation takes, where it does not name it itself.
fn add_header(operation: &mut Operation, name: &str, description: &str, schema: ObjectBuilder) {
    let parameters = operation.parameters.get_or_insert_default();
    let is_known = |known: &RefOr<Parameter>| match known {
        RefOr::T(known) => known.name.eq_ignore_ascii_case(name),
        RefOr::Ref(_) => false,
    };
    if parameters.iter().any(is_known) {
        return;
    }
    let header = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema));
    parameters.push(RefOr::T(header.build()));
}
