//! Pages of lists: a bounded number of items, and the cursor of the next page.

use domain::Invalid;
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::signed;

/// How many items a page has where the caller says nothing.
const DEFAULT_LIMIT: u32 = 50;

/// How many items a page has at most.
pub(crate) const MAX_LIMIT: u32 = 200;

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T: ToSchema> {
    /// The items.
    items: Vec<T>,
    /// Send it as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

impl<T: ToSchema> Page<T> {
    /// A page of at most `limit` of `rows`. A full page has a next one: whether it is empty, its reader finds out.
    pub(crate) fn new<R>(rows: &[R], limit: u32, cursor: impl Fn(&R) -> String) -> Self
    where
        for<'a> T: From<&'a R>,
    {
        let is_full = rows.len() >= limit as usize;
        let next_cursor = rows.last().filter(|_| is_full).map(cursor).map(signed::cursor);
        Self { items: rows.iter().map(T::from).collect(), next_cursor }
    }

    /// A list of views that is never long, whole.
    pub(crate) fn of(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    /// A list that is never long, whole.
    pub(crate) fn whole<R>(rows: &[R]) -> Self
    where
        for<'a> T: From<&'a R>,
    {
        Self { items: rows.iter().map(T::from).collect(), next_cursor: None }
    }
}

/// The number of items that a caller asks for.
///
/// # Errors
/// It is 0 or more than [`MAX_LIMIT`].
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Invalid> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(Invalid::new("limit", format!("limit is from 1 to {MAX_LIMIT}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = |rows: &[String]| Page::<String>::new(rows, 2, String::clone).next_cursor;
        let rows = ["a", "b"].map(String::from);
        assert_eq!(page(&[]), None);
        assert_eq!(page(&rows[..1]), None);
        assert_eq!(page(&rows), Some(String::from("b")));
    }

    #[test]
    fn a_limit_outside_its_range_is_refused() {
        assert_eq!(limit(None), Ok(50));
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(201)).is_err());
    }
}
