//! The API's description as HTML: every operation by its tag, with what it takes, an example, and what it answers.

use std::{collections::BTreeMap, fmt::Write};

use bytes::Bytes;
use serde_json::Value;

/// The style sheet of the page.
pub(crate) const STYLE: &str = include_str!("docs.css");

/// The methods of a path, in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page, made once.
#[derive(Clone, Debug)]
pub(crate) struct DocsPage(Bytes);

/// An operation with its method and path.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    described: &'a Value,
}

impl DocsPage {
    /// The page of an OpenAPI document.
    pub(crate) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        Self(Bytes::from(page(&document)))
    }

    /// The page as it is sent.
    pub(crate) fn html(&self) -> Bytes {
        self.0.clone()
    }
}

fn page(document: &Value) -> String {
    let title = text(&document["info"]["title"]);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} API</title>\n\
         <link rel=\"stylesheet\" href=\"/api/v1/docs/style.css\">\n</head>\n<body>\n<h1>{title} API</h1>\n\
         <p>{}</p>\n<p>For programs: <a href=\"/api/v1/openapi.json\">openapi.json</a></p>\n",
        text(&document["info"]["description"])
    );
    let operations = by_tag(document);
    let tags = document["tags"].as_array().map_or(&[][..], Vec::as_slice);
    html.push_str("<nav aria-label=\"Contents\">\n<ul>\n");
    for tag in tags {
        let name = text(&tag["name"]);
        let _ = writeln!(html, "<li><a href=\"#tag-{name}\">{name}</a></li>");
    }
    html.push_str("</ul>\n</nav>\n<main>\n");
    for tag in tags {
        let name = text(&tag["name"]);
        let _ = writeln!(html, "<h2 id=\"tag-{name}\">{name}</h2>\n<p>{}</p>", text(&tag["description"]));
        let own = tag["name"].as_str().and_then(|name| operations.get(name));
        own.into_iter().flatten().for_each(|operation| write_operation(&mut html, operation));
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn by_tag(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut operations: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let Some(described) = item.get(method) else { continue };
            let tag = described["tags"][0].as_str().unwrap_or_default();
            operations.entry(tag).or_default().push(Operation { method, path, described });
        }
    }
    operations
}

fn write_operation(html: &mut String, operation: &Operation<'_>) {
    let Operation { method, path, described } = operation;
    let id = text(&described["operationId"]);
    let _ = writeln!(
        html,
        "<section id=\"{id}\">\n<h3><code><span class=\"method\">{}</span> {}</code></h3>\n\
         <p><strong>{}</strong></p>\n<p class=\"description\">{}</p>",
        method.to_uppercase(),
        escaped(path),
        text(&described["summary"]),
        text(&described["description"])
    );
    write_parameters(html, described);
    let content = described["requestBody"]["content"].as_object();
    if let Some((kind, content)) = content.and_then(|content| content.iter().next()) {
        let _ = writeln!(html, "<p>Takes <code>{}</code>:</p>", escaped(kind));
        write_example(html, &content["example"]);
    }
    html.push_str("<ul>\n");
    for (status, response) in described["responses"].as_object().into_iter().flatten() {
        let _ = writeln!(html, "<li><code>{}</code> {}</li>", escaped(status), text(&response["description"]));
    }
    html.push_str("</ul>\n");
    let fine = described["responses"].as_object().into_iter().flatten().find(|(status, _)| status.starts_with('2'));
    let answered = fine.and_then(|(_, response)| response["content"].as_object()?.values().next());
    if let Some(content) = answered {
        write_example(html, &content["example"]);
    }
    html.push_str("</section>\n");
}

fn write_parameters(html: &mut String, described: &Value) {
    let parameters = described["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if parameters.is_empty() {
        return;
    }
    html.push_str("<table>\n<tr><th>Parameter</th><th>Where</th><th>What</th></tr>\n");
    for parameter in parameters {
        let needed = if parameter["required"] == true { ", needed" } else { "" };
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td>{}{needed}</td><td>{}</td></tr>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            text(&parameter["description"])
        );
    }
    html.push_str("</table>\n");
}

fn write_example(html: &mut String, example: &Value) {
    if !example.is_null() {
        let json = serde_json::to_string_pretty(example).unwrap_or_default();
        let _ = writeln!(html, "<pre>{}</pre>", escaped(&json));
    }
}

/// A text of the document as HTML; nothing where it is no text.
fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operation_is_on_the_page_once() {
        let document: Value = serde_json::from_str(&crate::openapi().expect("a document")).expect("JSON");
        let page = page(&document);
        for item in document["paths"].as_object().expect("paths").values() {
            for operation in item.as_object().expect("methods").values() {
                let id = operation["operationId"].as_str().expect("an id");
                assert_eq!(page.matches(&format!("<section id=\"{id}\">")).count(), 1, "{id}");
            }
        }
        assert!(!page.contains("<script") && !page.contains("style="));
    }

    #[test]
    fn what_is_in_the_document_stays_text() {
        let document = json!({
            "info": { "title": "<script>", "description": "" },
            "tags": [{ "name": "a\"b", "description": "&" }],
            "paths": { "/<x>": { "get": { "tags": ["a\"b"], "operationId": "o", "responses": {
                "200": { "description": "<b>", "content": { "application/json": { "example": "</pre><script>" } } }
            } } } }
        });
        let page = page(&document);
        assert!(!page.contains("<script>") && !page.contains("<b>") && !page.contains("/<x>"), "{page}");
        assert!(page.contains("&lt;/pre&gt;&lt;script&gt;") && page.contains("tag-a&quot;b"), "{page}");
    }
}
