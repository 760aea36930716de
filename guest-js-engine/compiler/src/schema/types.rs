//! Types to schemas.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use oxc::{
    ast::ast::{
        BindingIdentifier, Declaration, Expression, Program, Statement, TSEnumDeclaration, TSInterfaceDeclaration,
        TSLiteral, TSTupleElement, TSType, TSTypeAliasDeclaration, TSTypeName, TSTypeOperatorOperator, TSTypeReference,
        TSUnionType, UnaryOperator,
    },
    span::Span,
};

use super::{jsdoc, json::Json};

/// Types are looked at at most this often: generics can double with each level.
const STEPS_MAX: u32 = 20_000;
/// As deep as a schema may be, and some more for what comes to nothing.
const DEPTH_MAX: u32 = 64;

/// A declared type.
#[derive(Clone, Copy)]
pub(super) enum Declared<'p, 'a> {
    Alias(&'p TSTypeAliasDeclaration<'a>),
    Interface(&'p TSInterfaceDeclaration<'a>),
    Enum(&'p TSEnumDeclaration<'a>),
}

/// What type parameters stand for.
pub(super) type Bound<'p> = HashMap<&'p str, Json>;

/// The types that a program's top level declares.
pub(super) struct Types<'p, 'a> {
    pub(super) program: &'p Program<'a>,
    /// Interfaces of one name are one.
    declared: HashMap<&'p str, Vec<Declared<'p, 'a>>>,
    /// The named types that were used, in the order of their first use; `None` while one is being made.
    definitions: RefCell<Vec<(String, Option<Json>)>>,
    steps: Cell<u32>,
    depth: Cell<u32>,
}

impl<'p, 'a> Types<'p, 'a> {
    pub(super) fn of(program: &'p Program<'a>) -> Self {
        let mut declared: HashMap<&'p str, Vec<Declared<'p, 'a>>> = HashMap::new();
        for statement in &program.body {
            let declaration = match statement {
                Statement::ExportDeclaration(export) => Some(&export.declaration),
                statement => statement.as_declaration(),
            };
            if let Some((name, found)) = declaration.and_then(of_declaration) {
                declared.entry(name).or_default().push(found);
            }
        }
        let (steps, depth) = (Cell::new(0), Cell::new(0));
        Self { program, declared, definitions: RefCell::default(), steps, depth }
    }

    /// The type that an alias names.
    pub(super) fn alias(&self, name: &str) -> Option<&'p TSType<'a>> {
        match self.declared.get(name)?[..] {
            [Declared::Alias(alias)] => Some(&alias.type_annotation),
            _ => None,
        }
    }

    pub(super) fn declared(&self, name: &str) -> &[Declared<'p, 'a>] {
        self.declared.get(name).map_or(&[], Vec::as_slice)
    }

    /// The whole schema of a type; `None` where it allows anything.
    pub(super) fn root(&self, ty: &'p TSType<'a>) -> Option<Json> {
        let mut schema = self.schema(ty, &Bound::new());
        let mut definitions: Vec<(String, Json)> =
            self.definitions.take().into_iter().filter_map(|(name, schema)| Some((name, schema?))).collect();
        // What only the root uses needs no name.
        if let Some(Json::Text(reference)) = schema.only_field("$ref") {
            let is_root = |(name, _): &(String, Json)| reference_to(name) == *reference;
            let refers = |(_, schema): &(String, Json)| mentions(schema, reference);
            if let Some(at) = definitions.iter().position(is_root)
                && !definitions.iter().any(refers)
            {
                schema = definitions.remove(at).1;
            }
        }
        if schema.is_anything() || self.steps.get() >= STEPS_MAX {
            return None;
        }
        Some(if definitions.is_empty() { schema } else { schema.with("$defs", Json::Object(definitions)) })
    }

    /// The schema of a type. Anything is allowed where it cannot be told, and past the bounds.
    pub(super) fn schema(&self, ty: &'p TSType<'a>, bound: &Bound<'p>) -> Json {
        if !self.enter() {
            return Json::anything();
        }
        let schema = self.schema_within(ty, bound);
        self.leave();
        schema
    }

    /// Go one level down, if there is room for one; [`Self::leave`] goes up again.
    pub(super) fn enter(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        let has_room = self.steps.get() < STEPS_MAX && self.depth.get() < DEPTH_MAX;
        if has_room {
            self.depth.set(self.depth.get() + 1);
        }
        has_room
    }

