//! Passwords: what is taken for one, and hashing it, which takes 19 MiB and some tens of milliseconds by design. At most
//! as many are hashed at once as there are cores, and of those that wait there are a few.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::Invalid;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::AppError;

/// Characters of a password: NIST asks for long ones and for nothing else, and nobody types more.
const CHARACTERS: std::ops::RangeInclusive<usize> = 12..=256;

/// Argon2id as OWASP has it: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Nobody's hash, with the parameters of a real one: comparing with it takes as long.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// How many may wait for each core: some seconds' worth.
const WAITING_PER_CORE: usize = 32;

/// When it is worth trying again where all places are taken.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What is tried first by whoever guesses, of those that are long enough.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password in plain text. Shows itself to nobody, and is wiped from memory.
#[derive(Clone)]
pub struct PlainPassword(Zeroizing<String>);

impl PlainPassword {
    /// What somebody typed to sign in, whatever it is; what is too long to be a password is none.
    pub fn typed(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// A password to be set.
    ///
    /// # Errors
    /// Says what is wrong with it: length, or that everybody guesses it first.
    pub fn chosen(text: String) -> Result<Self, Invalid> {
        let password = Self::typed(text);
        if !CHARACTERS.contains(&password.0.chars().count()) {
            let message = format!("a password has {} to {} characters", CHARACTERS.start(), CHARACTERS.end());
            return Err(Invalid::new("password", message));
        }
        if is_common(&password.0) {
            let message = "this is one of the passwords that are guessed first: take another, such as a few words";
            return Err(Invalid::new("password", message));
        }
        Ok(password)
    }

    fn is_too_long(&self) -> bool {
        // Four bytes is the longest character; nobody hashes megabytes.
        self.0.len() > 4 * CHARACTERS.end()
    }
}

impl std::fmt::Debug for PlainPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlainPassword(…)")
    }
}

/// Whether everybody guesses it first: in the list, one character again and again, or one short piece repeated.
fn is_common(text: &str) -> bool {
    let lower = Zeroizing::new(text.to_lowercase());
    let letters = lower.as_bytes();
    let is_repeated = (1..=4).any(|piece| letters.iter().zip(letters.iter().skip(piece)).all(|(a, b)| a == b));
    is_repeated || COMMON.lines().any(|common| common == lower.as_str())
}

/// What a password was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another one.
    Wrong,
    /// The one.
    Right,
    /// The one, hashed as it is not done any more.
    RightAndOld,
}

/// Hashes passwords, on threads that nobody else waits for.
#[derive(Clone)]
pub(crate) struct PasswordLane {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
}

/// Counts one that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl PasswordLane {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with(cores, cores * WAITING_PER_CORE)
    }

    fn with(places: usize, waiting_max: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), waiting: Arc::default(), waiting_max }
    }

    /// The hash of a password, in PHC form with a salt of its own.
    ///
    /// # Errors
    /// [`AppError::Overloaded`] where too many wait.
    pub(crate) async fn hash(&self, password: &PlainPassword) -> Result<String, AppError> {
        let password = password.clone();
        self.run(move || hash_now(&password)).await?.map_err(AppError::internal)
    }

    /// Compare a password with a hash. Where there is none it takes as long, and is wrong.
    ///
    /// # Errors
    /// [`AppError::Overloaded`] where too many wait.
    pub(crate) async fn verify(&self, password: &PlainPassword, hash: Option<String>) -> Result<Verdict, AppError> {
        let password = password.clone();
        self.run(move || verify_now(&password, hash.as_deref())).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting(&self.waiting);
        if before >= self.waiting_max {
            return Err(AppError::Overloaded { retry_after: RETRY_AFTER });
        }
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(AppError::internal)?;
        drop(waiting);
        // The place is held to the end of the work, also where nobody waits for it any more.
        let worked = tokio::task::spawn_blocking(move || {
            let worked = work();
            drop(place);
            worked
        });
        worked.await.map_err(AppError::internal)
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &PlainPassword) -> Result<String, argon2::password_hash::Error> {
    Ok(argon2().hash_password(password.0.as_bytes())?.to_string())
}

