//! A guest made by hand: a component of the engine's own world whose every instruction the test chooses.
//!
//! The core module imports and exports what `wit-component` expects of the world `script` (its "legacy" names), so that
//! a test writes only the few instructions that it is about.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use domain::Language;
use runtime::{CompiledScript, Purity, Sandbox, SandboxConfig, SandboxError, Source};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The functions of the contract, as the canonical ABI flattens them.
const IMPORTS: &str = r#"
    (import "skerry:script/calls@1.0.0" "next" (func $next (param i32)))
    (import "skerry:script/console@1.0.0" "write" (func $write (param i32 i32 i32 i32 i32 i32)))
    (import "skerry:script/storage@1.0.0" "get" (func $get (param i32 i32) (result i32)))
    (import "skerry:script/storage@1.0.0" "get-many" (func $get_many (param i32 i32) (result i32)))
    (import "skerry:script/storage@1.0.0" "set" (func $set (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "skerry:script/storage@1.0.0" "delete" (func $delete (param i32 i32) (result i32)))
    (import "skerry:script/storage@1.0.0" "list" (func $list (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "skerry:script/storage@1.0.0" "increment" (func $increment (param i32 i32 f64) (result i32)))
    (import "skerry:script/storage@1.0.0" "commit" (func $commit (result i32)))
    (import "skerry:script/services@1.0.0" "call" (func $service (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "skerry:script/events@1.0.0" "publish"
        (func $publish (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "skerry:script/http@1.0.0" "send"
        (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "skerry:script/secrets@1.0.0" "check" (func $check (param i32 i32) (result i32)))
    (import "skerry:script/secrets@1.0.0" "hmac" (func $hmac (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "skerry:script/secrets@1.0.0" "hmac-verify"
        (func $hmac_verify (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "skerry:script/timers@1.0.0" "start" (func $timer (param i64) (result i32)))
    (import "skerry:script/timers@1.0.0" "cancel" (func $cancel (param i32)))
    (import "skerry:script/pages@1.0.0" "next-address" (func $next_address (result i32)))
    (import "skerry:script/pages@1.0.0" "next-run" (func $next_run (param i32)))
"#;

/// Where the texts of the data segment lie: `key`, `null`, `a.b`, `https://a.test/`, `{}`, `[]`. Below 1 024 is room for
/// return areas, and the heap begins at 65 536.
const DATA: &str = r#"(data (i32.const 1024) "key") (data (i32.const 1040) "null") (data (i32.const 1056) "a.b")
    (data (i32.const 1072) "https://a.test/") (data (i32.const 1104) "{}") (data (i32.const 1120) "[]")"#;

/// What of the guest is hostile; the rest is honest.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    /// Pages of memory at the start.
    pub(super) pages: u32,
    /// Instructions of `cabi_realloc` while the global `$armed` is 1; they may return, or fall through to honesty.
    pub(super) realloc: String,
    /// Whether `$armed` is 1 from the start, so that the arguments of `load` already meet it.
    pub(super) is_armed: bool,
    /// Instructions of `load`, which leave the address of its result.
    pub(super) load: String,
    /// Instructions of `call`, which leave the address of its result.
    pub(super) call: String,
    /// Further items of the module.
    pub(super) items: String,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            pages: 4,
            realloc: String::new(),
            is_armed: false,
            load: String::from("(call $loaded)"),
            call: String::from("(call $done)"),
            items: String::new(),
        }
    }
}

impl Guest {
    /// A guest whose `call` is hostile.
    pub(super) fn calling(instructions: &str) -> Self {
        Self { call: format!("{instructions} (call $done)"), ..Self::default() }
    }

    /// A sandbox around this guest, with one slot, so that each run gets the memory that the one before it left.
    pub(super) fn sandbox(&self) -> Result<Sandbox, SandboxError> {
        Sandbox::with_component(&SandboxConfig { slots: 1 }, &self.component())
    }

    fn component(&self) -> Vec<u8> {
        static WORLD: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| {
            let mut resolve = Resolve::default();
            let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
            let (package, _) = resolve.push_path(wit).unwrap();
            let world = resolve.select_world(&[package], Some("script")).unwrap();
            (resolve, world)
        });
        let text = self.module();
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        embed_component_metadata(&mut module, &WORLD.0, WORLD.1, StringEncoding::UTF8).unwrap();
        // Not validated here: whether such a component is let in is for the sandbox to say.
        ComponentEncoder::default().validate(false).module(&module).unwrap().encode().unwrap()
    }

    fn module(&self) -> String {
        let Self { pages, realloc, load, call, items, .. } = self;
        let armed = u32::from(self.is_armed);
        format!(
            r#"(module {IMPORTS}
    (memory (export "memory") {pages})
    {DATA}
    (global $armed (mut i32) (i32.const {armed}))
    (global $heap (mut i32) (i32.const 65536))
    (func $realloc (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $bytes i32)
            (result i32) (local $at i32)
        (if (global.get $armed) (then {realloc}))
        (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
        (global.set $heap (i32.add (local.get $at) (local.get $bytes)))
        (block $enough (loop $more
            (br_if $enough (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
            (drop (memory.grow (i32.const 1)))
            (br $more)))
        (local.get $at))
    ;; ok of `load`
    (func $loaded (result i32) (i32.store (i32.const 256) (i32.const 0)) (i32.const 256))
    ;; ok(json("null")) of `call`
    (func $done (result i32) (call $answer (i32.const 1040) (i32.const 4)))
    (func $answer (param $text i32) (param $bytes i32) (result i32)
        (i32.store (i32.const 256) (i32.const 0)) (i32.store (i32.const 260) (i32.const 0))
        (i32.store (i32.const 264) (local.get $text)) (i32.store (i32.const 268) (local.get $bytes))
        (i32.const 256))
    (func (export "init"))
    (func (export "compile") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "load") (param i32 i32 i32 i64 i64 i64 i64 i64 i64 i64 i32 i32) (result i32) {load})
    (func (export "call") (param $arguments i32) (result i32) {call})
    (func (export "dump") (result i32) unreachable)
    (func (export "restore") (param i32))
    {items})"#
        )
    }
}

/// A script for a guest made by hand. Its bytecode is what the guest's `load` is handed.
pub(super) fn script() -> Arc<CompiledScript> {
    let source = Source { file_name: String::from("foreign.js"), language: Language::JavaScript, text: String::new() };
    Arc::new(CompiledScript {
        source: Arc::new(source),
        engine_build: "foreign".into(),
        bytecode: vec![7; 5_000],
        source_map: None,
        purity: Purity::Pure { load_fuel: 0 },
    })
}
