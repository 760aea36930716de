//! The address of an endpoint script: its methods and a path below its tenant.

use crate::Invalid;

/// The methods that an endpoint can answer. `HEAD` is answered by `GET`, `OPTIONS` by the host.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The word for all of them.
const ANY: &str = "ANY";

/// The most bytes of a path.
const PATH_BYTES_MAX: usize = 255;

/// The first segment of paths that the host itself answers below each tenant.
pub const HOST_SEGMENT: &str = "-";

/// Methods and a path pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointRoute {
    /// `ANY`, or methods with commas between, in the order of [`METHODS`].
    method: String,
    path: String,
}

impl EndpointRoute {
    /// Take `method` and `path` for a route. The method is one, several with commas between, or `ANY`. The path begins
    /// with `/`; its segments are plain text, `{name}` for one segment, or `{*name}` for the rest, which comes last.
    ///
    /// # Errors
    /// What is wrong, for the person who wrote it.
    pub fn parse(method: &str, path: &str) -> Result<Self, Invalid> {
        let method = check_method(method).map_err(|message| Invalid::new("endpoint.method", message))?;
        check_path(path).map_err(|message| Invalid::new("endpoint.path", message))?;
        Ok(Self { method, path: path.to_owned() })
    }

    /// The methods as one text: `ANY`, or each in upper case with commas between.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Each method.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> + '_ {
        METHODS.into_iter().filter(|method| self.method == ANY || self.method.split(',').any(|own| own == *method))
    }

    /// The path pattern, from its `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The pattern with its parameters' names left out: two routes that match the same requests have the same shape.
    pub fn shape(&self) -> String {
        let segments = self.path.split('/').map(|segment| match segment.strip_prefix('{') {
            Some(parameter) if parameter.starts_with('*') => "{*}",
            Some(_) => "{}",
            None => segment,
        });
        segments.collect::<Vec<&str>>().join("/")
    }
}

/// The one way to write these methods.
fn check_method(text: &str) -> Result<String, String> {
    if text == ANY {
        return Ok(text.to_owned());
    }
    let given: Vec<&str> = text.split(',').map(str::trim).collect();
    if !given.iter().all(|method| METHODS.contains(method)) {
        return Err(format!(
            "the method is one of {}, several of them with commas between, or {ANY}",
            METHODS.join(", ")
        ));
    }
    Ok(METHODS.into_iter().filter(|method| given.contains(method)).collect::<Vec<&str>>().join(","))
}

fn check_path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(String::from("the path begins with '/'"));
    };
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("the path has at most {PATH_BYTES_MAX} bytes"));
    }
    if rest.is_empty() {
        return Ok(());
    }
    let segments: Vec<&str> = rest.split('/').collect();
    if segments[0] == HOST_SEGMENT {
        return Err(format!("what is below '/{HOST_SEGMENT}' is the host's own: choose another path"));
    }
    let mut names: Vec<&str> = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        if let Some(parameter) = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
            let name = parameter.strip_prefix('*').unwrap_or(parameter);
            if parameter.starts_with('*') && at + 1 != segments.len() {
                return Err(format!("'{segment}' takes the rest of the path, so it comes last"));
            }
            let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !plain {
                return Err(format!("'{segment}' is no parameter: a name has letters, digits and '_'"));
            }
            if names.contains(&name) {
                return Err(format!("the parameter '{name}' is there twice"));
            }
            names.push(name);
        } else {
            let plain = segment.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c));
            if segment.is_empty() || *segment == "." || *segment == ".." || !plain {
                return Err(format!(
                    "'{segment}' is no path segment: use letters, digits, '-', '.', '_' and '~', or a parameter as \
                     {{name}} or {{*rest}}"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_be_read_in_two_ways_are_refused() {
        for path in
            ["", "orders", "//", "/a//b", "/a/", "/.", "/../a", "/%2e", "/a b", "/{}", "/{*rest}/a", "/{a}/{a}", "/ä"]
        {
            assert!(EndpointRoute::parse("GET", path).is_err(), "{path}");
        }
        for path in ["/-", "/-/executions", "/a\0", "/%c0%af"] {
            assert!(EndpointRoute::parse("GET", path).is_err(), "{path:?}");
        }
        assert!(EndpointRoute::parse("GET", "/a.b/-").is_ok());
    }

    #[test]
    fn methods_are_one_several_or_any_and_have_one_spelling() {
        let of = |method: &str| EndpointRoute::parse(method, "/a").ok().map(|route| route.method().to_owned());
        assert_eq!(of("GET").as_deref(), Some("GET"));
        assert_eq!(of("POST, GET,POST").as_deref(), Some("GET,POST"));
        for method in ["", "get", "HEAD", "OPTIONS", "TRACE", "GET,", "ANY,GET", "GET POST"] {
            assert_eq!(of(method), None, "{method}");
        }
        let all = EndpointRoute::parse("ANY", "/a").map(|route| route.methods().collect::<Vec<&str>>());
        assert_eq!(all, Ok(METHODS.to_vec()));
        let some = EndpointRoute::parse("PUT,GET", "/a").map(|route| route.methods().collect::<Vec<&str>>());
        assert_eq!(some, Ok(vec!["GET", "PUT"]));
    }

    #[test]
    fn routes_that_differ_in_names_alone_have_one_shape() {
        let one = EndpointRoute::parse("GET", "/orders/{id}/{*rest}").map(|route| route.shape());
        let other = EndpointRoute::parse("GET", "/orders/{order}/{*tail}").map(|route| route.shape());
        assert_eq!(one, other);
    }
}
