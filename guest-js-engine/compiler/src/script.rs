//! From the author's text to a module that the engine can compile.

use oxc::{
    allocator::Allocator,
    ast::ast::Program,
    parser::Parser,
    semantic::{Scoping, SemanticBuilder},
    span::SourceType,
};

use crate::{
    contract::skerry::script::source::{Diagnostic, Entry as EntryKind, Failed, Language, Module, Place, ScriptText},
    entry::{self, Entry},
    findings::{self, Finding},
    modules, schema,
    source::Source,
    stacks::{self, AuthorsMap},
    typescript, warnings,
};

/// The largest source of a script. Generated bundles of larger libraries fit; a whole application does not.
const MAX_SOURCE_BYTES: usize = 1 << 20;

/// Read a script.
///
/// JavaScript comes out as it went in, but for one line at its end where its only function is made the default export:
/// its positions need no map. TypeScript comes out as JavaScript with a source map.
///
/// # Errors
/// Everything that is wrong with the text, in the author's positions.
pub(crate) fn compile(language: Language, file_name: &str, text: &str) -> Result<Module, Vec<Diagnostic>> {
    let source = Source::new(text);
    read(language, file_name, text)
        .map(|read| {
            let entry_place = read.entry_offset.map(|offset| {
                let place = source.place(offset);
                Place { line: place.line, column: place.column, excerpt: place.excerpt() }
            });
            Module { entry_place, warnings: findings::show(&source, read.warnings), ..read.module }
        })
        .map_err(|errors| findings::show(&source, errors))
}

/// Turn a failure's stack into the author's positions.
pub(crate) fn map_stack(script: &ScriptText, failure: &Failed) -> String {
    let ScriptText { language, file_name, text } = script;
    match language {
        Language::Javascript => stacks::map(file_name, text, None, failure),
        // The same text gives the same code, which is kept nowhere.
        Language::Typescript => match read(*language, file_name, text) {
            Ok(Read { module: Module { code, source_map, .. }, .. }) => {
                let map = source_map.as_deref().map(|json| AuthorsMap { json, text });
                stacks::map(file_name, &code, map.as_ref(), failure)
            }
            Err(_) => failure.stack.clone(),
        },
    }
}

/// A script that was read, with what is in bytes of its text.
struct Read {
    module: Module,
    entry_offset: Option<u32>,
    warnings: Vec<Finding>,
}

fn read(language: Language, file_name: &str, text: &str) -> Result<Read, Vec<Finding>> {
    if text.len() > MAX_SOURCE_BYTES {
        return Err(vec![too_large(text.len())]);
    }
    let allocator = Allocator::default();
    let (mut program, mut found) = parse(&allocator, language, text)?;
    let scoping = check(&program, &mut found)?;
    found.extend(warnings::find(&program, &scoping));
    let (input_schema, entry_offset) = match entry::find(&program) {
        Ok(entry) => (schema::of_input(language, &program, entry), entry::offset(&program)),
        // It is found again below, and told of then.
        Err(_) => (Ok(None), None),
    };
    let input_schema = input_schema.unwrap_or_else(|warning| {
        found.push(warning);
        None
    });
    let mut errors = modules::find_within(&program);
    if matches!(language, Language::Typescript) && errors.is_empty() {
        errors = typescript::erase(&allocator, &mut program, scoping, file_name);
    }
    // After the types are gone, so that imports and exports of types are no findings.
    errors.extend(modules::find_static(&program));
    let entry = entry::find(&program).map_err(|error| errors.push(error));
    match entry {
        Ok(entry) if errors.is_empty() => {
            let module = Module { input_schema, ..module(language, file_name, &program, entry) };
            Ok(Read { module, entry_offset, warnings: found })
        }
        _ => Err(errors),
    }
}

fn parse<'a>(
    allocator: &'a Allocator,
    language: Language,
    text: &'a str,
) -> Result<(Program<'a>, Vec<Finding>), Vec<Finding>> {
    let source_type = match language {
        Language::Javascript => SourceType::mjs(),
        Language::Typescript => SourceType::ts(),
    };
    let parsed = Parser::new(allocator, text, source_type).parse();
    let found = stop_at_errors(parsed.diagnostics.into_iter().map(Finding::from).collect())
        .map_err(|errors| other_language(text, source_type, &errors).map_or(errors, |better| vec![better]))?;
    Ok((parsed.program, found))
}

/// One finding in place of many, where the text would be right in a language that it was not said to be in.
fn other_language(text: &str, tried: SourceType, errors: &[Finding]) -> Option<Finding> {
    let reads_as =
        |source_type| !Parser::new(&Allocator::default(), text, source_type).parse().diagnostics.has_errors();
    let first = errors.iter().map(Finding::offset).min()?;
    if tried.is_javascript() && reads_as(SourceType::ts()) {
        let advice = "save the script as TypeScript: its file name ends in `.ts`";
        return Some(Finding::error(first, "this is TypeScript, and the script is said to be JavaScript", advice));
    }
    let advice = "compile it to JavaScript first, with esbuild for instance";
    reads_as(tried.with_jsx(true)).then(|| Finding::error(first, "JSX is not understood here", advice))
}

/// The early errors that need scopes: a name declared twice, `await` where there is none, a label without a loop, …
fn check(program: &Program<'_>, found: &mut Vec<Finding>) -> Result<Scoping, Vec<Finding>> {
    let checked = SemanticBuilder::new_compiler().with_enum_eval(true).build(program);
    found.extend(stop_at_errors(checked.diagnostics.into_iter().map(Finding::from).collect())?);
    Ok(checked.semantic.into_scoping())
}

fn stop_at_errors(found: Vec<Finding>) -> Result<Vec<Finding>, Vec<Finding>> {
    let (errors, others): (Vec<_>, Vec<_>) = found.into_iter().partition(Finding::is_error);
    if errors.is_empty() { Ok(others) } else { Err(errors) }
}

fn module(language: Language, file_name: &str, program: &Program<'_>, entry: Entry<'_>) -> Module {
    let (mut code, source_map) = match language {
        Language::Javascript => (program.source_text.to_owned(), None),
        Language::Typescript => typescript::print(program, file_name),
    };
    if let Entry::OnlyFunction(name) = entry {
        // On a line of its own: the text may end in a comment.
        code.push_str(&format!("\nexport {{ {name} as default }};\n"));
    }
    let entry = match entry {
        Entry::DefaultExport | Entry::OnlyFunction(_) => EntryKind::DefaultExport,
        Entry::TopLevel => EntryKind::TopLevel,
    };
    Module { code, entry, source_map, entry_place: None, input_schema: None, warnings: Vec::new() }
}

fn too_large(bytes: usize) -> Finding {
    Finding::error(
        0,
        format!("the source is {bytes} bytes long; at most {MAX_SOURCE_BYTES} are allowed"),
        "minify it, or leave out what the script does not use",
    )
}
