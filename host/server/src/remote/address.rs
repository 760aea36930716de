//! The address of a server, as people write it and as credentials are kept under it.

use std::{fmt, net::IpAddr, str::FromStr};

use url::{Host, Url};

/// A server's address: scheme, host, port, and the path under which a proxy shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerAddress(Url);

impl ServerAddress {
    /// The whole address of an API's path, each segment escaped.
    pub(crate) fn of<'a>(
        &self,
        segments: impl IntoIterator<Item = &'a str>,
        query: &[(&str, String)],
    ) -> Result<Url, String> {
        let mut url = self.0.clone();
        {
            let mut path = url.path_segments_mut().map_err(|()| String::from("the address has no path"))?;
            path.pop_if_empty().extend(["api", "v1"]);
            for segment in segments {
                // `.` and `..` would leave the place that is meant; nothing of the API is called that.
                if segment.is_empty() || segment == "." || segment == ".." {
                    return Err(format!("'{segment}' is no name and no id"));
                }
                path.push(segment);
            }
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// The host's name, as TLS is to prove it.
    pub(crate) fn host(&self) -> &str {
        // Of IPv6 without its brackets.
        self.0.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port to connect to.
    pub(crate) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }
}

impl FromStr for ServerAddress {
    type Err = String;

    /// Read an address. One without TLS is only taken for this machine: a token would be read by everybody on the way.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("'{text}' is no address of a server: {why}");
        let mut url: Url = text.parse().map_err(|_| wrong("write it as https://skerry.example"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(wrong("write it as https://skerry.example"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user or a password; 'skerry login' takes a token"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it ends after the path"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(path.strip_suffix("/api/v1").unwrap_or(&path));
        let address = Self(url);
        if !address.is_https() && !address.is_loopback() {
            return Err(wrong("a token goes to another machine only over https"));
        }
        Ok(address)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ServerAddress {
        text.parse().expect(text)
    }

    #[test]
    fn one_server_has_one_spelling() {
        for text in
            ["https://a.example", "https://A.example/", "https://a.example:443/api/v1/", "https://a.example/api/v1"]
        {
            assert_eq!(address(text).to_string(), "https://a.example", "{text}");
        }
        assert_ne!(address("https://a.example"), address("https://a.example:8443"));
        assert_ne!(address("https://a.example/x").to_string(), "https://a.example");
    }

    #[test]
    fn what_would_send_a_token_in_the_clear_is_refused() {
        for text in [
            "http://a.example",
            "http://10.0.0.1:8080",
            "http://localhost.example",
            "https://me:secret@a.example",
            "ftp://a.example",
            "a.example",
            "https://a.example?x=1",
            "",
        ] {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
        for text in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
            assert!(address(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn a_name_stays_one_segment() {
        let server = address("https://a.example/sub");
        let url = server.of(["scripts", "a/../b?c#d"], &[("limit", String::from("5"))]);
        assert_eq!(url.map(String::from), Ok("https://a.example/sub/api/v1/scripts/a%2F..%2Fb%3Fc%23d?limit=5".into()));
        for segment in ["", ".", ".."] {
            assert!(server.of(["scripts", segment], &[]).is_err(), "{segment}");
        }
    }
}
