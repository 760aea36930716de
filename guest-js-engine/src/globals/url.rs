//! `URL` and `URLSearchParams`, after the URL standard: parsing and serialising are the `url` crate's.

use form_urlencoded::{Serializer, parse as parse_pairs};
use javy::quickjs::{Ctx, Object, Result};
use url::{Url, quirks};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, {
        "parse": parse,
        "change": change,
        "parseQuery": parse_query,
        "formatQuery": format_query,
    });
    prelude(cx, kit, "url", include_str!("url.js"), native)
}

/// The parts of an address, in the order in which `url.js` names them; `None` where it is not one.
fn parse(text: String, base: Option<String>) -> Option<Vec<String>> {
    let url = match base {
        Some(base) => Url::parse(&base).ok()?.join(&text).ok()?,
        None => Url::parse(&text).ok()?,
    };
    Some(parts(&url))
}

/// The parts after one was assigned to. What cannot be assigned leaves the address as it is, as the standard has it.
fn change(address: String, part: String, value: String) -> Option<Vec<String>> {
    let mut url = Url::parse(&address).ok()?;
    // A part that refuses the value is no error.
    let _ = match part.as_str() {
        "protocol" => quirks::set_protocol(&mut url, &value),
        "username" => quirks::set_username(&mut url, &value),
        "password" => quirks::set_password(&mut url, &value),
        "host" => quirks::set_host(&mut url, &value),
        "hostname" => quirks::set_hostname(&mut url, &value),
        "port" => quirks::set_port(&mut url, &value),
        "pathname" => {
            quirks::set_pathname(&mut url, &value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, &value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(&mut url, &value);
            Ok(())
        }
        _ => Ok(()),
    };
    Some(parts(&url))
}

fn parts(url: &Url) -> Vec<String> {
    let parts = [
        quirks::href(url),
        &origin(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ];
    parts.map(str::to_owned).into()
}

/// The origin of a `blob:` address is that of the address inside, where that is one of the web.
fn origin(url: &Url) -> String {
    let is_web = |inside: Url| matches!(inside.scheme(), "http" | "https");
    if url.scheme() == "blob" && !Url::parse(url.path()).is_ok_and(is_web) {
        return "null".into();
    }
    quirks::origin(url)
}

/// Names and values in turn.
fn parse_query(query: String) -> Vec<String> {
    parse_pairs(query.as_bytes()).flat_map(|(name, value)| [name.into_owned(), value.into_owned()]).collect()
}

fn format_query(pairs: Vec<String>) -> String {
    let mut serializer = Serializer::new(String::new());
    for pair in pairs.chunks_exact(2) {
        serializer.append_pair(&pair[0], &pair[1]);
    }
    serializer.finish()
}
