//! What objects have: interfaces, literals of types, and what TypeScript's own helpers make of them.

use oxc::{
    ast::ast::{PropertyKey, TSInterfaceDeclaration, TSLiteral, TSSignature, TSType, TSTypeName, TSTypeReference},
    span::GetSpan,
};

use super::{
    jsdoc,
    json::Json,
    types::{Bound, Declared, Types},
};

/// The properties of an object.
#[derive(Clone, Default)]
pub(super) struct Members {
    pub(super) properties: Vec<Property>,
    /// What properties without a name of their own have.
    pub(super) index: Option<Json>,
}

/// A property of an object.
#[derive(Clone)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) schema: Json,
    is_optional: bool,
}

impl Members {
    pub(super) fn into_schema(self) -> Json {
        let required: Vec<Json> =
            self.properties.iter().filter(|it| !it.is_optional).map(|it| Json::text(&it.name)).collect();
        let properties: Vec<(String, Json)> = self.properties.into_iter().map(|it| (it.name, it.schema)).collect();
        let mut schema = Json::typed("object");
        if !properties.is_empty() {
            schema = schema.with("properties", Json::Object(properties));
        }
        if !required.is_empty() {
            schema = schema.with("required", Json::Array(required));
        }
        match self.index {
            Some(index) if !index.is_anything() => schema.with("additionalProperties", index),
            _ => schema,
        }
    }

    /// Add what another type has; where both have a property, the later one counts.
    fn add(&mut self, other: Self) {
        for property in other.properties {
            self.properties.retain(|it| it.name != property.name);
            self.properties.push(property);
        }
        self.index = other.index.or(self.index.take());
    }

    fn each(mut self, is_optional: bool) -> Self {
        self.properties.iter_mut().for_each(|property| property.is_optional = is_optional);
        self
    }

    fn only(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.properties.retain(|property| keep(&property.name));
        self
    }
}

impl<'p, 'a> Types<'p, 'a> {
    /// The members of an object type; `None` for any other.
    pub(super) fn members(&self, ty: &'p TSType<'a>, bound: &Bound<'p>) -> Option<Members> {
        match ty {
            TSType::TSParenthesizedType(inner) => self.members(&inner.type_annotation, bound),
            TSType::TSTypeOperatorType(operator) => self.members(&operator.type_annotation, bound),
            TSType::TSTypeLiteral(literal) => Some(self.signatures(&literal.members, bound)),
            TSType::TSIntersectionType(intersection) => {
                let mut all = Members::default();
                for part in &intersection.types {
                    all.add(self.members(part, bound)?);
                }
                Some(all)
            }
            TSType::TSTypeReference(reference) => self.members_of(reference, bound),
            _ => None,
        }
    }

    pub(super) fn members_of(&self, reference: &'p TSTypeReference<'a>, bound: &Bound<'p>) -> Option<Members> {
        let TSTypeName::IdentifierReference(identifier) = &reference.type_name else { return None };
        let name = identifier.name.as_str();
        let arguments = reference.type_arguments.as_ref().map_or(&[][..], |arguments| &arguments.params[..]);
        if !self.enter() {
            return None;
        }
        let members = match (name, arguments, self.declared(name)) {
            (_, _, [Declared::Alias(alias)]) => {
                let parameters = alias.type_parameters.as_ref().map_or(&[][..], |it| &it.params[..]);
                let names = parameters.iter().map(|parameter| (&parameter.name, parameter.default.as_ref()));
                self.members(&alias.type_annotation, &self.bind(names, arguments, bound))
            }
            (_, _, [Declared::Interface(_), ..]) => self.interface(name, arguments, bound),
            ("Partial", [of], []) => self.members(of, bound).map(|members| members.each(true)),
            ("Required", [of], []) => self.members(of, bound).map(|members| members.each(false)),
            ("Readonly", [of], []) => self.members(of, bound),
            ("Pick", [of, keys], []) => {
                let keys = self.names(keys);
                keys.and_then(|keys| Some(self.members(of, bound)?.only(|name| keys.iter().any(|key| key == name))))
            }
            ("Omit", [of, keys], []) => {
                let keys = self.names(keys);
                keys.and_then(|keys| Some(self.members(of, bound)?.only(|name| !keys.iter().any(|key| key == name))))
            }
            ("Record", [keys, values], []) => Some(self.record(keys, values, bound)),
            _ => None,
        };
        self.leave();
        members
    }

    /// The members of a type that is declared without parameters.
    pub(super) fn members_of_declared(&self, name: &str) -> Option<Members> {
        self.interface(name, &[], &Bound::new())
    }

