//! Where in a text an error arose, found from what the engine says of it.
//!
//! The engine notes a position only at calls, `new`, `throw`, binary operators and the start of expression statements,
//! and a column only after white space. A property that is read in a declaration, or the third one of a minified line,
//! is therefore shown at a place that was passed earlier. The parsed text says what lies between that place and the
//! next one; the error's message says what of it failed. Nothing here runs unless something failed.

use oxc::{
    ast::ast::{
        ArrayPattern, ArrowFunctionExpression, AssignmentExpression, AssignmentOperator, BinaryExpression,
        BindingProperty, CallExpression, ComputedMemberExpression, Expression, ExpressionStatement, ForOfStatement,
        Function, IdentifierReference, MemberExpression, NewExpression, ObjectPattern, PrivateFieldExpression, Program,
        PropertyKey, RegExpLiteral, SpreadElement, StaticMemberExpression, StringLiteral, TaggedTemplateExpression,
        TemplateElement, ThrowStatement, VariableDeclarator,
    },
    ast_visit::{Visit, walk},
    semantic::ScopeFlags,
    span::{GetSpan, Span},
};

use crate::{
    globals,
    marks::{Mark, Marks},
};

/// What the engine was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A property is read.
    Get,
    /// A property is written.
    Set,
    /// A variable is read or written.
    Variable,
    /// A function is called.
    Call,
    /// A class is instantiated.
    New,
    /// A value is iterated over.
    Iterate,
    /// An object is taken apart.
    TakeApart,
}

/// One step in the text.
struct Found<'a> {
    step: Step,
    /// The property, variable or function; `None` where only the run knows it.
    name: Option<&'a str>,
    /// Where the author would point.
    offset: u32,
    /// What the engine noted last before it.
    noted: Noted,
}

/// What the engine noted last.
#[derive(Clone, Copy)]
struct Noted {
    mark: Mark,
    /// It is where the function starts. Of one in which nothing else is noted the engine shows the line alone.
    is_start: bool,
}

impl Noted {
    fn is_shown_at(self, mark: Mark) -> bool {
        self.mark == mark || (self.is_start && mark.column == 1 && mark.line == self.mark.line)
    }
}

/// The steps of a program, in the order in which the engine compiles them.
pub(crate) struct Positions<'a> {
    found: Vec<Found<'a>>,
}

impl<'a> Positions<'a> {
    pub(crate) fn of(program: &Program<'a>) -> Self {
        let mut literals = Literals::default();
        literals.visit_program(program);
        literals.0.extend(program.comments.iter().map(|comment| comment.span));
        let marks = Marks::of(program.source_text, literals.0);
        let noted = Noted { mark: marks.at(0), is_start: true };
        let mut finder = Finder { marks, noted, found: Vec::new() };
        finder.visit_program(program);
        Self { found: finder.found }
    }

    /// The first step of this kind that the engine shows at `mark`; one with this name if there is, else one whose name
    /// only the run knows.
    pub(crate) fn find(&self, mark: Mark, step: Step, name: Option<&str>) -> Option<u32> {
        let shown = || self.found.iter().filter(|found| found.noted.is_shown_at(mark) && found.step == step);
        let named = || shown().find(|found| found.name == name);
        match name {
            Some(_) => named().or_else(|| shown().find(|found| found.name.is_none())),
            None => shown().next(),
        }
        .map(|found| found.offset)
    }

    /// The call that the engine shows at `mark`: the one of this name, or the only one there.
    pub(crate) fn call(&self, mark: Mark, name: &str) -> Option<u32> {
        let mut calls = self.calls(mark);
        match (self.calls(mark).find(|call| call.name == Some(name)), calls.next(), calls.next()) {
            (Some(named), ..) => Some(named.offset),
            (None, Some(only), None) => Some(only.offset),
            _ => None,
        }
    }

