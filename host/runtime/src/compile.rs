//! From source to bytecode, in the sandbox: no text of a tenant is parsed on a host thread (RULES 1).

use std::{sync::Arc, time::Duration};

use domain::{ErrorKind, Language, Limits, limits::SOURCE_BYTES_MAX};

use crate::{
    classify,
    contract::{Diagnostic, Failed, GuestFailure, Module, Place, ScriptText, Severity, SourceLanguage},
    outcome::Failure,
    run::{self, Ended},
    sandbox::{Sandbox, SandboxError},
    stop::Stop,
};

/// What reading a source may take: two seconds and 512 MiB; 20 billion units of fuel are about as long.
const COMPILER_LIMITS: Limits =
    Limits { fuel: 20_000_000_000, wall_time: Duration::from_secs(2), memory_bytes: 512 << 20, ..Limits::DEFAULT };

/// The most fuel of finding the author's positions in the stack of a run that failed. Reading a source of 1 MiB again takes
/// about half of it.
pub const MAPPING_FUEL: u64 = 2_000_000_000;

const MAPPING_LIMITS: Limits = Limits { fuel: MAPPING_FUEL, ..COMPILER_LIMITS };

/// The largest schema of an argument (RULES 11).
const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// What running a top level without an execution may take. A longer one is run anew in each execution, under the
/// script's own limits.
const TOP_LEVEL_LIMITS: Limits =
    Limits { fuel: 500_000_000, wall_time: Duration::from_secs(2), memory_bytes: 64 << 20, ..Limits::DEFAULT };

/// A script as its author wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name that stacks and messages show, with its ending.
    pub file_name: String,
    /// What it is written in.
    pub language: Language,
    /// The text.
    pub text: String,
}

/// A script that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledScript {
    /// What it was made of: with it a failure is shown in the author's positions.
    pub source: Arc<Source>,
    /// The engine that made the bytecode, and the only one that may load it.
    pub engine_build: Arc<str>,
    /// QuickJS bytecode. As good as native code to the guest: never accepted from outside.
    pub bytecode: Vec<u8>,
    /// From the compiled to the author's positions; absent where they are the same.
    pub source_map: Option<String>,
    /// Whether the top level can run before the execution begins.
    pub purity: Purity,
}

/// Whether a script's top level touches nothing that only an execution has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purity {
    /// It does not. A snapshot of the state after it could stand for it.
    Pure {
        /// Fuel of the load, which every run is charged, whichever way it takes.
        load_fuel: u64,
    },
    /// It does, so it runs inside each execution.
    Impure {
        /// What it touches, for the script's author.
        reason: String,
    },
}

/// A compiled script and what compiling it said and cost.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The script.
    pub script: CompiledScript,
    /// The JSON Schema of its argument; absent where the source does not say what that is. Nothing is checked against it.
    pub input_schema: Option<String>,
    /// Findings that do not keep it from running.
    pub warnings: Vec<Diagnostic>,
    /// Fuel that reading it took, which its tenant is charged.
    pub fuel: u64,
}

/// Why a source cannot be compiled: its author's to mend.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", .diagnostics.first().map_or("the source does not compile", |first| first.message.as_str()))]
pub struct CompileError {
    /// What is wrong, in the author's positions; never empty.
    pub diagnostics: Vec<Diagnostic>,
    /// Fuel that reading it took, which its tenant is charged.
    pub fuel: u64,
}

impl Sandbox {
    /// Compile a script.
    ///
    /// # Errors
    /// The outer error is the host's. The inner one is the author's: findings with positions.
    pub async fn compile(&self, source: &Source) -> Result<Result<Compiled, CompileError>, SandboxError> {
        let mut fuel = 0;
        let compiled = self.compile_charged(source, &mut fuel).await?;
        Ok(match compiled {
            Ok(compiled) => Ok(Compiled { fuel, ..compiled }),
            Err(diagnostics) => Err(CompileError { diagnostics, fuel }),
        })
    }

