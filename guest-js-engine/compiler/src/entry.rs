//! Where a script begins: its default export, its only function, or its top level (SPEC section 2).

use oxc::{
    ast::ast::{
        Declaration, ExportDefaultDeclaration, ExportDefaultDeclarationKind, Expression, Function, ObjectExpression,
        ObjectPropertyKind, Program, PropertyKind, Statement, UnaryOperator,
    },
    span::GetSpan,
};

use crate::findings::Finding;

/// Where a script begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    /// The default export.
    DefaultExport,
    /// The only function that the top level declares, by name; it is to be made the default export.
    OnlyFunction(&'a str),
    /// The top level itself.
    TopLevel,
}

/// Find the entry of a program without types.
///
/// # Errors
/// When there is a default export, and the text alone shows that it cannot be called. What cannot be seen there, such
/// as what a call returns, is the engine's to judge.
pub(crate) fn find<'a>(program: &'a Program<'_>) -> Result<Entry<'a>, Finding> {
    let mut functions = Vec::new();
    for statement in &program.body {
        match statement {
            Statement::ExportDefaultDeclaration(export) => return check(export),
            Statement::ExportNamedDeclaration(export)
                if export.specifiers.iter().any(|specifier| specifier.exported.name() == "default") =>
            {
                return Ok(Entry::DefaultExport);
            }
            Statement::ExportDeclaration(export) => {
                if let Declaration::FunctionDeclaration(function) = &export.declaration {
                    functions.extend(name(function));
                }
            }
            Statement::FunctionDeclaration(function) => functions.extend(name(function)),
            _ => {}
        }
    }
    Ok(match functions[..] {
        [only] => Entry::OnlyFunction(only),
        _ => Entry::TopLevel,
    })
}

/// Where the default export stands.
pub(crate) fn offset(program: &Program<'_>) -> Option<u32> {
    program.body.iter().find_map(|statement| match statement {
        Statement::ExportDefaultDeclaration(export) => Some(export.declaration.span().start),
        Statement::ExportNamedDeclaration(export) => {
            export.specifiers.iter().find(|it| it.exported.name() == "default").map(|it| it.span.start)
        }
        _ => None,
    })
}

fn name<'a>(function: &'a Function<'_>) -> Option<&'a str> {
    // An overload and a `declare` have no body, and are no functions.
    function.body.as_ref()?;
    function.id.as_ref().map(|id| id.name.as_str())
}

fn check<'a>(export: &ExportDefaultDeclaration<'_>) -> Result<Entry<'a>, Finding> {
    let never_called = match &export.declaration {
        ExportDefaultDeclarationKind::FunctionDeclaration(_) => None,
        ExportDefaultDeclarationKind::ClassDeclaration(_) => Some("a class"),
        declaration => declaration.as_expression().and_then(never_called),
    };
    match never_called {
        None => Ok(Entry::DefaultExport),
        Some(what) => Err(Finding::error(
            export.declaration.span().start,
            format!("the default export is {what}"),
            "export a function, or an object with a `fetch` method",
        )),
    }
}

/// What an expression is, where it is certainly neither a function nor an object with `fetch`.
fn never_called(expression: &Expression<'_>) -> Option<&'static str> {
    Some(match expression {
        Expression::ArrayExpression(_) => "an array",
        Expression::BigIntLiteral(_) => "a BigInt",
        Expression::BooleanLiteral(_) | Expression::PrivateInExpression(_) => "a boolean",
        Expression::ClassExpression(_) => "a class",
        Expression::NullLiteral(_) => "null",
        Expression::NumericLiteral(_) | Expression::UpdateExpression(_) => "a number",
        Expression::RegExpLiteral(_) => "a regular expression",
        Expression::StringLiteral(_) | Expression::TemplateLiteral(_) => "a string",
        Expression::BinaryExpression(_) => "the result of an operator",
        Expression::Identifier(identifier) if identifier.name == "undefined" => "undefined",
        Expression::ObjectExpression(object) if !may_have_fetch(object) => "an object without a `fetch` method",
        Expression::UnaryExpression(unary) => match unary.operator {
            UnaryOperator::Typeof => "a string",
            UnaryOperator::Void => "undefined",
            UnaryOperator::LogicalNot | UnaryOperator::Delete => "a boolean",
            _ => "a number",
        },
        Expression::ParenthesizedExpression(inner) => return never_called(&inner.expression),
        Expression::AwaitExpression(inner) => return never_called(&inner.argument),
        Expression::SequenceExpression(sequence) => return sequence.expressions.last().and_then(never_called),
        _ => return None,
    })
}

fn may_have_fetch(object: &ObjectExpression<'_>) -> bool {
    object.properties.iter().any(|property| match property {
        ObjectPropertyKind::SpreadProperty(_) => true,
        ObjectPropertyKind::ObjectProperty(property) => match property.key.static_name() {
            // A computed name may be any.
            None => true,
            Some(name) if name == "fetch" => match property.kind {
                PropertyKind::Init => never_called(&property.value).is_none(),
                PropertyKind::Get => true,
                PropertyKind::Set => false,
            },
            Some(_) => false,
        },
    })
}
