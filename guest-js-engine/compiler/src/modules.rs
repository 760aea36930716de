//! What a script cannot have: another module, and syntax that the engine does not know.

use oxc::{
    ast::ast::{
        AccessorProperty, Decorator, ImportExpression, Program, Statement, StringLiteral, TSExportAssignment,
        TSExternalModuleReference,
    },
    ast_visit::{Visit, walk},
    span::{GetSpan, Span},
};

use crate::findings::Finding;

/// What to do about an import.
const BUNDLE: &str = "bundle with esbuild first: `esbuild main.ts --bundle --format=esm --target=esnext`";

/// The `import` and `export … from` declarations of a program without types.
pub(crate) fn find_static(program: &Program<'_>) -> Vec<Finding> {
    program.body.iter().filter_map(statement).collect()
}

fn statement(statement: &Statement<'_>) -> Option<Finding> {
    let (what, specifier) = match statement {
        // Only the transformer makes declarations that stand nowhere in the author's text.
        Statement::ImportDeclaration(import) if import.span == Span::default() => return Some(needs_helper()),
        Statement::ImportDeclaration(import) => ("import", &import.source),
        Statement::ExportAllDeclaration(export) => ("re-export", &export.source),
        Statement::ExportFromDeclaration(export) => ("re-export", &export.source),
        _ => return None,
    };
    Some(Finding::error(statement.span().start, import_refused(what, specifier), BUNDLE))
}

fn import_refused(what: &str, specifier: &StringLiteral<'_>) -> String {
    format!("a script is one module, and cannot {what} {:?}", specifier.value.as_str())
}

fn needs_helper() -> Finding {
    Finding::error(0, "this TypeScript needs a helper library to run", "write it in JavaScript's own syntax")
}

/// The `import(…)` expressions, and the syntax that neither the transformer nor the engine knows, wherever they stand.
pub(crate) fn find_within(program: &Program<'_>) -> Vec<Finding> {
    let mut finder = Finder::default();
    finder.visit_program(program);
    finder.found
}

#[derive(Default)]
struct Finder {
    found: Vec<Finding>,
}

impl<'a> Visit<'a> for Finder {
    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        let message = "a script is one module, and cannot import another one while it runs";
        self.found.push(Finding::error(import.span.start, message, BUNDLE));
        walk::walk_import_expression(self, import);
    }

    fn visit_accessor_property(&mut self, accessor: &AccessorProperty<'a>) {
        let message = "there are no `accessor` fields here: the engine does not know them";
        let advice = "write a private field with a getter and a setter";
        self.found.push(Finding::error(accessor.span.start, message, advice));
        walk::walk_accessor_property(self, accessor);
    }

    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        let message = "there are no decorators here: the engine does not know them";
        let advice = "call the function yourself: `method = wrap(method)`";
        self.found.push(Finding::error(decorator.span.start, message, advice));
        walk::walk_decorator(self, decorator);
    }

    // The transformer would make `require` and `module.exports` of these two, which are not there either.

    fn visit_ts_external_module_reference(&mut self, reference: &TSExternalModuleReference<'a>) {
        self.found.push(Finding::error(reference.span.start, import_refused("import", &reference.expression), BUNDLE));
    }

    fn visit_ts_export_assignment(&mut self, assignment: &TSExportAssignment<'a>) {
        let message = "`export =` is for CommonJS, and a script is an ES module";
        self.found.push(Finding::error(assignment.span.start, message, "write `export default …`"));
        walk::walk_ts_export_assignment(self, assignment);
    }
}