fn verify_now(password: &PlainPassword, hash: Option<&str>) -> Verdict {
    let is_somebodys = hash.is_some() && !password.is_too_long();
    let text = hash.filter(|_| is_somebodys).unwrap_or(NOBODYS);
    let compared = if password.is_too_long() { "" } else { password.0.as_str() };
    let Ok(parsed) = PasswordHash::new(text) else { return Verdict::Wrong };
    let is_right = argon2().verify_password(compared.as_bytes(), &parsed).is_ok();
    match is_right && is_somebodys {
        false => Verdict::Wrong,
        true if is_current(&parsed) => Verdict::Right,
        true => Verdict::RightAndOld,
    }
}

/// Whether a hash was made as hashes are made now.
fn is_current(hash: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(hash) else { return false };
    hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
        && (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    fn plain(text: &str) -> PlainPassword {
        PlainPassword::typed(text.to_owned())
    }

    #[test]
    fn a_password_has_12_to_256_characters_of_any_kind() {
        for text in ["a few words", &"x y".repeat(86), ""] {
            assert!(PlainPassword::chosen(text.to_owned()).is_err(), "{text}");
        }
        let longest: String = (0_u32..256).map(|at| char::from_u32(0x4e00 + at).unwrap()).collect();
        for text in ["a few words!", "пароль мой 123", "correct horse battery", &longest] {
            assert!(PlainPassword::chosen(text.to_owned()).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_everybody_guesses_first_is_refused() {
        assert!(COMMON.lines().count() >= 100);
        for text in ["password1234", "PASSWORD1234", "aaaaaaaaaaaa", "abcabcabcabc", "qwertyuiop12", "123456789012"] {
            assert!(PlainPassword::chosen(text.to_owned()).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone_and_shows_itself_to_nobody() {
        let lane = PasswordLane::new();
        let password = PlainPassword::chosen(String::from("a few words!")).unwrap();
        let hash = lane.hash(&password).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(lane.verify(&password, Some(hash.clone())).await.unwrap(), Verdict::Right);
        assert_eq!(lane.verify(&plain("a few wordS!"), Some(hash.clone())).await.unwrap(), Verdict::Wrong);
        assert_ne!(lane.hash(&password).await.unwrap(), hash, "each has a salt of its own");
        assert!(!format!("{password:?}").contains("words"));
    }

    #[tokio::test]
    async fn without_a_hash_and_with_a_password_of_megabytes_it_is_wrong_and_costs_as_much() {
        let lane = PasswordLane::new();
        for text in ["", "a few words!", &"x".repeat(1 << 20)] {
            assert_eq!(lane.verify(&plain(text), None).await.unwrap(), Verdict::Wrong);
        }
        let empty = lane.hash(&plain("")).await.unwrap();
        assert_eq!(lane.verify(&plain(&"x".repeat(1 << 20)), Some(empty)).await.unwrap(), Verdict::Wrong);
        assert_eq!(lane.verify(&plain("x"), Some(String::from("no hash"))).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn nobodys_hash_costs_what_a_real_one_does() {
        assert!(is_current(&PasswordHash::new(NOBODYS).unwrap()));
    }

    #[test]
    fn a_hash_with_other_parameters_is_right_and_old() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8 * 1024, 1, 1, None).unwrap());
        let hash = weak.hash_password(b"a few words!").unwrap().to_string();
        assert_eq!(verify_now(&plain("a few words!"), Some(&hash)), Verdict::RightAndOld);
    }

    #[tokio::test]
    async fn beyond_those_that_may_wait_it_is_overloaded() {
        let lane = PasswordLane::with(0, 2);
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let lane = lane.clone();
                tokio::spawn(async move { lane.verify(&PlainPassword::typed(String::new()), None).await })
            })
            .collect();
        while lane.waiting.load(Ordering::Acquire) < 2 {
            tokio::task::yield_now().await;
        }
        let refused = lane.verify(&plain(""), None).await;
        assert!(matches!(refused, Err(AppError::Overloaded { .. })), "{refused:?}");
        for task in waiting {
            task.abort();
            let _ = task.await;
        }
        assert_eq!(lane.waiting.load(Ordering::Acquire), 0, "whoever goes away leaves the queue");
    }
}
