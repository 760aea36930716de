//! The deployment's key, and the tenants' keys that it opens.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use database::{AuditEntry, Database, DatabaseError};
use domain::{Lineage, ScheduleId, TenantId, UnixMillis, lineage::KEPT_MS};
use moka::sync::Cache;
use zeroize::Zeroizing;

use super::{KEY_BYTES, Key, NONCE_BYTES, Purpose, Sealer, TAG_BYTES, TenantKey, Unsealable, bound_to, hex, key_file};
use crate::{AppError, audit::ChainKeys, schedules::Jitter};

/// How many tenants' keys are kept open: each is a few hundred bytes, and opening one is a read and a microsecond.
const OPEN_KEYS_MAX: u64 = 10_000;

/// What a lineage is sealed as: it belongs to the deployment and to no tenant.
const LINEAGE_BOUND: &[u8] = &[Purpose::Lineage as u8];

/// How long a key stays open, and so how long after its destruction a process may still hold it.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// Why the deployment's key cannot be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database has tenants, and their keys cannot be opened without it.
    #[error(
        "the key file {} is missing, and without it nothing that was recorded in this database can be read: put it back \
         from where you keep a copy; nothing was changed", file.display()
    )]
    Missing {
        /// The key file.
        file: PathBuf,
    },
    /// The file holds the key of another deployment.
    #[error(
        "the key in {} is not the one of this database: put the right one back, or choose the data directory that it \
         belongs to; nothing was changed", file.display()
    )]
    Wrong {
        /// The key file.
        file: PathBuf,
    },
    /// Others can read the file.
    #[error(
        "the key file {} can be read by others (mode {mode:o}): run `chmod 600` on it, and consider the key known to \
         whoever could read it", file.display()
    )]
    TooOpen {
        /// The key file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{} holds no key: a key file is one line of 64 hexadecimal digits", file.display())]
    Malformed {
        /// The key file.
        file: PathBuf,
    },
    /// The file cannot be read.
    #[error("the key file {} cannot be read ({source}): give this user the right to", file.display())]
    Unreadable {
        /// The key file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A new key cannot be written.
    #[error("the key file {} cannot be created ({source}): choose a place that this user can write to", file.display())]
    NotCreated {
        /// The key file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system has no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The tenants cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The deployment's key and the tenants' keys that are open. Shows itself to nobody.
pub(crate) struct Keyring {
    sealer: Sealer,
    lineages: Sealer,
    /// What the keys that sign calls of services are derived from.
    service_root: Key,
    /// What says how late the slots of each schedule are.
    jitter_key: Key,
    /// What the keys of the audit log's chains are derived from.
    audit_root: Key,
    /// What accounts and addresses are counted by where sign-ins fail.
    sign_in_key: Key,
    /// What cursors carry a MAC under.
    cursor_key: Key,
    /// What is kept of the deployment itself, which is no tenant, is sealed under.
    own: Arc<TenantKey>,
    open: Cache<TenantId, Arc<TenantKey>>,
}

impl Keyring {
    /// The key in `file`, which is made where it is not there and `database` is empty.
    ///
    /// # Errors
    /// [`KeyError`] says what to do about each.
    pub(crate) fn open(file: &Path, database: &Database) -> Result<Self, KeyError> {
        let tenants = database.list_tenants(None, 1)?;
        let Some(key) = key_file::read(file)? else {
            if !tenants.is_empty() {
                return Err(KeyError::Missing { file: file.to_owned() });
            }
            let key = random_key()?;
            key_file::create(file, &key)?;
            return Self::new(&key);
        };
        let keyring = Self::new(&key)?;
        for tenant in tenants {
            let opens = tenant.sealed_key.is_none_or(|sealed| keyring.unwrap(tenant.id, &sealed).is_some());
            if !opens {
                return Err(KeyError::Wrong { file: file.to_owned() });
            }
        }
        Ok(keyring)
    }

    /// A key that is nowhere else, for a database in memory.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub(crate) fn ephemeral() -> Result<Self, KeyError> {
        Self::new(&random_key()?)
    }

    fn new(key: &Key) -> Result<Self, KeyError> {
        let wrap_key = Zeroizing::new(blake3::derive_key("skerry deployment key v1: wrapping", key.as_slice()));
        let lineage_key = Zeroizing::new(blake3::derive_key("skerry deployment key v1: lineage", key.as_slice()));
        let service_root =
            Zeroizing::new(blake3::derive_key("skerry deployment key v1: service tokens", key.as_slice()));
        let jitter_key = Zeroizing::new(blake3::derive_key("skerry deployment key v1: jitter", key.as_slice()));
        let audit_root = Zeroizing::new(blake3::derive_key("skerry deployment key v1: audit", key.as_slice()));
        let sign_in_key = Zeroizing::new(blake3::derive_key("skerry deployment key v1: sign-in", key.as_slice()));
        let cursor_key = Zeroizing::new(blake3::derive_key("skerry deployment key v1: cursors", key.as_slice()));
        let own = Zeroizing::new(blake3::derive_key("skerry deployment key v1: own", key.as_slice()));
        let open = Cache::builder().max_capacity(OPEN_KEYS_MAX).time_to_live(OPEN_FOR).build();
        Ok(Self {
            sealer: Sealer::new(&wrap_key)?,
            lineages: Sealer::new(&lineage_key)?,
            service_root,
            jitter_key,
            audit_root,
            sign_in_key,
            cursor_key,
            own: Arc::new(TenantKey::derive(AuditEntry::deployment(), &own)?),
            open,
        })
    }

    /// The seed of the key that signs calls of services, in its `generation`: the operator rotates it by counting on.
    pub(crate) fn service_seed(&self, generation: u32) -> Key {
        Zeroizing::new(*blake3::keyed_hash(&self.service_root, &generation.to_le_bytes()).as_bytes())
    }

    /// How late the slots of a schedule are: nobody outside can tell it beforehand, or choose it (RULES 38).
    pub(crate) fn schedule_jitter(&self, schedule: ScheduleId) -> Jitter {
        let digest = blake3::keyed_hash(&self.jitter_key, schedule.as_bytes());
        let [a, b, c, d, ..] = *digest.as_bytes();
        Jitter(u32::from_le_bytes([a, b, c, d]))
    }

    /// The keys of the audit log's chains.
    pub(crate) fn audit_keys(&self) -> ChainKeys {
        ChainKeys::new(self.audit_root.clone())
    }

    /// What an account or an address is counted by: the database alone does not say whose it is. Each part with its
    /// length, so that no other split of the same bytes has the same hash.
    pub(crate) fn sign_in_hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.sign_in_key);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    /// What makes the MACs of cursors.
    pub(crate) fn cursor_hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.cursor_key)
    }

    /// A key for a new tenant, wrapped, as the tenant's row keeps it.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub(crate) fn wrap_new(&self, tenant: TenantId) -> Result<Vec<u8>, KeyError> {
        Ok(self.sealer.seal(&bound_to(tenant, Purpose::TenantKey, &[]), random_key()?.as_slice()))
    }

    /// A tenant's key, by what [`Self::wrap_new`] made of it.
    ///
    /// # Errors
    /// [`AppError::Internal`] when it is not that tenant's, or was wrapped by another deployment's key.
    pub(crate) fn tenant_key(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, AppError> {
        let kept = self
            .unwrap(tenant, wrapped)
            .ok_or_else(|| AppError::internal(Unsealable { purpose: Purpose::TenantKey }))?;
        TenantKey::derive(tenant, &kept).map_err(AppError::internal)
    }

    /// A tenant's key, from the database or, for a minute, from memory; the deployment's own for its id, which no tenant has.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a tenant that is not there, or whose key was destroyed.
    pub(crate) fn tenant(&self, database: &Database, tenant: TenantId) -> Result<Arc<TenantKey>, AppError> {
        if tenant == AuditEntry::deployment() {
            return Ok(Arc::clone(&self.own));
        }
        if let Some(key) = self.open.get(&tenant) {
            return Ok(key);
        }
        let missing = || AppError::NotFound { what: "tenant" };
        let row = match database.tenant(tenant) {
            Err(DatabaseError::NotFound) => return Err(missing()),
            row => row?,
        };
        let key = Arc::new(self.tenant_key(tenant, &row.sealed_key.ok_or_else(missing)?)?);
        self.open.insert(tenant, Arc::clone(&key));
        Ok(key)
    }

    /// Do not keep a tenant's key any longer: it is destroyed.
    pub(crate) fn forget(&self, tenant: TenantId) {
        self.open.invalidate(&tenant);
    }

    /// The chain of executions that a request belongs to, as its header carries it with the time at which it left:
    /// whoever reads it learns nothing.
    pub(crate) fn seal_lineage(&self, lineage: &Lineage, now: UnixMillis) -> String {
        let plain = [now.0.to_le_bytes().as_slice(), &lineage.to_bytes()].concat();
        hex::write(&self.lineages.seal(LINEAGE_BOUND, &plain)).to_string()
    }

    /// What [`Self::seal_lineage`] was given, in this process or another of the deployment; `None` for anything else, and
    /// for what left more than [`KEPT_MS`] before `now`.
    pub(crate) fn open_lineage(&self, header: &str, now: UnixMillis) -> Option<Lineage> {
        let mut sealed = [0; 1 + NONCE_BYTES + size_of::<i64>() + Lineage::BYTES + TAG_BYTES];
        hex::read(header.as_bytes(), &mut sealed)?;
        let plain = self.lineages.open(LINEAGE_BOUND, &sealed)?;
        let (left_at, lineage) = plain.split_first_chunk()?;
        let age = now.0.saturating_sub(i64::from_le_bytes(*left_at));
        if age > KEPT_MS { None } else { Lineage::from_bytes(lineage) }
    }

    fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Option<Key> {
        let kept = Zeroizing::new(self.sealer.open(&bound_to(tenant, Purpose::TenantKey, &[]), wrapped)?);
        kept.as_slice().try_into().ok().map(Zeroizing::new)
    }
}

