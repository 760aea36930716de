//! `list`: a page of the documents that fulfil a filter, in an order, with the run's own writes laid over them.

use std::collections::BTreeSet;

use database::{
    Column, Direction, DocumentField, DocumentPosition, DocumentQuery, DocumentRangeRead, FieldValue, json_number,
};
use runtime::Answer;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    Documents, Wrong, cursors,
    filters::{self, conditions},
};
use crate::{
    capabilities::{failed, too_large},
    transaction::OwnDocument,
};

/// The most documents of one page.
const PAGE_MAX: u32 = 1_000;
/// The documents of a page where nothing is said.
const PAGE_DEFAULT: u32 = 100;

/// What `list` takes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ListArguments {
    filter: Option<Map<String, Value>>,
    sort: Option<String>,
    cursor: Option<String>,
    /// A number as JavaScript has it; what is none of the allowed ones is told so.
    limit: Option<f64>,
}

impl Documents<'_> {
    /// Answers `{ "items": […], "cursor": text or null }`.
    pub(super) fn list(&self, arguments: Option<&RawValue>) -> Result<Answer, Wrong> {
        let ListArguments { filter, sort, cursor, limit } = match arguments.map(RawValue::get) {
            None | Some("null") => ListArguments::default(),
            Some(text) => serde_json::from_str(text).map_err(|error| wrong_arguments(&error))?,
        };
        let limit = page_limit(limit)?;
        let filter = filter.unwrap_or_default();
        let conditions = conditions(&filter, self.schema.fields())?;
        let mark = cursors::mark(self.name(), &Value::Object(filter).to_string(), sort.as_deref().unwrap_or_default());
        let query = DocumentQuery {
            collection: self.name().to_owned(),
            conditions,
            sort: filters::sort(sort.as_deref(), self.schema.fields())?,
            after: cursor.map(|cursor| cursors::read(mark, &cursor)).transpose()?,
            limit,
        };
        let (page, more) = self.page(query)?;
        let last = page.last().filter(|_| more).map(|(position, _)| cursors::write(mark, position)).transpose()?;
        // The bodies are JSON already, as they were checked when they were written.
        let items: Vec<&str> = page.iter().map(|(_, body)| body.as_str()).collect();
        let cursor = last.map_or_else(|| String::from("null"), |cursor| format!("\"{cursor}\""));
        let answer = format!("{{\"items\":[{}],\"cursor\":{cursor}}}", items.join(","));
        if answer.len() as u64 > domain::limits::CALL_BYTES_MAX {
            return Err(too_large("the list").into());
        }
        Ok(Answer::Value(Some(answer)))
    }

    /// The documents of a page as the run sees them; and whether there are more.
    fn page(&self, mut query: DocumentQuery) -> Result<(Vec<(DocumentPosition, String)>, bool), Wrong> {
        let lease = self.reach.lease;
        let limit = query.limit as usize;
        let mut buffer = self.reach.transaction.lock();
        let own = buffer.documents.of(self.name());
        // Each document that the run wrote can hide one that is stored, so that so many more are needed.
        let hiding = own.map_or(0, |own| u32::try_from(own.len()).unwrap_or(u32::MAX));
        query.limit = query.limit.saturating_add(hiding);
        let mut visible = 0;
        let is_hidden = |id: &str| {
            let is_own = own.is_some_and(|own| own.contains_key(id));
            visible += usize::from(!is_own);
            is_own || visible > limit
        };
        let range = self.reach.inner.database.document_list(lease.tenant, &query, is_hidden);
        let range = range.map_err(|error| failed(lease, &error))?;
        let mut page: Vec<(DocumentPosition, String)> =
            range.documents.into_iter().map(|document| (document.position, document.body)).collect();
        let own = own.into_iter().flatten().filter_map(|(id, document)| matching(&query, id, document));
        let before = page.len();
        page.extend(own);
        let found = visible + page.len() - before;
        page.sort_by(|(a, _), (b, _)| match query.sort.direction {
            Direction::Ascending => a.cmp(b),
            Direction::Descending => b.cmp(a),
        });
        page.truncate(limit);
        let revision = self.collection.revision;
        buffer.read_documents(DocumentRangeRead { query, revision, digest: range.digest }, range.rows)?;
        Ok((page, range.more || found > limit))
    }
}

/// A document of the run's own, if it belongs to the list and lies behind the cursor.
fn matching(query: &DocumentQuery, id: &str, document: &OwnDocument) -> Option<(DocumentPosition, String)> {
    let (body, fields) = document.content()?;
    let fulfils = query.conditions.iter().all(|condition| match &condition.column {
        Column::Id => condition.test.holds_for(id),
        Column::Field(name) => keys(fields, name).any(|key| condition.test.holds_for(key)),
    });
    if !fulfils {
        return None;
    }
    let key = match &query.sort.column {
        Column::Id => id.to_owned(),
        Column::Field(name) => keys(fields, name).next().map_or_else(|| FieldValue::Missing.key(), str::to_owned),
    };
    let position = DocumentPosition { key, id: id.to_owned() };
    let is_behind = query.after.as_ref().is_none_or(|after| match query.sort.direction {
        Direction::Ascending => position > *after,
        Direction::Descending => position < *after,
    });
    is_behind.then(|| (position, body.to_owned()))
}

fn keys<'a>(fields: &'a BTreeSet<DocumentField>, name: &'a str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |field| field.name == name).map(|field| field.key.as_str())
}

fn page_limit(limit: Option<f64>) -> Result<u32, Wrong> {
    match limit {
        None => Ok(PAGE_DEFAULT),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the guard has bounded it")]
        Some(limit) if limit.fract() == 0.0 && (1.0..=f64::from(PAGE_MAX)).contains(&limit) => Ok(limit as u32),
        Some(limit) => {
            let found = json_number(limit);
            Err(Wrong::Range(format!("the limit is a whole number from 1 to {PAGE_MAX}, not {found}")))
        }
    }
}

fn wrong_arguments(error: &serde_json::Error) -> Wrong {
    let error = super::shown(&error.to_string());
    Wrong::Type(format!("it takes {{ filter, sort, cursor, limit }}: an object, two texts and a number ({error})"))
}
