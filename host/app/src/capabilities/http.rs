//! `http`: outbound requests, through the egress policy.

use runtime::{HttpRequest, Started};

use super::{Reach, unsupported};

impl Reach {
    pub(super) fn http_send(&self, _request: HttpRequest) -> Started {
        Started::Ready(unsupported("outbound HTTP"))
    }
}
