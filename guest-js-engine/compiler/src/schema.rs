//! The JSON Schema (2020-12) of the entry's argument, read from its type: TypeScript's own, or JSDoc's in JavaScript.
//!
//! It tells forms and callers what a script expects. Nothing is checked against it: a type that JSON cannot have, or
//! that only a type checker could resolve, allows anything.

mod jsdoc;
mod json;
mod objects;
mod types;

use oxc::{
    allocator::Allocator,
    ast::ast::{
        Declaration, ExportDefaultDeclarationKind, Expression, FormalParameters, Function, Program, Statement, TSType,
        VariableDeclarator,
    },
    parser::Parser,
    span::{GetSpan, SourceType},
};

use crate::{contract::skerry::script::source::Language, entry::Entry, findings::Finding};
use json::Json;
use types::Types;

/// What a schema may have (RULES 11): as much as one that an operator writes.
const SCHEMA_BYTES_MAX: usize = 64 << 10;
const SCHEMA_DEPTH_MAX: usize = 32;

/// The schema of a script's argument, and a warning where it has one that is too large.
pub(crate) fn of_input(language: Language, program: &Program<'_>, entry: Entry<'_>) -> Result<Option<String>, Finding> {
    let Some(entry) = EntryFunction::find(program, entry) else { return Ok(None) };
    let schema = match language {
        Language::Typescript => entry.parameter_type().and_then(|ty| Types::of(program).root(ty)),
        Language::Javascript => jsdoc::as_typescript(program, &entry).and_then(|text| of_alias(&text)),
    };
    schema.map(|schema| bounded(&schema, entry.start)).transpose()
}

/// The schema of the type [`jsdoc::INPUT`] in a text of types.
fn of_alias(text: &str) -> Option<Json> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
    if parsed.diagnostics.has_errors() {
        return None;
    }
    let types = Types::of(&parsed.program);
    let input = types.alias(jsdoc::INPUT)?;
    types.root(input)
}

fn bounded(schema: &Json, offset: u32) -> Result<String, Finding> {
    let mut text = String::new();
    let depth = schema.depth();
    if depth <= SCHEMA_DEPTH_MAX {
        schema.write(&mut text);
    }
    if depth > SCHEMA_DEPTH_MAX || text.len() > SCHEMA_BYTES_MAX {
        let message = format!(
            "the entry's type makes a schema of more than {SCHEMA_BYTES_MAX} bytes or {SCHEMA_DEPTH_MAX} levels, which is left out"
        );
        return Err(Finding::warning(offset, message, Some(String::from("give parts of the type names of their own"))));
    }
    Ok(text)
}

/// The function that a script begins with, as it is declared.
pub(crate) struct EntryFunction<'p, 'a> {
    /// Where its statement starts: there a JSDoc comment stands.
    start: u32,
    params: Option<&'p FormalParameters<'a>>,
    /// The type of the variable that holds it.
    variable: Option<&'p TSType<'a>>,
}

impl<'p, 'a> EntryFunction<'p, 'a> {
    fn find(program: &'p Program<'a>, entry: Entry<'_>) -> Option<Self> {
        let name = match entry {
            Entry::TopLevel => return None,
            Entry::OnlyFunction(name) => name.to_owned(),
            Entry::DefaultExport => match default_export(program)? {
                Exported::Here(entry) => return Some(entry),
                Exported::Named(name) => name,
            },
        };
        program.body.iter().find_map(|statement| Self::declared(statement, &name))
    }

    fn of(start: u32, function: &'p Function<'a>) -> Self {
        Self { start, params: Some(&function.params), variable: None }
    }

    fn of_expression(start: u32, expression: &'p Expression<'a>) -> Option<Self> {
        match expression.get_inner_expression() {
            Expression::FunctionExpression(function) => Some(Self::of(start, function)),
            Expression::ArrowFunctionExpression(arrow) => {
                Some(Self { start, params: Some(&arrow.params), variable: None })
            }
            _ => None,
        }
    }

    /// The top level's function or variable of this name. Of overloads the one with a body is called.
    fn declared(statement: &'p Statement<'a>, name: &str) -> Option<Self> {
        let start = statement.span().start;
        let declaration = match statement {
            Statement::ExportDeclaration(export) => &export.declaration,
            statement => statement.as_declaration()?,
        };
        match declaration {
            Declaration::FunctionDeclaration(function) => {
                let is_it = function.body.is_some() && function.id.as_ref().is_some_and(|id| id.name == name);
                is_it.then(|| Self::of(start, function))
            }
            Declaration::VariableDeclaration(variables) => variables
                .declarations
                .iter()
                .find(|variable| variable.id.get_identifier_name().is_some_and(|id| id == name))
                .and_then(|variable| Self::of_variable(start, variable)),
            _ => None,
        }
    }

    fn of_variable(start: u32, variable: &'p VariableDeclarator<'a>) -> Option<Self> {
        let function = Self::of_expression(start, variable.init.as_ref()?)?;
        let ty = variable.type_annotation.as_ref().map(|annotation| &annotation.type_annotation);
        Some(Self { variable: ty, ..function })
    }

    fn parameter_type(&self) -> Option<&'p TSType<'a>> {
        let of = |params: &'p FormalParameters<'a>| {
            params.items.first().and_then(|first| first.type_annotation.as_ref()).map(|it| &it.type_annotation)
        };
        let of_variable = || match self.variable {
            Some(TSType::TSFunctionType(function)) => of(&function.params),
            _ => None,
        };
        self.params.and_then(of).or_else(of_variable)
    }
}

enum Exported<'p, 'a> {
    Here(EntryFunction<'p, 'a>),
    Named(String),
}

fn default_export<'p, 'a>(program: &'p Program<'a>) -> Option<Exported<'p, 'a>> {
    program.body.iter().find_map(|statement| match statement {
        Statement::ExportDefaultDeclaration(export) => match &export.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                function.body.as_ref()?;
                Some(Exported::Here(EntryFunction::of(export.span.start, function)))
            }
            declaration => match declaration.as_expression()?.get_inner_expression() {
                Expression::Identifier(identifier) => Some(Exported::Named(identifier.name.to_string())),
                expression => EntryFunction::of_expression(export.span.start, expression).map(Exported::Here),
            },
        },
        Statement::ExportNamedDeclaration(export) => {
            let default = export.specifiers.iter().find(|specifier| specifier.exported.name() == "default")?;
            Some(Exported::Named(default.local.name().to_string()))
        }
        _ => None,
    })
}