    pub(super) fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }

    fn schema_within(&self, ty: &'p TSType<'a>, bound: &Bound<'p>) -> Json {
        match ty {
            TSType::TSStringKeyword(_) | TSType::TSTemplateLiteralType(_) => Json::typed("string"),
            TSType::TSNumberKeyword(_) => Json::typed("number"),
            TSType::TSBooleanKeyword(_) => Json::typed("boolean"),
            TSType::TSNullKeyword(_) => Json::typed("null"),
            TSType::TSObjectKeyword(_) => Json::typed("object"),
            TSType::TSLiteralType(literal) => {
                self.literal(&literal.literal).map_or_else(Json::anything, |value| Json::object([("const", value)]))
            }
            TSType::TSParenthesizedType(inner) => self.schema(&inner.type_annotation, bound),
            TSType::TSTypeOperatorType(operator) => match operator.operator {
                TSTypeOperatorOperator::Readonly => self.schema(&operator.type_annotation, bound),
                TSTypeOperatorOperator::Keyof => self.keys(&operator.type_annotation, bound),
                TSTypeOperatorOperator::Unique => Json::anything(),
            },
            TSType::TSArrayType(array) => list(self.schema(&array.element_type, bound)),
            TSType::TSTupleType(tuple) => self.tuple(&tuple.element_types, bound),
            TSType::TSUnionType(union) => self.union(union, bound),
            TSType::TSTypeReference(reference) => self.reference(reference, bound),
            TSType::TSTypeLiteral(_) | TSType::TSIntersectionType(_) => match self.members(ty, bound) {
                Some(members) => members.into_schema(),
                None => self.all_of(ty, bound),
            },
            TSType::TSIndexedAccessType(access) => self
                .members(&access.object_type, bound)
                .and_then(|members| {
                    let names = self.names(&access.index_type)?;
                    let [name] = &names[..] else { return None };
                    members.properties.into_iter().find(|property| property.name == *name)
                })
                .map_or_else(Json::anything, |property| property.schema),
            TSType::JSDocNullableType(nullable) => {
                any_of(vec![self.schema(&nullable.type_annotation, bound), Json::typed("null")])
            }
            TSType::JSDocNonNullableType(inner) => self.schema(&inner.type_annotation, bound),
            _ => Json::anything(),
        }
    }

    fn literal(&self, literal: &TSLiteral<'_>) -> Option<Json> {
        Some(match literal {
            TSLiteral::BooleanLiteral(it) => Json::Bool(it.value),
            TSLiteral::NumericLiteral(it) if it.value.is_finite() => Json::Number(it.value),
            TSLiteral::StringLiteral(it) => Json::text(it.value.as_str()),
            TSLiteral::UnaryExpression(it) => match (&it.operator, &it.argument) {
                (UnaryOperator::UnaryNegation, Expression::NumericLiteral(number)) => Json::Number(-number.value),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn keys(&self, ty: &'p TSType<'a>, bound: &Bound<'p>) -> Json {
        match self.members(ty, bound) {
            Some(members) if members.index.is_none() => Json::object([(
                "enum",
                Json::Array(members.properties.into_iter().map(|property| Json::Text(property.name)).collect()),
            )]),
            _ => Json::typed("string"),
        }
    }

    fn tuple(&self, elements: &'p [TSTupleElement<'a>], bound: &Bound<'p>) -> Json {
        let (mut items, mut rest, mut least) = (Vec::new(), Json::Bool(false), 0.0);
        for element in elements {
            match element {
                TSTupleElement::TSRestType(it) => {
                    let ty = match &it.type_annotation {
                        TSType::TSNamedTupleMember(named) => named.element_type.as_ts_type(),
                        ty => Some(ty),
                    };
                    rest = match ty.map_or_else(Json::anything, |ty| self.schema(ty, bound)) {
                        Json::Object(fields) => fields
                            .into_iter()
                            .find_map(|(name, value)| (name == "items").then_some(value))
                            .unwrap_or_else(Json::anything),
                        _ => Json::anything(),
                    }
                }
                TSTupleElement::TSOptionalType(it) => items.push(self.schema(&it.type_annotation, bound)),
                TSTupleElement::TSNamedTupleMember(it) => {
                    if !it.optional {
                        least += 1.0;
                    }
                    items.push(it.element_type.as_ts_type().map_or_else(Json::anything, |ty| self.schema(ty, bound)));
                }
                element => {
                    least += 1.0;
                    items.push(element.as_ts_type().map_or_else(Json::anything, |ty| self.schema(ty, bound)));
                }
            }
        }
        let array = Json::typed("array").with("prefixItems", Json::Array(items)).with("items", rest);
        array.with("minItems", Json::Number(least))
    }

    fn union(&self, union: &'p TSUnionType<'a>, bound: &Bound<'p>) -> Json {
        let is_absent = |ty: &&TSType<'_>| !matches!(ty, TSType::TSUndefinedKeyword(_) | TSType::TSVoidKeyword(_));
        any_of(union.types.iter().filter(is_absent).map(|ty| self.schema(ty, bound)).collect())
    }

    /// An intersection of which not all parts are objects.
    fn all_of(&self, ty: &'p TSType<'a>, bound: &Bound<'p>) -> Json {
        let TSType::TSIntersectionType(intersection) = ty else { return Json::anything() };
        let parts = intersection.types.iter().map(|ty| self.schema(ty, bound));
        let parts: Vec<Json> = parts.filter(|part| !part.is_anything()).collect();
        if parts.is_empty() { Json::anything() } else { Json::object([("allOf", Json::Array(parts))]) }
    }

    fn reference(&self, reference: &'p TSTypeReference<'a>, bound: &Bound<'p>) -> Json {
        let TSTypeName::IdentifierReference(identifier) = &reference.type_name else {
            return Json::anything();
        };
        let name = identifier.name.as_str();
        if let Some(schema) = bound.get(name) {
            // Each use is a copy, so that copies of copies would grow without a step.
            self.steps.set(self.steps.get().saturating_add(schema.places()));
            return if self.steps.get() < STEPS_MAX { schema.clone() } else { Json::anything() };
        }
        let arguments = reference.type_arguments.as_ref().map_or(&[][..], |arguments| &arguments.params[..]);
        match self.declared(name) {
            [] => self.known(name, reference, arguments, bound),
            [Declared::Alias(alias)] if alias.type_parameters.is_some() => {
                let parameters = alias.type_parameters.as_ref().map_or(&[][..], |it| &it.params[..]);
                let names = parameters.iter().map(|parameter| (&parameter.name, parameter.default.as_ref()));
                self.schema(&alias.type_annotation, &self.bind(names, arguments, bound))
            }
            [Declared::Interface(interface), ..] if interface.type_parameters.is_some() => {
                self.members_of(reference, bound).map_or_else(Json::anything, super::objects::Members::into_schema)
            }
            declared => self.defined(name, declared),
        }
    }

    /// What the parameters of a generic type stand for.
    pub(super) fn bind(
        &self,
        parameters: impl Iterator<Item = (&'p BindingIdentifier<'a>, Option<&'p TSType<'a>>)>,
        arguments: &'p [TSType<'a>],
        bound: &Bound<'p>,
    ) -> Bound<'p> {
        parameters
            .enumerate()
            .map(|(index, (name, default))| {
                let argument = arguments.get(index).or(default);
                let schema = argument.map_or_else(Json::anything, |ty| self.schema(ty, bound));
                (name.name.as_str(), schema)
            })
            .collect()
    }

    /// A type with a name and no parameters: defined once, and referred to.
    fn defined(&self, name: &'p str, declared: &[Declared<'p, 'a>]) -> Json {
        let reference = || Json::object([("$ref", Json::Text(reference_to(name)))]);
        if self.definitions.borrow().iter().any(|(defined, _)| defined == name) {
            return reference();
        }
        self.definitions.borrow_mut().push((name.to_owned(), None));
        // A name's own depth is not its user's.
        let depth = self.depth.replace(0);
        let schema = match declared {
            [Declared::Alias(alias)] => self.described(self.schema(&alias.type_annotation, &Bound::new()), alias.span),
            [Declared::Enum(declaration)] => of_enum(declaration),
            [Declared::Interface(first), ..] => {
                let members = self.members_of_declared(name).map_or_else(Json::anything, |it| it.into_schema());
                self.described(members, first.span)
            }
            _ => Json::anything(),
        };
        self.depth.set(depth);
        let is_anything = schema.is_anything();
        for (defined, place) in self.definitions.borrow_mut().iter_mut() {
            if defined == name {
                *place = Some(schema.clone());
            }
        }
        // Primitives and lists read better where they stand.
        let is_simple = matches!(&schema, Json::Object(fields) if fields.len() == 1 && fields[0].0 == "type");
        if (is_anything || is_simple) && !mentions(&schema, &reference_to(name)) {
            self.definitions.borrow_mut().retain(|(defined, _)| defined != name);
            return schema;
        }
        reference()
    }

    fn described(&self, schema: Json, span: Span) -> Json {
        match jsdoc::description(self.program, span.start) {
            Some(text) => schema.with("description", Json::Text(text)),
            None => schema,
        }
    }

    /// A type that the language knows.
    fn known(
        &self,
        name: &str,
        reference: &'p TSTypeReference<'a>,
        arguments: &'p [TSType<'a>],
        bound: &Bound<'p>,
    ) -> Json {
        match (name, arguments) {
            ("Array" | "ReadonlyArray", [item]) => list(self.schema(item, bound)),
            ("Array" | "ReadonlyArray", []) => Json::typed("array"),
            ("Date", _) => Json::typed("string").with("format", Json::text("date-time")),
            ("String", _) => Json::typed("string"),
            ("Number", _) => Json::typed("number"),
            ("Boolean", _) => Json::typed("boolean"),
            ("Object", _) => Json::typed("object"),
            ("NonNullable" | "Awaited" | "Promise", [inner]) => self.schema(inner, bound),
            _ => self.members_of(reference, bound).map_or_else(Json::anything, |members| members.into_schema()),
        }
    }
}

