//! Which documents a list asks for, as a statement: fragments from this file, with every value bound.

use std::ops::Bound;

use domain::TenantId;
use rusqlite::types::Value;

const LIST_BY_ID: &str = "
    SELECT d.id, d.revision, d.id AS position, d.body
    FROM documents d
    WHERE d.tenant_id = $1 AND d.collection = $2";
const REVISIONS_BY_ID: &str = "
    SELECT d.id, d.revision
    FROM documents d
    WHERE d.tenant_id = $1 AND d.collection = $2";
const LIST_BY_FIELD: &str = "
    SELECT d.id, d.revision, s.value AS position, d.body
    FROM document_fields s
    JOIN documents d ON d.tenant_id = s.tenant_id AND d.collection = s.collection AND d.id = s.id
    WHERE s.tenant_id = $1 AND s.collection = $2 AND s.field = $3";
const REVISIONS_BY_FIELD: &str = "
    SELECT d.id, d.revision
    FROM document_fields s
    JOIN documents d ON d.tenant_id = s.tenant_id AND d.collection = s.collection AND d.id = s.id
    WHERE s.tenant_id = $1 AND s.collection = $2 AND s.field = $3";

/// A part of the documents of one collection, in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentQuery {
    /// The collection.
    pub collection: String,
    /// What each document fulfils.
    pub conditions: Vec<Condition>,
    /// What decides their order.
    pub sort: Sort,
    /// The place behind which the page begins.
    pub after: Option<DocumentPosition>,
    /// The most documents of the page.
    pub limit: u32,
}

/// What of a document is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// Its id, which is compared as it is.
    Id,
    /// A field that is kept beside it under this name; its keys are compared ([`crate::FieldValue::key`]).
    Field(String),
}

/// Something that a document fulfils.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at.
    pub column: Column,
    /// What it has to be. Of several keys under one name, as of an array's elements, one is enough.
    pub test: Test,
}

/// What a key has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// One of these, of which there is at least one.
    OneOf(Vec<String>),
    /// Another one.
    Not(String),
    /// Between these.
    Between(Bound<String>, Bound<String>),
}

/// The order of documents. The id decides among those that are equal, in the same direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What is compared; a field that has exactly one key for each document.
    pub column: Column,
    /// From where to where.
    pub direction: Direction,
}

/// From where to where an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// A document's place in an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentPosition {
    /// The key that is sorted by, or the id again.
    pub key: String,
    /// The id.
    pub id: String,
}

impl Test {
    /// Whether `key` is what it has to be: what the statement asks the database.
    pub fn holds_for(&self, key: &str) -> bool {
        use std::ops::RangeBounds;
        match self {
            Self::OneOf(keys) => keys.iter().any(|one| one == key),
            Self::Not(other) => other != key,
            Self::Between(lower, upper) => {
                let bounds = (lower.as_ref().map(String::as_str), upper.as_ref().map(String::as_str));
                RangeBounds::<str>::contains(&bounds, key)
            }
        }
    }
}

impl DocumentQuery {
    /// Every document of a collection, by id: at most `limit` behind `after`.
    pub fn by_id(collection: impl Into<String>, after: Option<String>, limit: u32) -> Self {
        Self {
            collection: collection.into(),
            conditions: Vec::new(),
            sort: Sort { column: Column::Id, direction: Direction::Ascending },
            after: after.map(|id| DocumentPosition { key: id.clone(), id }),
            limit,
        }
    }

    /// The statement, for whoever wants to show it to a database.
    pub fn statement(&self) -> String {
        self.select(TenantId::from(uuid::Uuid::nil()), LIST_BY_ID, LIST_BY_FIELD).statement
    }

    pub(super) fn list(&self, tenant: TenantId) -> Select {
        self.select(tenant, LIST_BY_ID, LIST_BY_FIELD)
    }

    pub(super) fn revisions(&self, tenant: TenantId) -> Select {
        self.select(tenant, REVISIONS_BY_ID, REVISIONS_BY_FIELD)
    }

