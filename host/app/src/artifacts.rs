//! Compiled versions: made in the sandbox, kept with a MAC, verified before use, made again for another engine.

use std::{sync::Arc, time::Duration};

use database::{Artifact, Usage, Version, VersionSummary};
use domain::{ScriptName, TenantId, VersionId};
use moka::sync::Cache;
use runtime::{Compiled, CompiledScript, Purity, Source};

use crate::{
    AppError, Inner,
    quotas::Allowed,
    sealing::{Purpose, TenantKey},
};

/// How many bytes of bytecode, source maps and sources are kept in memory.
const CACHE_BYTES: u64 = 256 << 20;

/// The most fuel that compiling takes: reading, turning into bytecode and trying the top level.
const COMPILE_FUEL: u64 = 41_000_000_000;

/// Compiled versions that were used lately.
pub(crate) struct Artifacts(Cache<(TenantId, VersionId), Runnable>);

/// A version that can be run. Versions are immutable, so that one from memory is as good as one from the database.
#[derive(Clone)]
pub(crate) struct Runnable {
    pub(crate) script: Arc<CompiledScript>,
    pub(crate) version: Arc<VersionSummary>,
}

impl Artifacts {
    pub(crate) fn new() -> Self {
        let weigh = |_: &(TenantId, VersionId), runnable: &Runnable| {
            let script = &runnable.script;
            let source_map = script.source_map.as_ref().map_or(0, String::len);
            let bytes = script.bytecode.len() + source_map + script.source.text.len() + 256;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let builder = Cache::builder().max_capacity(CACHE_BYTES).weigher(weigh);
        Self(builder.time_to_idle(Duration::from_secs(60 * 60)).build())
    }
}

impl Artifacts {
    /// A version that can be run at once.
    pub(crate) fn ready(&self, tenant: TenantId, version: VersionId) -> Option<Runnable> {
        self.0.get(&(tenant, version))
    }
}

/// The row for a compiled version. The MAC binds it to its tenant and version (RULES 44).
pub(crate) fn sealed(key: &TenantKey, tenant: TenantId, version: VersionId, script: &CompiledScript) -> Artifact {
    let (load_fuel, impure_reason) = match &script.purity {
        Purity::Pure { load_fuel } => (*load_fuel, None),
        Purity::Impure { reason } => (0, Some(reason.clone())),
    };
    let mut artifact = Artifact {
        engine_build: script.engine_build.to_string(),
        load_fuel,
        impure_reason,
        mac: Vec::new(),
        source_map: script.source_map.clone(),
        bytecode: script.bytecode.clone(),
    };
    artifact.mac = mac(key, tenant, version, &artifact).to_vec();
    artifact
}

fn mac(key: &TenantKey, tenant: TenantId, version: VersionId, artifact: &Artifact) -> [u8; 32] {
    let optional = |text: &Option<String>| text.as_ref().map_or(Vec::new(), |text| [b"+", text.as_bytes()].concat());
    key.mac(
        Purpose::Artifact,
        &[
            tenant.as_bytes(),
            version.as_bytes(),
            artifact.engine_build.as_bytes(),
            &artifact.load_fuel.to_le_bytes(),
            &optional(&artifact.impure_reason),
            &optional(&artifact.source_map),
            &artifact.bytecode,
        ],
    )
}

impl Inner {
    /// Compile a source as work of `tenant`: admitted, and charged whether it compiles or not.
    ///
    /// # Errors
    /// [`AppError::Source`] is the author's.
    pub(crate) async fn compile(self: &Arc<Self>, tenant: TenantId, source: Source) -> Result<Compiled, AppError> {
        let mut allowed = self.allow_work(tenant, COMPILE_FUEL).await?;
        let sandbox = self.sandbox.clone();
        let compiled = self.guests.run(async move { sandbox.compile(&source).await }).await??;
        let fuel = compiled.as_ref().map_or_else(|error| error.fuel, |compiled| compiled.fuel);
        self.charge(tenant, &mut allowed, fuel).await?;
        compiled.map_err(|error| AppError::Source { diagnostics: error.diagnostics })
    }

    /// Add the fuel of work that is no execution to the tenant's usage.
    pub(crate) async fn charge(&self, tenant: TenantId, allowed: &mut Allowed, fuel: u64) -> Result<(), AppError> {
        let usage = Usage { fuel, ..Usage::default() };
        self.database.settle_usage(tenant, allowed.fuel.day, usage).await?;
        allowed.fuel.settle(fuel);
        allowed.permit.used(fuel, self.config.limits.memory_bytes);
        Ok(())
    }

    /// The compiled form of a version: from memory, from the database if its MAC holds and its engine is this one, or
    /// compiled anew.
    pub(crate) async fn runnable(
        self: &Arc<Self>,
        tenant: TenantId,
        version: VersionId,
        script: &ScriptName,
    ) -> Result<Runnable, AppError> {
        if let Some(runnable) = self.artifacts.0.get(&(tenant, version)) {
            return Ok(runnable);
        }
        let key = self.keyring.tenant(&self.database, tenant)?;
        let stored = self.database.version(tenant, version)?;
        let summary = Arc::new(stored.summary.clone());
        let source = source_of(script, stored);
        let artifact = self.database.artifact(tenant, version)?;
        let script = match artifact.and_then(|artifact| self.verified(&key, (tenant, version), &source, artifact)) {
            Some(script) => script,
            None => self.recompile(&key, (tenant, version), source).await?,
        };
        let runnable = Runnable { script, version: summary };
        self.artifacts.0.insert((tenant, version), runnable.clone());
        Ok(runnable)
    }

    fn verified(
        &self,
        key: &TenantKey,
        (tenant, version): (TenantId, VersionId),
        source: &Source,
        artifact: Artifact,
    ) -> Option<Arc<CompiledScript>> {
        if artifact.engine_build != self.sandbox.build_id() {
            return None;
        }
        if !bool::from(subtle::ConstantTimeEq::ct_eq(mac(key, tenant, version, &artifact).as_slice(), &artifact.mac)) {
            tracing::error!(tenant.id = %tenant, version.id = %version, "a stored artifact was changed; compiling it anew");
            return None;
        }
        let purity = match artifact.impure_reason {
            None => Purity::Pure { load_fuel: artifact.load_fuel },
            Some(reason) => Purity::Impure { reason },
        };
        Some(Arc::new(CompiledScript {
            source: Arc::new(source.clone()),
            engine_build: artifact.engine_build.into(),
            bytecode: artifact.bytecode,
            source_map: artifact.source_map,
            purity,
        }))
    }

    async fn recompile(
        self: &Arc<Self>,
        key: &TenantKey,
        (tenant, version): (TenantId, VersionId),
        source: Source,
    ) -> Result<Arc<CompiledScript>, AppError> {
        let script = self.compile(tenant, source).await?.script;
        self.database.put_artifact(tenant, version, sealed(key, tenant, version, &script)).await?;
        Ok(Arc::new(script))
    }
}

/// What a version was made of, under the name that its script's stacks show.
fn source_of(script: &ScriptName, version: Version) -> Source {
    let Version { summary, source, .. } = version;
    let file_name = format!("{script}{}", summary.language.extension());
    Source { file_name, language: summary.language, text: source }
}
