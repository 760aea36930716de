//! Between columns and values: what every noun's `from_row` and every statement's parameters need.

use std::{error::Error, str::FromStr, time::Duration};

use domain::UnixMillis;
use rusqlite::{Row, types::Type};

use crate::DatabaseError;

/// A column that holds a word or an id as text.
pub(crate) fn word<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    parse(&row.get::<_, String>(column)?)
}

/// As [`word`], where the column may be NULL.
pub(crate) fn optional_word<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    row.get::<_, Option<String>>(column)?.map(|text| parse(&text)).transpose()
}

fn parse<T>(text: &str) -> rusqlite::Result<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    text.parse().map_err(unreadable)
}

/// The error of a column whose text is not what this crate wrote.
pub(crate) fn unreadable(error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

/// The rows of a list that can be understood. One that cannot is said in the log and left out: it is nobody else's harm.
///
/// # Errors
/// Whatever else the database says.
pub(crate) fn readable<T, E: Into<DatabaseError>>(
    rows: impl Iterator<Item = Result<T, E>>,
    noun: &'static str,
) -> Result<Vec<T>, DatabaseError> {
    let mut found = Vec::new();
    for row in rows {
        match row.map_err(Into::<DatabaseError>::into) {
            Ok(row) => found.push(row),
            Err(error) if error.is_unreadable() => {
                tracing::error!(%error, noun, "a row cannot be read and is left out")
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// A column of Unix milliseconds.
pub(crate) fn millis(row: &Row<'_>, column: &str) -> rusqlite::Result<UnixMillis> {
    row.get(column).map(UnixMillis)
}

/// As [`millis`], where the column may be NULL.
pub(crate) fn optional_millis(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<UnixMillis>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(UnixMillis))
}

/// A column that counts something; a negative number reads as 0.
pub(crate) fn count(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// As [`count`], for what is kept small; a larger number reads as the largest.
pub(crate) fn small_count(row: &Row<'_>, column: &str) -> rusqlite::Result<u32> {
    Ok(u32::try_from(count(row, column)?).unwrap_or(u32::MAX))
}

/// A count as BIGINT holds it; one beyond that is the largest there is.
pub(crate) fn bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A number of bytes as BIGINT holds it.
pub(crate) fn bytes(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A duration in whole microseconds, as BIGINT holds it.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
