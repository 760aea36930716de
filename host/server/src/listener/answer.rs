//! The body of an answer, handed on in pieces, so that it is known whether its peer takes them.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::{limits::ANSWER_PIECE_BYTES, places::Connection};
use crate::web::overload::Held;

/// A request in progress, from its headers to the end of its answer.
#[derive(Debug)]
pub(super) struct InProgress(Arc<Connection>);

/// The body of an answer on its way.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: AxumBody,
    /// What does not fit into the piece that was handed on.
    left: Bytes,
    number: u64,
    request: InProgress,
    /// What the request holds of the server's bounds until all of it is answered.
    _held: Option<Held>,
}

impl InProgress {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        connection.activity().begin_request();
        Self(Arc::clone(connection))
    }

    /// Send `body` as its answer.
    pub(super) fn answer(self, body: AxumBody, held: Option<Held>) -> AnswerBody {
        let number = self.0.activity().begin_answer();
        AnswerBody { body, left: Bytes::new(), number, request: self, _held: held }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.activity().end_request(Instant::now());
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.request.0.activity().end_answer(self.number);
    }
}

impl AnswerBody {
    fn hand_on(&mut self, mut data: Bytes) -> Frame<Bytes> {
        self.left = data.split_off(data.len().min(ANSWER_PIECE_BYTES));
        self.request.0.activity().hand_on(self.number, data.len() as u64, Instant::now());
        Frame::data(data)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        this.request.0.activity().take(this.number, Instant::now());
        if !this.left.is_empty() {
            let left = std::mem::take(&mut this.left);
            return Poll::Ready(Some(Ok(this.hand_on(left))));
        }
        let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            ended => return Poll::Ready(ended),
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => this.hand_on(data),
            Err(frame) => frame,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.size_hint();
        let left = self.left.len() as u64;
        let mut all = SizeHint::new();
        all.set_lower(hint.lower() + left);
        if let Some(upper) = hint.upper() {
            all.set_upper(upper + left);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::{super::limits::ConnectionLimits, super::places::Places, *};

    #[tokio::test]
    async fn an_answer_goes_out_whole_in_pieces_and_says_its_length() {
        let places = Places::new(ConnectionLimits::default());
        let place = places.enter(None).expect("a place");
        let whole = Bytes::from((0..50_000_u32).map(|n| n as u8).collect::<Vec<u8>>());
        let mut body = InProgress::new(place.connection()).answer(AxumBody::from(whole.clone()), None);
        assert_eq!(body.size_hint().exact(), Some(50_000));
        let mut sent = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.expect("a frame").into_data().expect("data");
            assert!(data.len() <= ANSWER_PIECE_BYTES);
            sent.extend_from_slice(&data);
            assert_eq!(body.size_hint().exact(), Some(50_000 - sent.len() as u64));
        }
        assert_eq!(sent, whole);
        assert_eq!(place.connection().activity().quiet_since(), None);
        drop(body);
        assert!(place.connection().activity().quiet_since().is_some());
    }
}
