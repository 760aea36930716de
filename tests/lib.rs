//! The tests of the whole: `it/` holds them; there is no library.