    fn select(&self, tenant: TenantId, by_id: &str, by_field: &str) -> Select {
        let head = if self.sort.column == Column::Id { by_id } else { by_field };
        let mut select = Select { statement: head.to_owned(), parameters: Vec::new() };
        select.bind(tenant.to_string());
        select.bind(self.collection.clone());
        let (is_beyond, direction) = match self.sort.direction {
            Direction::Ascending => (">", "ASC"),
            Direction::Descending => ("<", "DESC"),
        };
        if let Column::Field(field) = &self.sort.column {
            select.bind(field.clone());
        }
        if let Some(after) = &self.after {
            select.push_after(&self.sort.column, is_beyond, after);
        }
        for condition in &self.conditions {
            select.push_condition(condition);
        }
        let order = match self.sort.column {
            Column::Id => format!(" ORDER BY d.id {direction}"),
            Column::Field(_) => format!(" ORDER BY s.value {direction}, s.id {direction}"),
        };
        select.statement.push_str(&order);
        // One row more than the page, which tells whether there are more.
        let limit = select.bind(i64::from(self.limit) + 1);
        select.statement.push_str(&format!(" LIMIT {limit}"));
        select
    }

    /// Cut what was fetched to the page; answers whether there is more.
    pub(super) fn cut<T>(&self, fetched: &mut Vec<T>) -> bool {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = fetched.len() > limit;
        fetched.truncate(limit);
        more
    }
}

/// A statement with what is bound to it.
pub(super) struct Select {
    pub(super) statement: String,
    pub(super) parameters: Vec<Value>,
}

impl Select {
    /// Bind a value; answers the name of its place.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("${}", self.parameters.len())
    }

    fn push_after(&mut self, column: &Column, is_beyond: &str, after: &DocumentPosition) {
        let clause = match column {
            Column::Id => format!(" AND d.id {is_beyond} {}", self.bind(after.id.clone())),
            Column::Field(_) => {
                let (key, id) = (self.bind(after.key.clone()), self.bind(after.id.clone()));
                format!(" AND (s.value, s.id) {is_beyond} ({key}, {id})")
            }
        };
        self.statement.push_str(&clause);
    }

    fn push_condition(&mut self, condition: &Condition) {
        match &condition.column {
            Column::Id => {
                let test = self.test("d.id", &condition.test);
                self.statement.push_str(&format!(" AND {test}"));
            }
            Column::Field(field) => {
                let field = self.bind(field.clone());
                let test = self.test("value", &condition.test);
                self.statement.push_str(&format!(
                    " AND d.id IN (SELECT id FROM document_fields \
                     WHERE tenant_id = $1 AND collection = $2 AND field = {field} AND {test})"
                ));
            }
        }
    }

    fn test(&mut self, column: &str, test: &Test) -> String {
        match test {
            Test::OneOf(keys) => {
                let places: Vec<String> = keys.iter().map(|key| self.bind(key.clone())).collect();
                format!("{column} IN ({})", places.join(", "))
            }
            Test::Not(key) => format!("{column} <> {}", self.bind(key.clone())),
            Test::Between(lower, upper) => {
                let lower = self.bound(column, [">", ">="], lower);
                let upper = self.bound(column, ["<", "<="], upper);
                match lower.into_iter().chain(upper).collect::<Vec<String>>() {
                    bounds if bounds.is_empty() => String::from("1 = 1"),
                    bounds => bounds.join(" AND "),
                }
            }
        }
    }

    fn bound(&mut self, column: &str, [without, with]: [&str; 2], bound: &Bound<String>) -> Option<String> {
        match bound {
            Bound::Unbounded => None,
            Bound::Excluded(key) => Some(format!("{column} {without} {}", self.bind(key.clone()))),
            Bound::Included(key) => Some(format!("{column} {with} {}", self.bind(key.clone()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_holds_no_value_and_numbers_its_parameters_in_order() {
        let hostile = || String::from("'; DROP TABLE documents; --");
        let tests = [
            Test::OneOf(vec![hostile(), hostile()]),
            Test::Not(hostile()),
            Test::Between(Bound::Included(hostile()), Bound::Excluded(hostile())),
            Test::Between(Bound::Excluded(hostile()), Bound::Unbounded),
            Test::Between(Bound::Unbounded, Bound::Unbounded),
        ];
        for column in [Column::Id, Column::Field(hostile())] {
            let conditions =
                tests.iter().map(|test| Condition { column: column.clone(), test: test.clone() }).collect();
            let query = DocumentQuery {
                conditions,
                sort: Sort { column, direction: Direction::Descending },
                ..DocumentQuery::by_id(hostile(), Some(hostile()), 10)
            };
            let statement = query.statement();
            assert!(!statement.contains('\'') && !statement.contains("DROP"), "{statement}");
            let mut highest = 0;
            for part in statement.split('$').skip(1) {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                let number = digits.parse::<usize>().unwrap_or_default();
                assert!(number <= highest + 1, "{statement}");
                highest = highest.max(number);
            }
            assert_eq!(highest, query.list(TenantId::from(uuid::Uuid::nil())).parameters.len());
        }
    }
}
