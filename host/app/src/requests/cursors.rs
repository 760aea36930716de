//! Cursors of lists: a place in a list and a MAC over it and over the list that it is a place of. A cursor that somebody
//! made up, of another list, of another filter or of another tenant is none.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::TenantId;
use subtle::ConstantTimeEq;

use super::RequestService;

/// Bytes of the MAC that a cursor carries: nobody guesses 128 bits.
const MAC_BYTES: usize = 16;

/// The list that a cursor is a place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorScope {
    /// Whose list; `None` for the deployment's own.
    pub tenant: Option<TenantId>,
    /// The list's address.
    pub path: String,
    /// The filters, each with its value.
    pub filters: Vec<(String, String)>,
}

impl RequestService {
    /// The cursor of `place`.
    pub fn cursor(&self, scope: &CursorScope, place: &str) -> String {
        let mut bytes = self.mac(scope, place).to_vec();
        bytes.extend(place.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place of a cursor that [`Self::cursor`] made for this list; `None` for any other text.
    pub fn place(&self, scope: &CursorScope, cursor: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (mac, place) = bytes.split_first_chunk::<MAC_BYTES>()?;
        let place = str::from_utf8(place).ok()?;
        bool::from(self.mac(scope, place).ct_eq(mac)).then(|| place.to_owned())
    }

    fn mac(&self, scope: &CursorScope, place: &str) -> [u8; MAC_BYTES] {
        let mut hasher = self.inner.keyring.cursor_hasher();
        hasher.update(scope.tenant.as_ref().map_or(&[0; 16], |tenant| tenant.as_bytes()));
        let mut filters: Vec<(&str, &str)> =
            scope.filters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        filters.sort_unstable();
        let parts = [scope.path.as_str(), place].into_iter().chain(filters.into_iter().flat_map(|(n, v)| [n, v]));
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let mut mac = [0; MAC_BYTES];
        hasher.finalize_xof().fill(&mut mac);
        mac
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::{App, AppConfig};

    fn scope(tenant: TenantId, path: &str, filters: &[(&str, &str)]) -> CursorScope {
        let filters = filters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        CursorScope { tenant: Some(tenant), path: path.to_owned(), filters }
    }

    #[tokio::test]
    async fn a_cursor_is_of_its_own_list_filter_and_tenant_alone() {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let (requests, tenant) = (app.requests(), TenantId::generate());
        let list = scope(tenant, "/api/v1/scripts", &[("kind", "cron"), ("x", "1")]);
        let cursor = requests.cursor(&list, "daily/ä");
        assert_eq!(requests.place(&list, &cursor).as_deref(), Some("daily/ä"));
        let turned = scope(tenant, "/api/v1/scripts", &[("x", "1"), ("kind", "cron")]);
        assert_eq!(requests.place(&turned, &cursor).as_deref(), Some("daily/ä"), "the order of filters says nothing");
        for other in [
            scope(TenantId::generate(), "/api/v1/scripts", &[("kind", "cron"), ("x", "1")]),
            CursorScope { tenant: None, ..list.clone() },
            scope(tenant, "/api/v1/executions", &[("kind", "cron"), ("x", "1")]),
            scope(tenant, "/api/v1/scripts", &[("kind", "event"), ("x", "1")]),
            scope(tenant, "/api/v1/scripts", &[("kind", "cron")]),
            scope(tenant, "/api/v1/scripts", &[("kind", "cronx"), ("", "1")]),
        ] {
            assert_eq!(requests.place(&other, &cursor), None, "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_cursor_that_was_made_up_or_changed_is_none() {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let list = scope(TenantId::generate(), "/api/v1/scripts", &[]);
        let cursor = app.requests().cursor(&list, "place");
        let other = App::open(AppConfig::in_memory()).await.unwrap();
        assert_eq!(other.requests().place(&list, &cursor), None, "another deployment's");
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(app.requests().place(&list, str::from_utf8(&changed).unwrap()), None, "{at}");
            assert_eq!(app.requests().place(&list, &cursor[..at]), None, "cut at {at}");
        }
        for text in ["", "place", "%", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(app.requests().place(&list, text), None, "{text}");
        }
    }
}
