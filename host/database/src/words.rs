//! Closed sets of words that only the database knows: each is a column with a CHECK of the same words.

/// An enum whose cases are stored as words.
macro_rules! stored_words {
    ($(#[$doc:meta])* $name:ident, $field:literal, { $($(#[$case_doc:meta])* $case:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$case_doc])* $case,)+
        }

        impl $name {
            /// Every case.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word that stands for the case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $text,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = domain::Invalid;

            fn from_str(text: &str) -> Result<Self, domain::Invalid> {
                match text {
                    $($text => Ok(Self::$case),)+
                    _ => {
                        let allowed = [$($text),+].join(", ");
                        Err(domain::Invalid::new($field, format!("{} is one of {allowed}", $field)))
                    }
                }
            }
        }
    };
}
pub(crate) use stored_words;
