//! One module of a test and what it imports: by esbuild where that is there, else by putting the modules one into the other.

use std::collections::BTreeMap;

use super::statements::{self, Kind, Names, Statement};
use crate::{
    commands::project::{bundle, folder::Folder},
    source_map::{Place, SourceMap},
};

/// Endings that an import may leave out.
const ENDINGS: [&str; 9] = ["", ".ts", ".js", ".mts", ".mjs", "/index.ts", "/index.js", "/index.mts", "/index.mjs"];

/// The most modules of one test.
const MODULES_MAX: usize = 1_000;

/// One module, and where its lines come from.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) text: String,
    pub(crate) is_typescript: bool,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// The file and the line, from 1, of each line.
    Lines(Vec<Option<(String, u64)>>),
    /// What esbuild says.
    Map(Option<SourceMap>),
}

impl Bundle {
    /// Where the author wrote what stands at a line and a column, both from 1.
    pub(crate) fn place(&self, line: u64, column: u64) -> Option<Place> {
        match &self.origin {
            Origin::Lines(lines) => {
                let (source, line) = lines.get(usize::try_from(line.checked_sub(1)?).ok()?)?.clone()?;
                Some(Place { source, line, column })
            }
            Origin::Map(map) => map.as_ref()?.place(line, column),
        }
    }
}

/// The bundle of `file` for a test: nothing of it stands at the module's top level.
///
/// # Errors
/// What is wrong, with the file and the line.
pub(crate) fn bundled(folder: &Folder, file: &str) -> Result<Bundle, String> {
    if let Some(esbuild) = bundle::find(folder.path()) {
        let text =
            bundle::run(&esbuild, folder.path(), file, bundle::Form::Function).map_err(|error| error.to_string())?;
        let map = SourceMap::inside(&text);
        return Ok(Bundle { text, is_typescript: false, origin: Origin::Map(map) });
    }
    let mut joined =
        Joined { folder, modules: BTreeMap::new(), open: Vec::new(), lines: Vec::new(), text: String::new() };
    joined.add(file)?;
    let is_typescript = joined.modules.keys().any(|file| file.ends_with("ts"));
    Ok(Bundle { text: joined.text, is_typescript, origin: Origin::Lines(joined.lines) })
}

/// Modules that are put into one, each in a function of its own, those that are imported before those that import them.
struct Joined<'a> {
    folder: &'a Folder,
    /// The number of each file.
    modules: BTreeMap<String, usize>,
    /// The files that import the one that is being read.
    open: Vec<String>,
    lines: Vec<Option<(String, u64)>>,
    text: String,
}

impl Joined<'_> {
    /// Add a file and what it imports; answers its number.
    fn add(&mut self, file: &str) -> Result<usize, String> {
        if let Some(number) = self.modules.get(file) {
            return Ok(*number);
        }
        if self.open.iter().any(|open| open == file) {
            return Err(format!(
                "{file}: modules that import each other need esbuild: 'npm install --save-dev esbuild'"
            ));
        }
        if self.modules.len() >= MODULES_MAX {
            return Err(format!("{file}: a test has at most {MODULES_MAX} modules"));
        }
        let text = self.folder.read(file).map_err(|error| error.to_string())?;
        let text = text.ok_or_else(|| format!("{file}: there is no such file"))?;
        self.open.push(file.to_owned());
        let (body, exports) = self.rewritten(file, &text)?;
        self.open.pop();
        let number = self.modules.len();
        self.modules.insert(file.to_owned(), number);
        self.push(&format!("const __module_{number} = await (async () => {{"), None);
        for (at, line) in (1..).zip(body.lines()) {
            self.push(line, Some((file.to_owned(), at)));
        }
        self.push(&format!("return {{ {exports} }}; }})();"), None);
        Ok(number)
    }

    fn push(&mut self, line: &str, origin: Option<(String, u64)>) {
        self.text.push_str(line);
        self.text.push('\n');
        self.lines.push(origin);
    }

    /// The module without its imports and exports, line by line as it was, and what it exports as the fields of an object.
    fn rewritten(&mut self, file: &str, text: &str) -> Result<(String, String), String> {
        let found = statements::find(text).map_err(|(at, what)| {
            let line = text[..at].matches('\n').count() + 1;
            format!("{file}:{line}: {what}; with esbuild it can: 'npm install --save-dev esbuild'")
        })?;
        let (mut body, mut at) = (String::new(), 0);
        let mut exports: BTreeMap<String, String> = BTreeMap::new();
        for statement in &found {
            body.push_str(&text[at..statement.start]);
            at = statement.end;
            let removed = &text[statement.start..statement.end];
            match &statement.kind {
                Kind::Import { names, from } => {
                    let target = self.resolve(file, from)?;
                    let number = self.add(&target)?;
                    body.push_str(&taken(names, number));
                }
                Kind::Default { name: Some(name) } => drop(exports.insert(String::from("default"), name.clone())),
                Kind::Default { name: None } => {
                    exports.insert(String::from("default"), String::from("__default"));
                    body.push_str("const __default = ");
                }
                Kind::Declaration { name } => drop(exports.insert(name.clone(), name.clone())),
                Kind::List(pairs) => exports.extend(pairs.iter().map(|(here, there)| (there.clone(), here.clone()))),
                Kind::Types | Kind::Function { .. } => {}
            }
            // The lines stay where they were.
            body.extend(std::iter::repeat_n('\n', removed.matches('\n').count()));
        }
        body.push_str(&text[at..]);
        // As in a server: the only function of a module without a default export is its entry.
        if let Some(only) = only_function(text, &found)
            && !exports.contains_key("default")
        {
            exports.insert(String::from("default"), only.to_owned());
        }
        let fields = exports.iter().map(|(there, here)| format!("{there}: {here}")).collect::<Vec<_>>().join(", ");
        Ok((body, fields))
    }

    /// The file that `from` names in `file`.
    fn resolve(&self, file: &str, from: &str) -> Result<String, String> {
        if !from.starts_with("./") && !from.starts_with("../") {
            return Err(format!(
                "{file}: '{from}' is a package, and esbuild, which finds packages, is not there: 'npm install --save-dev \
                 esbuild' gets it"
            ));
        }
        let mut parts: Vec<&str> = file.split('/').collect();
        parts.pop();
        for part in from.split('/') {
            match part {
                "." | "" => {}
                ".." if parts.pop().is_none() => return Err(format!("{file}: '{from}' is outside of the directory")),
                ".." => {}
                part => parts.push(part),
            }
        }
        let named = parts.join("/");
        let is_there = |name: &String| matches!(self.folder.read(name), Ok(Some(_)));
        let mut candidates = ENDINGS.iter().map(|ending| format!("{named}{ending}"));
        // TypeScript names the JavaScript that it becomes.
        let written = named.strip_suffix(".js").map(|stem| format!("{stem}.ts"));
        candidates
            .find(is_there)
            .or_else(|| written.filter(is_there))
            .ok_or_else(|| format!("{file}: '{from}' is not there"))
    }
}