fn random_key() -> Result<Key, KeyError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(key.as_mut_slice())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use std::fs;

    use database::NewTenant;
    use domain::TenantSlug;

    use super::*;

    async fn create_tenant(database: &Database, keyring: &Keyring, slug: &str) -> TenantId {
        let id = TenantId::generate();
        let tenant = NewTenant {
            id,
            slug: TenantSlug::parse(slug).unwrap(),
            name: slug.to_owned(),
            sealed_key: keyring.wrap_new(id).unwrap(),
            limits: None,
            created_at: UnixMillis(1),
        };
        database.create_tenant(tenant).await.unwrap();
        id
    }

    #[tokio::test]
    async fn what_one_process_sealed_the_next_one_opens() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("skerry.key");
        let database = Database::in_memory().unwrap();
        let first = Keyring::open(&file, &database).unwrap();
        let tenant = create_tenant(&database, &first, "acme").await;
        let sealed = first.tenant(&database, tenant).unwrap().seal(Purpose::Input, b"row", b"plain");

        let next = Keyring::open(&file, &database).unwrap();
        let plain = next.tenant(&database, tenant).unwrap().open(Purpose::Input, b"row", &sealed).unwrap();
        assert_eq!(plain, b"plain");
    }

    #[tokio::test]
    async fn a_lost_key_is_not_replaced_while_there_are_tenants() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("skerry.key");
        let database = Database::in_memory().unwrap();
        create_tenant(&database, &Keyring::open(&file, &database).unwrap(), "acme").await;
        fs::remove_file(&file).unwrap();
        assert!(matches!(Keyring::open(&file, &database), Err(KeyError::Missing { .. })));
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn the_key_of_another_deployment_is_refused_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("skerry.key");
        let database = Database::in_memory().unwrap();
        create_tenant(&database, &Keyring::ephemeral().unwrap(), "acme").await;
        key_file::create(&file, &random_key().unwrap()).unwrap();
        assert!(matches!(Keyring::open(&file, &database), Err(KeyError::Wrong { .. })));
    }

    #[tokio::test]
    async fn a_tenants_key_opens_for_no_other_tenant() {
        let database = Database::in_memory().unwrap();
        let keyring = Keyring::ephemeral().unwrap();
        let (one, other) = (TenantId::generate(), TenantId::generate());
        let wrapped = keyring.wrap_new(one).unwrap();
        assert!(keyring.tenant_key(one, &wrapped).is_ok());
        assert!(keyring.tenant_key(other, &wrapped).is_err());
        assert!(Keyring::ephemeral().unwrap().tenant_key(one, &wrapped).is_err());
        assert!(matches!(keyring.tenant(&database, one), Err(AppError::NotFound { what: "tenant" })));
    }

    #[test]
    fn a_key_file_in_a_place_that_is_not_there_is_an_error_with_advice() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("missing/skerry.key");
        let refused = Keyring::open(&file, &Database::in_memory().unwrap()).err().unwrap();
        assert!(matches!(refused, KeyError::NotCreated { .. }), "{refused}");
    }

    #[test]
    fn a_lineage_is_opened_for_a_day_and_by_its_deployment_alone() {
        let keyring = Keyring::ephemeral().unwrap();
        let lineage = Lineage::begun_by(TenantId::generate(), domain::ExecutionId::generate());
        let sealed = keyring.seal_lineage(&lineage, UnixMillis(1_000));
        for now in [0, 1_000, 1_000 + KEPT_MS] {
            assert_eq!(keyring.open_lineage(&sealed, UnixMillis(now)), Some(lineage), "{now}");
        }
        assert_eq!(keyring.open_lineage(&sealed, UnixMillis(1_001 + KEPT_MS)), None);
        assert_eq!(Keyring::ephemeral().unwrap().open_lineage(&sealed, UnixMillis(1_000)), None);
    }
}
