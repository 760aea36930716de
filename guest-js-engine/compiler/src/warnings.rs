//! What is allowed and probably not meant: host calls that nothing waits for, and names that nothing declares.

use std::collections::BTreeSet;

use oxc::{
    ast::ast::{
        CallExpression, Expression, ExpressionStatement, IdentifierReference, Program, UnaryExpression, UnaryOperator,
    },
    ast_visit::{Visit, walk},
    semantic::Scoping,
};

use crate::{findings::Finding, globals};

/// Find them in a program, types and all.
pub(crate) fn find(program: &Program<'_>, scoping: &Scoping) -> Vec<Finding> {
    let mut finder = Finder { scoping, unknown: BTreeSet::new(), found: Vec::new() };
    finder.visit_program(program);
    finder.found
}

struct Finder<'p> {
    scoping: &'p Scoping,
    /// The unknown names that were reported: each is, once.
    unknown: BTreeSet<String>,
    found: Vec<Finding>,
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_expression_statement(&mut self, statement: &ExpressionStatement<'a>) {
        if let Expression::CallExpression(call) = statement.expression.without_parentheses()
            && let Some(name) = self.host_call(call)
        {
            let message = format!("nothing waits for `{name}(…)`, which answers a promise");
            let advice = format!("write `await {name}(…)`; what is under way when the script ends is cut");
            self.found.push(Finding::warning(call.span.start, message, Some(advice)));
        }
        walk::walk_expression_statement(self, statement);
    }

    fn visit_identifier_reference(&mut self, identifier: &IdentifierReference<'a>) {
        let name = identifier.name.as_str();
        if self.is_global(identifier) && !globals::is_known(name) && self.unknown.insert(name.to_owned()) {
            let advice = globals::instead_of(name).map(str::to_owned);
            let message = format!("`{name}` is not declared, and there is no global of that name");
            self.found.push(Finding::warning(identifier.span.start, message, advice));
        }
    }

    fn visit_unary_expression(&mut self, unary: &UnaryExpression<'a>) {
        // `typeof name` is how a script asks whether there is such a name.
        let asks = unary.operator == UnaryOperator::Typeof && matches!(unary.argument, Expression::Identifier(_));
        if !asks {
            walk::walk_unary_expression(self, unary);
        }
    }
}

impl Finder<'_> {
    /// Whether an identifier is used as a value and declared nowhere in the script.
    fn is_global(&self, identifier: &IdentifierReference<'_>) -> bool {
        identifier.reference_id.get().is_some_and(|id| {
            let reference = self.scoping.get_reference(id);
            reference.symbol_id().is_none() && reference.is_value()
        })
    }

    /// The name of a host call that answers a promise, as the author wrote it.
    fn host_call(&self, call: &CallExpression<'_>) -> Option<String> {
        let mut path = Vec::new();
        let mut callee = &call.callee;
        while let Expression::StaticMemberExpression(member) = callee {
            path.push(member.property.name.as_str());
            callee = &member.object;
        }
        let Expression::Identifier(root) = callee else { return None };
        path.push(root.name.as_str());
        path.reverse();
        (answers_promise(&path) && self.is_global(root)).then(|| path.join("."))
    }
}

fn answers_promise(path: &[&str]) -> bool {
    match path {
        ["fetch"] | ["events", "publish"] | ["services", _, _] | ["utils", "sleep"] => true,
        ["http", method] => ["delete", "get", "patch", "post", "put", "request"].contains(method),
        ["storage", method] => ["commit", "delete", "get", "getMany", "increment", "list", "set"].contains(method),
        _ => false,
    }
}
