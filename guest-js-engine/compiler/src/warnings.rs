//! What is allowed and probably not meant: promises that nothing waits for, names that nothing declares, settings that
//! nothing reads.

use std::collections::{BTreeSet, HashSet};

use oxc::{
    ast::ast::{
        Argument, CallExpression, ComputedMemberExpression, Declaration, ExportDeclaration, Expression,
        ExpressionStatement, IdentifierReference, Program, StaticMemberExpression, UnaryExpression, UnaryOperator,
        VariableDeclarator,
    },
    ast_visit::{Visit, walk},
    semantic::{Scoping, SymbolId},
    span::GetSpan,
};

use crate::{findings::Finding, globals};

/// Methods of arrays that throw away what their callback answers.
const DROPS_ANSWERS: [&str; 1] = ["forEach"];
/// Methods of arrays that take a promise for `true`.
const TAKES_FOR_TRUE: [&str; 5] = ["every", "filter", "find", "findIndex", "some"];

/// Find them in a program, types and all.
pub(crate) fn find(program: &Program<'_>, scoping: &Scoping) -> Vec<Finding> {
    let mut finder = Finder { scoping, unknown: BTreeSet::new(), promises: HashSet::new(), found: Vec::new() };
    finder.visit_program(program);
    finder.found
}

struct Finder<'p> {
    scoping: &'p Scoping,
    /// The unknown names that were reported: each is, once.
    unknown: BTreeSet<String>,
    /// Variables that hold the promise of a host call, until one is used as if it were the answer.
    promises: HashSet<SymbolId>,
    found: Vec<Finding>,
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_expression_statement(&mut self, statement: &ExpressionStatement<'a>) {
        self.dropped(&statement.expression);
        walk::walk_expression_statement(self, statement);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if let Expression::StaticMemberExpression(member) = &call.callee {
            self.callback(member.property.name.as_str(), call);
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_variable_declarator(&mut self, variable: &VariableDeclarator<'a>) {
        if let (Some(id), Some(init)) = (variable.id.get_binding_identifier(), &variable.init)
            && let Some((name, call)) = self.promise(init)
            && let Some(symbol) = id.symbol_id.get()
        {
            self.promises.insert(symbol);
            if self.scoping.get_resolved_reference_ids(symbol).is_empty() {
                self.unawaited(call.span.start, &name);
            }
        }
        walk::walk_variable_declarator(self, variable);
    }

    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        if !is_of_promises(member.property.name.as_str()) {
            self.used_as_answer(&member.object, member.property.name.as_str());
        }
        walk::walk_static_member_expression(self, member);
    }

    fn visit_computed_member_expression(&mut self, member: &ComputedMemberExpression<'a>) {
        self.used_as_answer(&member.object, "[…]");
        walk::walk_computed_member_expression(self, member);
    }

    fn visit_export_declaration(&mut self, export: &ExportDeclaration<'a>) {
        if let Declaration::VariableDeclaration(variables) = &export.declaration
            && let Some(config) =
                variables.declarations.iter().find(|it| it.id.get_identifier_name() == Some("config".into()))
        {
            let message = "nothing reads `config`: a script's settings are not in its source";
            let advice =
                "set the schedule, the endpoint, limits and capabilities beside the source, in the script's own record";
            self.found.push(Finding::warning(config.span.start, message, Some(advice.to_owned())));
        }
        walk::walk_export_declaration(self, export);
    }

    fn visit_identifier_reference(&mut self, identifier: &IdentifierReference<'a>) {
        let name = identifier.name.as_str();
        if self.is_global(identifier) && !globals::is_known(name) && self.unknown.insert(name.to_owned()) {
            let advice = globals::instead_of(name).map(str::to_owned).or_else(|| self.did_you_mean(name));
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

    /// Look for promises in an expression of which nobody takes the value. `void` in front of one says that it is meant.
    fn dropped(&mut self, expression: &Expression<'_>) {
        match expression.without_parentheses() {
            Expression::LogicalExpression(it) => self.dropped(&it.right),
            Expression::ConditionalExpression(it) => {
                self.dropped(&it.consequent);
                self.dropped(&it.alternate);
            }
            Expression::SequenceExpression(it) => it.expressions.iter().for_each(|part| self.dropped(part)),
            Expression::CallExpression(call) => {
                if let Some((name, call)) = self.promise_of(call) {
                    self.unawaited(call.span.start, &name);
                } else if let Expression::StaticMemberExpression(member) = &call.callee
                    && member.property.name == "map"
                {
                    self.unawaited_callback("map", call);
                }
            }
            _ => {}
        }
    }

    fn callback(&mut self, method: &str, call: &CallExpression<'_>) {
        if DROPS_ANSWERS.contains(&method) {
            self.unawaited_callback(method, call);
        }
        if TAKES_FOR_TRUE.contains(&method) && self.answers_promise(call) {
            let message = format!("`{method}` does not wait for its callback, and takes the promise for `true`");
            let advice = "await the answers first: `await Promise.all(list.map(async …))`";
            self.found.push(Finding::warning(call.arguments[0].span().start, message, Some(advice.to_owned())));
        }
    }

    fn unawaited_callback(&mut self, method: &str, call: &CallExpression<'_>) {
        if self.answers_promise(call) {
            let message = format!("nothing waits for the promises of this `{method}`'s callback");
            let advice = "write `for (const item of list) { await … }`, or `await Promise.all(list.map(async …))`";
            self.found.push(Finding::warning(call.arguments[0].span().start, message, Some(advice.to_owned())));
        }
    }

    /// Whether a call's first argument is a function that answers a promise.
    fn answers_promise(&self, call: &CallExpression<'_>) -> bool {
        match call.arguments.first() {
            Some(Argument::FunctionExpression(function)) => function.r#async,
            Some(Argument::ArrowFunctionExpression(arrow)) => {
                arrow.r#async || arrow.body.as_expression().is_some_and(|body| self.promise(body).is_some())
            }
            _ => false,
        }
    }

    fn unawaited(&mut self, start: u32, name: &str) {
        let message = format!("nothing waits for `{name}(…)`, which answers a promise");
        let advice = format!("write `await {name}(…)`; what is under way when the script ends is cut");
        self.found.push(Finding::warning(start, message, Some(advice)));
    }

    /// Report a promise of which a property is read as if it were the answer.
    fn used_as_answer(&mut self, object: &Expression<'_>, property: &str) {
        let report = |start, what: &str| {
            let message = format!("`{what}` is a promise here, and has no `{property}`");
            Finding::warning(start, message, Some(format!("await it first: `(await {what}).{property}`")))
        };
        match object.without_parentheses() {
            Expression::CallExpression(call) => {
                if let Some(name) = self.host_call(call) {
                    self.found.push(report(call.span.start, &format!("{name}(…)")));
                }
            }
            Expression::Identifier(identifier) => {
                let symbol = identifier.reference_id.get().and_then(|id| self.scoping.get_reference(id).symbol_id());
                if symbol.is_some_and(|symbol| self.promises.remove(&symbol)) {
                    self.found.push(report(identifier.span.start, identifier.name.as_str()));
                }
            }
            _ => {}
        }
    }

    /// The host call whose promise an expression is.
    fn promise<'e, 'a>(&self, expression: &'e Expression<'a>) -> Option<(String, &'e CallExpression<'a>)> {
        match expression.without_parentheses() {
            Expression::CallExpression(call) => self.promise_of(call),
            _ => None,
        }
    }

    /// The same for a call: of the host, or of a promise's own method.
    fn promise_of<'e, 'a>(&self, call: &'e CallExpression<'a>) -> Option<(String, &'e CallExpression<'a>)> {
        if let Some(name) = self.host_call(call) {
            return Some((name, call));
        }
        match &call.callee {
            Expression::StaticMemberExpression(member) if is_of_promises(member.property.name.as_str()) => {
                self.promise(&member.object)
            }
            _ => None,
        }
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

    /// The name that an unknown one is nearly.
    fn did_you_mean(&self, name: &str) -> Option<String> {
        let nearest = |names: &mut dyn Iterator<Item = &str>| -> Option<(usize, String)> {
            let (distance, nearest) = names.map(|known| (distance(name, known), known)).min()?;
            (distance <= name.chars().count() / 3).then(|| (distance, nearest.to_owned()))
        };
        let own = nearest(&mut self.scoping.symbol_names());
        let (_, nearest) = own.into_iter().chain(nearest(&mut globals::names())).min()?;
        Some(format!("did you mean `{nearest}`?"))
    }
}

fn answers_promise(path: &[&str]) -> bool {
    match path {
        ["fetch"] | ["events", "publish"] | ["services", _, _] | ["utils", "sleep"] | ["crypto", "subtle", _] => true,
        ["http", method] => ["delete", "get", "patch", "post", "put", "request"].contains(method),
        ["storage", method] => ["commit", "delete", "get", "getMany", "increment", "list", "set"].contains(method),
        _ => false,
    }
}

fn is_of_promises(method: &str) -> bool {
    ["then", "catch", "finally"].contains(&method)
}

/// How many letters are missing, too many, wrong or swapped. Names of more than 40 letters are not compared.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().max(other.len()) > 40 || one.len().abs_diff(other.len()) > 3 {
        return usize::MAX;
    }
    let (mut before, mut last) = (Vec::new(), (0..=other.len()).collect::<Vec<usize>>());
    for (row, letter) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, against) in other.iter().enumerate() {
            let replaced = last[column] + usize::from(!letter.eq_ignore_ascii_case(against));
            let mut least = replaced.min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && *letter == other[column - 1] && one[row - 1] == *against {
                let swapped: &Vec<usize> = &before;
                least = least.min(swapped[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[other.len()]
}