    /// All interfaces of one name, and what they extend.
    fn interface(&self, name: &str, arguments: &'p [TSType<'a>], bound: &Bound<'p>) -> Option<Members> {
        let mut all = Members::default();
        for declared in self.declared(name) {
            let Declared::Interface(interface) = *declared else { return None };
            let parameters = interface.type_parameters.as_ref().map_or(&[][..], |it| &it.params[..]);
            let names = parameters.iter().map(|parameter| (&parameter.name, parameter.default.as_ref()));
            let bound = self.bind(names, arguments, bound);
            self.inherited(interface, &bound, &mut all);
            all.add(self.signatures(&interface.body.body, &bound));
        }
        Some(all)
    }

    fn inherited(&self, interface: &'p TSInterfaceDeclaration<'a>, bound: &Bound<'p>, all: &mut Members) {
        for heritage in &interface.extends {
            let TSTypeName::IdentifierReference(identifier) = &heritage.type_name else { continue };
            let arguments = heritage.type_arguments.as_ref().map_or(&[][..], |arguments| &arguments.params[..]);
            // An interface that extends itself is refused by no parser.
            if self.enter() {
                let name = identifier.name.as_str();
                let members = match self.declared(name) {
                    [Declared::Alias(alias)] => self.members(&alias.type_annotation, bound),
                    _ => self.interface(name, arguments, bound),
                };
                all.add(members.unwrap_or_default());
                self.leave();
            }
        }
    }

    fn record(&self, keys: &'p TSType<'a>, values: &'p TSType<'a>, bound: &Bound<'p>) -> Members {
        let schema = self.schema(values, bound);
        match self.names(keys) {
            Some(names) => {
                let property = |name| Property { name, schema: schema.clone(), is_optional: false };
                Members { properties: names.into_iter().map(property).collect(), index: None }
            }
            None => Members { properties: Vec::new(), index: Some(schema) },
        }
    }

    /// The names in a union of texts, or in an alias of one.
    pub(super) fn names(&self, ty: &'p TSType<'a>) -> Option<Vec<String>> {
        match ty {
            TSType::TSParenthesizedType(inner) => self.names(&inner.type_annotation),
            TSType::TSLiteralType(literal) => match &literal.literal {
                TSLiteral::StringLiteral(text) => Some(vec![text.value.to_string()]),
                _ => None,
            },
            TSType::TSUnionType(union) => {
                let names: Option<Vec<Vec<String>>> = union.types.iter().map(|ty| self.names(ty)).collect();
                names.map(|names| names.concat())
            }
            TSType::TSTypeReference(reference) if self.enter() => {
                let names = match &reference.type_name {
                    TSTypeName::IdentifierReference(identifier) => {
                        self.alias(identifier.name.as_str()).and_then(|ty| self.names(ty))
                    }
                    _ => None,
                };
                self.leave();
                names
            }
            _ => None,
        }
    }

    fn signatures(&self, signatures: &'p [TSSignature<'a>], bound: &Bound<'p>) -> Members {
        let mut members = Members::default();
        for signature in signatures {
            match signature {
                TSSignature::TSPropertySignature(property) => {
                    let Some(name) = key(&property.key, property.computed) else { continue };
                    let ty = property.type_annotation.as_ref().map(|it| &it.type_annotation);
                    // A function is no JSON: an argument never has one.
                    if matches!(ty, Some(TSType::TSFunctionType(_))) {
                        continue;
                    }
                    let mut schema = ty.map_or_else(Json::anything, |ty| self.schema(ty, bound));
                    if let Some(text) = jsdoc::description(self.program, property.span().start) {
                        schema = schema.with("description", Json::Text(text));
                    }
                    let is_optional = property.optional || ty.is_some_and(may_be_absent);
                    members.properties.push(Property { name, schema, is_optional });
                }
                TSSignature::TSIndexSignature(index) => {
                    members.index = Some(self.schema(&index.type_annotation.type_annotation, bound));
                }
                _ => {}
            }
        }
        members
    }
}

fn may_be_absent(ty: &TSType<'_>) -> bool {
    match ty {
        TSType::TSUndefinedKeyword(_) => true,
        TSType::TSUnionType(union) => union.types.iter().any(may_be_absent),
        _ => false,
    }
}

fn key(key: &PropertyKey<'_>, is_computed: bool) -> Option<String> {
    match key {
        PropertyKey::StaticIdentifier(identifier) => Some(identifier.name.to_string()),
        PropertyKey::StringLiteral(literal) => Some(literal.value.to_string()),
        PropertyKey::NumericLiteral(literal) if !is_computed => Some(literal.value.to_string()),
        _ => None,
    }
}