    /// The call of no function that the engine shows at `mark`; what the language or the script API has is one.
    pub(crate) fn wrong_call(&self, mark: Mark) -> Option<u32> {
        let mut calls = self.calls(mark).filter(|call| call.name.is_none_or(|name| !globals::is_known(name)));
        calls.next().map(|call| call.offset)
    }

    fn calls(&self, mark: Mark) -> impl Iterator<Item = &Found<'a>> {
        let is_call = |found: &&Found<'_>| matches!(found.step, Step::Call | Step::New);
        self.found.iter().filter(move |found| found.noted.is_shown_at(mark)).filter(is_call)
    }
}

/// The spans in which white space is none.
#[derive(Default)]
struct Literals(Vec<Span>);

impl<'a> Visit<'a> for Literals {
    fn visit_string_literal(&mut self, literal: &StringLiteral<'a>) {
        self.0.push(literal.span);
    }

    fn visit_reg_exp_literal(&mut self, literal: &RegExpLiteral<'a>) {
        self.0.push(literal.span);
    }

    fn visit_template_element(&mut self, element: &TemplateElement<'a>) {
        self.0.push(element.span);
    }
}

struct Finder<'a> {
    marks: Marks,
    noted: Noted,
    found: Vec<Found<'a>>,
}

impl<'a> Finder<'a> {
    fn note(&mut self, offset: u32) {
        self.noted = Noted { mark: self.marks.at(offset), is_start: false };
    }

    fn push(&mut self, step: Step, name: Option<&'a str>, offset: u32) {
        self.found.push(Found { step, name, offset, noted: self.noted });
    }

    /// What a function's body notes is its own.
    fn within(&mut self, start: u32, walk: impl FnOnce(&mut Self)) {
        let outer = self.noted;
        self.noted = Noted { mark: self.marks.at(start), is_start: true };
        walk(self);
        self.noted = outer;
    }
}