fn of_declaration<'p, 'a>(declaration: &'p Declaration<'a>) -> Option<(&'p str, Declared<'p, 'a>)> {
    match declaration {
        Declaration::TSTypeAliasDeclaration(it) => Some((it.id.name.as_str(), Declared::Alias(it))),
        Declaration::TSInterfaceDeclaration(it) => Some((it.id.name.as_str(), Declared::Interface(it))),
        Declaration::TSEnumDeclaration(it) => Some((it.id.name.as_str(), Declared::Enum(it))),
        _ => None,
    }
}

/// The values of an enum, as far as its text shows them.
fn of_enum(declaration: &TSEnumDeclaration<'_>) -> Json {
    let (mut values, mut next) = (Vec::new(), Some(0.0));
    for member in &declaration.body.members {
        let value = match member.initializer.as_ref().map(Expression::get_inner_expression) {
            None => next.map(Json::Number),
            Some(Expression::StringLiteral(text)) => Some(Json::text(text.value.as_str())),
            Some(Expression::NumericLiteral(number)) => Some(Json::Number(number.value)),
            Some(Expression::UnaryExpression(it)) => match (&it.operator, &it.argument) {
                (UnaryOperator::UnaryNegation, Expression::NumericLiteral(number)) => Some(Json::Number(-number.value)),
                _ => None,
            },
            Some(_) => None,
        };
        let Some(value) = value else { return Json::anything() };
        next = if let Json::Number(number) = value { Some(number + 1.0) } else { None };
        values.push(value);
    }
    Json::object([("enum", Json::Array(values))])
}

