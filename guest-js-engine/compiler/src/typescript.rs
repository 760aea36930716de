//! TypeScript to JavaScript: types erased, enums, namespaces and parameter properties written out, nothing else changed.

use std::path::Path;

use oxc::{
    allocator::Allocator,
    ast::ast::Program,
    codegen::{Codegen, CodegenOptions},
    semantic::Scoping,
    transformer::{TransformOptions, Transformer},
};

use crate::findings::Finding;

/// Take what is TypeScript out of the program. Answers what stands in the way.
pub(crate) fn erase<'a>(
    allocator: &'a Allocator,
    program: &mut Program<'a>,
    scoping: Scoping,
    file_name: &str,
) -> Vec<Finding> {
    // The engine understands the newest syntax. Writing it in an older one would call for helpers that a script, which
    // is one module, cannot import.
    let options = TransformOptions::default();
    let transformed = Transformer::new(allocator, Path::new(file_name), &options).build_with_scoping(scoping, program);
    transformed.diagnostics.into_iter().map(Finding::from).filter(Finding::is_error).collect()
}

/// The program as text, and the source map (version 3) from it to the author's text.
///
/// The map names the author's file and does not carry its text: whoever may read the map can read the version's source.
pub(crate) fn print(program: &Program<'_>, file_name: &str) -> (String, Option<String>) {
    let options = CodegenOptions { source_map_path: Some(file_name.into()), ..CodegenOptions::default() };
    let printed = Codegen::new().with_options(options).build(program);
    let source_map = printed.map.map(|mut map| {
        map.set_source_contents(Vec::new());
        map.to_json_string()
    });
    (printed.code, source_map)
}