impl<'a> Visit<'a> for Finder<'a> {
    fn visit_function(&mut self, function: &Function<'a>, flags: ScopeFlags) {
        self.within(function.span.start, |finder| walk::walk_function(finder, function, flags));
    }

    fn visit_arrow_function_expression(&mut self, function: &ArrowFunctionExpression<'a>) {
        self.within(function.span.start, |finder| walk::walk_arrow_function_expression(finder, function));
    }

    fn visit_expression_statement(&mut self, statement: &ExpressionStatement<'a>) {
        self.note(statement.span.start);
        walk::walk_expression_statement(self, statement);
    }

    fn visit_throw_statement(&mut self, statement: &ThrowStatement<'a>) {
        self.note(statement.argument.span().start);
        walk::walk_throw_statement(self, statement);
    }

    fn visit_binary_expression(&mut self, binary: &BinaryExpression<'a>) {
        self.visit_expression(&binary.left);
        self.note(binary.right.span().start);
        self.visit_expression(&binary.right);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        self.visit_expression(&call.callee);
        self.note(call.arguments.first().map_or(call.span.end - 1, |first| first.span().start));
        self.visit_arguments(&call.arguments);
        let (name, offset) = called(&call.callee);
        self.push(Step::Call, name, offset);
    }

    fn visit_new_expression(&mut self, new: &NewExpression<'a>) {
        self.note(new.callee.span().start);
        self.visit_expression(&new.callee);
        self.visit_arguments(&new.arguments);
        self.push(Step::New, called(&new.callee).0, new.span.start);
    }

    fn visit_tagged_template_expression(&mut self, tagged: &TaggedTemplateExpression<'a>) {
        self.visit_expression(&tagged.tag);
        self.note(tagged.quasi.span.start);
        self.visit_template_literal(&tagged.quasi);
        let (name, offset) = called(&tagged.tag);
        self.push(Step::Call, name, offset);
    }

    fn visit_static_member_expression(&mut self, member: &StaticMemberExpression<'a>) {
        self.visit_expression(&member.object);
        self.push(Step::Get, Some(member.property.name.as_str()), member.property.span.start);
    }

    fn visit_computed_member_expression(&mut self, member: &ComputedMemberExpression<'a>) {
        walk::walk_computed_member_expression(self, member);
        self.push(Step::Get, literal(&member.expression), member.expression.span().start);
    }

    fn visit_private_field_expression(&mut self, member: &PrivateFieldExpression<'a>) {
        self.visit_expression(&member.object);
        self.push(Step::Get, Some(member.field.name.as_str()), member.field.span.start);
    }

    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        let Some(member) = assignment.left.as_member_expression() else {
            return walk::walk_assignment_expression(self, assignment);
        };
        self.visit_expression(member.object());
        let (name, offset) = property(member);
        if let MemberExpression::ComputedMemberExpression(computed) = member {
            self.visit_expression(&computed.expression);
        }
        if assignment.operator != AssignmentOperator::Assign {
            self.push(Step::Get, name, offset);
        }
        self.visit_expression(&assignment.right);
        self.push(Step::Set, name, offset);
    }

    fn visit_identifier_reference(&mut self, identifier: &IdentifierReference<'a>) {
        self.push(Step::Variable, Some(identifier.name.as_str()), identifier.span.start);
    }

    fn visit_variable_declarator(&mut self, variable: &VariableDeclarator<'a>) {
        // The value is there before it is taken apart.
        if let Some(init) = &variable.init {
            self.visit_expression(init);
        }
        self.visit_binding_pattern(&variable.id);
    }

    fn visit_object_pattern(&mut self, pattern: &ObjectPattern<'a>) {
        let first = pattern.properties.first().map_or(pattern.span.start, |first| first.span.start);
        self.push(Step::TakeApart, None, first);
        walk::walk_object_pattern(self, pattern);
    }

    fn visit_binding_property(&mut self, property: &BindingProperty<'a>) {
        let name = if property.computed { None } else { key_name(&property.key) };
        self.push(Step::Get, name, property.key.span().start);
        walk::walk_binding_property(self, property);
    }

    fn visit_array_pattern(&mut self, pattern: &ArrayPattern<'a>) {
        self.push(Step::Iterate, None, pattern.span.start);
        walk::walk_array_pattern(self, pattern);
    }

    fn visit_spread_element(&mut self, spread: &SpreadElement<'a>) {
        walk::walk_spread_element(self, spread);
        self.push(Step::Iterate, None, spread.argument.span().start);
    }

    fn visit_for_of_statement(&mut self, statement: &ForOfStatement<'a>) {
        self.visit_for_statement_left(&statement.left);
        self.visit_expression(&statement.right);
        self.push(Step::Iterate, None, statement.right.span().start);
        self.visit_statement(&statement.body);
    }
}

/// The name by which a function is called, and where an author would point.
fn called<'a>(callee: &Expression<'a>) -> (Option<&'a str>, u32) {
    match callee.without_parentheses() {
        Expression::Identifier(identifier) => (Some(identifier.name.as_str()), identifier.span.start),
        callee => callee.as_member_expression().map_or((None, callee.span().start), property),
    }
}

fn property<'a>(member: &MemberExpression<'a>) -> (Option<&'a str>, u32) {
    match member {
        MemberExpression::StaticMemberExpression(it) => (Some(it.property.name.as_str()), it.property.span.start),
        MemberExpression::PrivateFieldExpression(it) => (Some(it.field.name.as_str()), it.field.span.start),
        MemberExpression::ComputedMemberExpression(it) => (literal(&it.expression), it.expression.span().start),
    }
}

fn literal<'a>(expression: &Expression<'a>) -> Option<&'a str> {
    match expression {
        Expression::StringLiteral(literal) => Some(literal.value.as_str()),
        _ => None,
    }
}

fn key_name<'a>(key: &PropertyKey<'a>) -> Option<&'a str> {
    match key {
        PropertyKey::StaticIdentifier(identifier) => Some(identifier.name.as_str()),
        PropertyKey::StringLiteral(literal) => Some(literal.value.as_str()),
        _ => None,
    }
}
