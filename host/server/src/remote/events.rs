//! Server-sent events as they come (HTML, section 9.2): a name, an id, and data that is JSON.

use bytes::BytesMut;
use http::{Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// The most bytes of one event: a line of log with what was passed to it is far smaller.
const EVENT_BYTES_MAX: usize = 8 << 20;

/// An event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

/// The events of an answer.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    unread: BytesMut,
}

impl Events {
    /// The events of an answer that is a stream; the answer itself where it is none.
    pub(crate) fn of(response: Response<Incoming>) -> Result<Self, Box<Response<Incoming>>> {
        let form = response.headers().get(header::CONTENT_TYPE).map(|form| form.as_bytes());
        if !form.is_some_and(|form| form.starts_with(b"text/event-stream")) {
            return Err(Box::new(response));
        }
        Ok(Self { body: response.into_body(), unread: BytesMut::new() })
    }

    /// The next event; nothing once the stream has ended or broke, which are the same to who goes on with another.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block = self.unread.split_to(end + 2);
                match event(&String::from_utf8_lossy(&block)) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            if self.unread.len() > EVENT_BYTES_MAX {
                return None;
            }
            let frame = self.body.frame().await?.ok()?;
            self.unread.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
        }
    }
}

/// The event of a block of lines; nothing for comments and for what has no name.
fn event(block: &str) -> Option<Event> {
    let mut event = Event::default();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "id" => event.id = Some(value.to_owned()),
            "data" => event.data = serde_json::from_str(value).unwrap_or_default(),
            _ => {}
        }
    }
    (!event.name.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_has_its_name_its_id_and_its_data() {
        let line = event("event: line\nid: 1-7\ndata: {\"message\":\"a: b\"}\n\n");
        let expected = Event { name: "line".into(), id: Some("1-7".into()), data: json!({ "message": "a: b" }) };
        assert_eq!(line, Some(expected));
        assert_eq!(event(":\n\n"), None);
        assert_eq!(event("retry: 2000\n\n"), None);
    }
}