    async fn compile_charged(
        &self,
        source: &Source,
        fuel: &mut u64,
    ) -> Result<Result<Compiled, Vec<Diagnostic>>, SandboxError> {
        if source.text.len() > SOURCE_BYTES_MAX {
            let bytes = source.text.len();
            let message = format!("the source has {bytes} bytes; at most {SOURCE_BYTES_MAX} are allowed");
            return Ok(Err(vec![whole_file(message)]));
        }
        let module = match self.read(source, fuel).await? {
            Ok(module) => module,
            Err(diagnostics) => return Ok(Err(diagnostics)),
        };
        let bytecode = match self.to_bytecode(source, &module, fuel).await? {
            Ok(bytecode) => bytecode,
            Err(diagnostic) => return Ok(Err(vec![diagnostic])),
        };
        let purity = match self.try_top_level(&bytecode, module.entry_place.as_ref(), fuel).await? {
            Ok(purity) => purity,
            Err(diagnostic) => return Ok(Err(vec![diagnostic])),
        };
        let script = CompiledScript {
            source: Arc::new(source.clone()),
            engine_build: Arc::clone(&self.inner.build_id),
            bytecode,
            source_map: module.source_map,
            purity,
        };
        let input_schema = module.input_schema.filter(|schema| is_schema(schema));
        Ok(Ok(Compiled { script, input_schema, warnings: module.warnings, fuel: 0 }))
    }

    /// Parse, find the entry, turn TypeScript into JavaScript.
    async fn read(&self, source: &Source, fuel: &mut u64) -> Result<Result<Module, Vec<Diagnostic>>, SandboxError> {
        let compiler = self.inner.compiler.as_ref().ok_or_else(|| SandboxError::Setup(String::from("no compiler")))?;
        let language = language(source);
        let ended = run::bare(&self.inner.engine, &COMPILER_LIMITS, fuel, async |store| {
            let instance = compiler.instantiate_async(&mut *store).await?;
            instance.call_compile(store, language, &source.file_name, &source.text).await
        });
        Ok(match ended.await? {
            Ended::Returned(result) => result,
            Ended::Trapped(error) => Err(vec![whole_file(format!(
                "the source cannot be read within 2 seconds and 512 MiB, or is nested too deeply ({})",
                classify::ended(&error).kind
            ))]),
        })
    }

    async fn to_bytecode(
        &self,
        source: &Source,
        module: &Module,
        fuel: &mut u64,
    ) -> Result<Result<Vec<u8>, Diagnostic>, SandboxError> {
        let ended = run::bare(&self.inner.engine, &COMPILER_LIMITS, fuel, async |store| {
            let instance = self.inner.script.instantiate_async(&mut *store).await?;
            instance.call_compile(store, &source.file_name, &module.code).await
        });
        Ok(match ended.await? {
            Ended::Returned(Ok(bytecode)) => Ok(bytecode),
            Ended::Returned(Err(failure)) => Err(self.syntax_error(source, failure).await?),
            Ended::Trapped(error) => Err(whole_file(format!(
                "the source cannot be compiled: it is nested too deeply or too large ({})",
                classify::ended(&error).kind
            ))),
        })
    }

    /// Run the top level where there is no execution, to see whether it is pure and that its entry can be called.
    async fn try_top_level(
        &self,
        bytecode: &[u8],
        entry: Option<&Place>,
        fuel: &mut u64,
    ) -> Result<Result<Purity, Diagnostic>, SandboxError> {
        let before = *fuel;
        let ended = run::bare(&self.inner.engine, &TOP_LEVEL_LIMITS, fuel, async |store| {
            let instance = self.inner.script.instantiate_async(&mut *store).await?;
            instance.call_load(store, bytecode, None).await
        });
        Ok(match ended.await? {
            Ended::Returned(Ok(())) => Ok(Purity::Pure { load_fuel: *fuel - before }),
            Ended::Returned(Err(failure)) => match classify::failed(failure, None) {
                failure if failure.kind == ErrorKind::Syntax => Err(at(entry, failure.message)),
                failure => Ok(Purity::Impure { reason: format!("the top level fails: {}", failure.message) }),
            },
            Ended::Trapped(error) => Ok(Purity::Impure { reason: impurity(&error) }),
        })
    }