/// The one function that a module declares at its top level.
fn only_function<'a>(text: &str, found: &'a [Statement]) -> Option<&'a str> {
    let mut functions = found.iter().filter_map(|statement| match &statement.kind {
        Kind::Function { name } => Some(name.as_str()),
        Kind::Declaration { name } if declares_function(&text[statement.end..]) => Some(name.as_str()),
        _ => None,
    });
    let only = functions.next()?;
    functions.next().is_none().then_some(only)
}

fn declares_function(declaration: &str) -> bool {
    declaration.starts_with("function") || declaration.starts_with("async")
}

/// What an import becomes.
fn taken(names: &Names, number: usize) -> String {
    let mut parts: Vec<String> = names.named.iter().map(|(there, here)| format!("{there}: {here}")).collect();
    parts.extend(names.default.iter().map(|name| format!("default: {name}")));
    let namespace = names.namespace.iter().map(|name| format!("const {name} = __module_{number};"));
    let picked = (!parts.is_empty()).then(|| format!("const {{ {} }} = __module_{number};", parts.join(", ")));
    namespace.chain(picked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_put_into_one_with_their_lines_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = Folder::open(directory.path()).expect("it is there");
        folder
            .write("lib/b.ts", "export const two = 2;\nexport default function (): number { return two }\n")
            .expect("written");
        folder.write("a.js", "function only() {\n  return 1;\n}\n").expect("written");
        folder
            .write("x.test.js", "import b, { two as n } from './lib/b.js';\nimport a\n  from './a';\n\na(b, n);\n")
            .expect("written");
        let mut joined = Joined {
            folder: &folder,
            modules: BTreeMap::new(),
            open: Vec::new(),
            lines: Vec::new(),
            text: String::new(),
        };
        joined.add("x.test.js").expect("joined");
        let bundle = Bundle { text: joined.text, is_typescript: true, origin: Origin::Lines(joined.lines) };
        let line_of = |text: &str| bundle.text.lines().position(|line| line == text).map(|at| at as u64 + 1);
        let place = |text: &str| bundle.place(line_of(text).expect(text), 3).map(|it| (it.source, it.line));
        assert_eq!(place("a(b, n);"), Some((String::from("x.test.js"), 5)));
        assert_eq!(place("  return 1;"), Some((String::from("a.js"), 2)));
        assert!(bundle.text.contains("return { default: only };"), "{}", bundle.text);
        assert!(bundle.text.contains("const __default = function (): number"), "{}", bundle.text);
        assert_eq!(bundle.text.lines().count(), joined_lines(&bundle));
    }

    fn joined_lines(bundle: &Bundle) -> usize {
        match &bundle.origin {
            Origin::Lines(lines) => lines.len(),
            Origin::Map(_) => 0,
        }
    }

    #[test]
    fn what_cannot_be_put_together_says_where_and_why() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = Folder::open(directory.path()).expect("it is there");
        folder.write("a.js", "import './b.js'").expect("written");
        folder.write("b.js", "import './a.js'").expect("written");
        folder.write("c.js", "\nexport * from './a.js'").expect("written");
        folder.write("d.js", "import 'lodash'").expect("written");
        folder.write("e.js", "import '../../outside.js'").expect("written");
        for (file, word) in [
            ("a.js", "each other"),
            ("c.js", "c.js:2"),
            ("d.js", "package"),
            ("e.js", "outside"),
            ("f.js", "no such file"),
        ] {
            let mut joined = Joined {
                folder: &folder,
                modules: BTreeMap::new(),
                open: Vec::new(),
                lines: Vec::new(),
                text: String::new(),
            };
            let error = joined.add(file).expect_err(file);
            assert!(error.contains(word), "{file}: {error}");
        }
    }
}