fn list(items: Json) -> Json {
    if items.is_anything() { Json::typed("array") } else { Json::typed("array").with("items", items) }
}

/// One of several: values become an `enum`, names of types a list of them.
fn any_of(mut parts: Vec<Json>) -> Json {
    parts.dedup();
    if parts.len() == 1 {
        return parts.remove(0);
    }
    if parts.is_empty() || parts.iter().any(Json::is_anything) {
        return Json::anything();
    }
    let is_null = |part: &Json| part.only_field("type") == Some(&Json::text("null"));
    let value = |part: &Json| if is_null(part) { Some(Json::Null) } else { part.only_field("const").cloned() };
    if parts.iter().any(|part| part.only_field("const").is_some())
        && let Some(values) = parts.iter().map(value).collect()
    {
        return Json::object([("enum", Json::Array(values))]);
    }
    match parts.iter().map(|part| part.only_field("type").cloned()).collect() {
        Some(types) => Json::object([("type", Json::Array(types))]),
        None => Json::object([("anyOf", Json::Array(parts))]),
    }
}

fn reference_to(name: &str) -> String {
    format!("#/$defs/{name}")
}

fn mentions(schema: &Json, reference: &str) -> bool {
    match schema {
        Json::Array(items) => items.iter().any(|item| mentions(item, reference)),
        Json::Object(fields) => fields.iter().any(|(name, value)| match value {
            Json::Text(text) => name == "$ref" && text == reference,
            value => mentions(value, reference),
        }),
        _ => false,
    }
}