    /// An error that only QuickJS found, at the author's position.
    async fn syntax_error(&self, source: &Source, failure: GuestFailure) -> Result<Diagnostic, SandboxError> {
        let failure =
            Failure { kind: ErrorKind::Syntax, name: failure.name, message: failure.message, stack: failure.stack };
        let failure = self.map_stack(source, failure).await?.0;
        let (line, column) = first_position(&failure.stack).unwrap_or((1, 1));
        let text = source.text.lines().nth(line as usize - 1).unwrap_or_default();
        let message = format!("{}: {}", failure.name, failure.message);
        Ok(Diagnostic { line, column, excerpt: excerpt(text, column), ..whole_file(message) })
    }

    /// Turn a failure's frames into the author's positions. Answers the fuel that it took, too.
    pub(crate) async fn map_stack(
        &self,
        source: &Source,
        mut failure: Failure,
    ) -> Result<(Failure, u64), SandboxError> {
        let mut fuel = 0;
        let Some(compiler) = self.inner.compiler.as_ref().filter(|_| !failure.stack.is_empty()) else {
            return Ok((failure, fuel));
        };
        let Source { file_name, text, .. } = source.clone();
        let script = ScriptText { language: language(source), file_name, text };
        let failed =
            Failed { name: failure.name.clone(), message: failure.message.clone(), stack: failure.stack.clone() };
        let ended = run::bare(&self.inner.engine, &MAPPING_LIMITS, &mut fuel, async |store| {
            let instance = compiler.instantiate_async(&mut *store).await?;
            instance.call_map_stack(store, &script, &failed).await
        });
        if let Ended::Returned(stack) = ended.await? {
            failure.stack = stack;
        }
        Ok((failure, fuel))
    }
}

fn language(source: &Source) -> SourceLanguage {
    match source.language {
        Language::JavaScript => SourceLanguage::Javascript,
        Language::TypeScript => SourceLanguage::Typescript,
    }
}

/// Whether a text is what the contract says. The compiler read hostile text, so that its words are not taken for it.
fn is_schema(text: &str) -> bool {
    text.len() <= SCHEMA_BYTES_MAX && serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok()
}

/// A finding about the entry.
fn at(entry: Option<&Place>, message: String) -> Diagnostic {
    match entry {
        Some(Place { line, column, excerpt }) => {
            Diagnostic { line: *line, column: *column, excerpt: excerpt.clone(), ..whole_file(message) }
        }
        None => whole_file(message),
    }
}

fn impurity(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Stop>() {
        Some(stop @ Stop::Impure(_)) => stop.to_string(),
        _ => format!("the top level does not end by itself ({})", classify::ended(error).kind),
    }
}

/// A finding that belongs to no one line.
fn whole_file(message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Error, message, advice: None, line: 1, column: 1, excerpt: String::new() }
}

/// The position of the first frame, as `(name:LINE:COLUMN)` or `name:LINE:COLUMN`.
fn first_position(stack: &str) -> Option<(u32, u32)> {
    let frame = stack.lines().next()?.trim_end().trim_end_matches(')');
    let mut parts = frame.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    (line >= 1 && column >= 1).then_some((line, column))
}

/// A line and a caret below its `column`.
fn excerpt(line: &str, column: u32) -> String {
    const LINE_CHARS_MAX: usize = 120;
    let before = (column as usize - 1).min(line.chars().count());
    let skipped = before.saturating_sub(LINE_CHARS_MAX / 2);
    let shown: String = line.chars().skip(skipped).take(LINE_CHARS_MAX).collect();
    let indent: String =
        line.chars().skip(skipped).take(before - skipped).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    format!("{shown}\n{indent}^")
}
