//! Where HTTP/1 requests begin and end, judged byte by byte before the HTTP library sees them.
//!
//! Libraries and proxies repair what is ambiguous, each in its own way, and what one takes for a body another takes for a
//! request: request smuggling. So everything that two readers could frame in two ways is refused here (RFC 9112, sections
//! 2.2, 5.2, 6.1, 6.3 and 7.1): both `Transfer-Encoding` and `Content-Length`, either of them twice, another coding than
//! exactly `chunked`, chunks in HTTP/1.0, a line feed or a carriage return by itself, folded header lines.

use super::limits::BUFFER_BYTES_MAX;

/// The most bytes of a chunk's size and extensions. Nobody uses extensions.
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// The most bytes of one line of a trailer.
const TRAILER_BYTES_MAX: usize = 8 << 10;

/// Empty lines before a request line that are overlooked: some clients send one after a body.
const EMPTY_LINES_MAX: u8 = 2;

/// The largest length of a body that is read as one.
const LENGTH_MAX: u64 = u64::MAX >> 1;

/// The most hexadecimal digits of a chunk's size.
const CHUNK_DIGITS_MAX: usize = 15;

/// How far one connection's bytes have come.
#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    /// The line that is being read, without its end.
    line: Vec<u8>,
    after_carriage_return: bool,
    head: Head,
    requests: u64,
}

/// Bytes that nobody may see, from `sane` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// How many of the bytes before them are as they have to be.
    pub(super) sane: usize,
    /// Whether a head is being read, so that the request can be answered.
    pub(super) in_head: bool,
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first byte of a request, or anything in HTTP/2.
    Request,
    /// The rest of a request's line and headers.
    Head,
    /// The rest of a body.
    Body,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Line(Line),
    Body {
        left: u64,
    },
    Chunk {
        left: u64,
    },
    /// HTTP/2 frames itself, and has one reader only.
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Request { empty_before: u8 },
    Field,
    ChunkSize,
    ChunkEnd,
    Trailer,
}

/// What decides the framing of one request.
#[derive(Debug, Default)]
struct Head {
    is_preface: bool,
    is_http_1_0: bool,
    length: Option<u64>,
    is_chunked: bool,
}

/// What is wrong; where, its finder knows.
struct Ambiguous;

impl Framing {
    pub(super) fn new() -> Self {
        let state = State::Line(Line::Request { empty_before: 0 });
        Self { state, line: Vec::new(), after_carriage_return: false, head: Head::default(), requests: 0 }
    }

    /// Follow the next bytes of the connection.
    ///
    /// # Errors
    /// Where they can be read in two ways. Nothing is followed after that.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += match self.state {
                State::Http2 => rest.len(),
                State::Body { left } => {
                    let taken = taken(left, rest);
                    self.state = after_body(left - taken as u64);
                    taken
                }
                State::Chunk { left } => {
                    let taken = taken(left, rest);
                    self.state = after_chunk(left - taken as u64);
                    taken
                }
                State::Line(line) => {
                    let in_head = matches!(line, Line::Request { .. } | Line::Field);
                    self.follow_line(line, rest).map_err(|offset| Refused { sane: at + offset, in_head })?
                }
            };
        }
        Ok(())
    }

    /// What is awaited now.
    pub(super) fn phase(&self) -> Phase {
        match self.state {
            State::Http2 => Phase::Request,
            State::Line(Line::Request { .. }) if self.line.is_empty() && !self.after_carriage_return => Phase::Request,
            State::Line(Line::Request { .. } | Line::Field) => Phase::Head,
            _ => Phase::Body,
        }
    }

    /// Follow bytes of a line; answers how many, or which one is wrong.
    fn follow_line(&mut self, line: Line, bytes: &[u8]) -> Result<usize, usize> {
        if self.after_carriage_return {
            self.after_carriage_return = false;
            let is_end = bytes.first() == Some(&b'\n');
            return if is_end && self.end_line(line).is_ok() { Ok(1) } else { Err(0) };
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        if self.line.len() + end > line.bytes_max() {
            return Err(0);
        }
        self.line.extend_from_slice(&bytes[..end]);
        match bytes.get(end) {
            None => Ok(end),
            Some(b'\r') => {
                self.after_carriage_return = true;
                Ok(end + 1)
            }
            Some(_) => Err(end),
        }
    }

    fn end_line(&mut self, line: Line) -> Result<(), Ambiguous> {
        let text = std::mem::take(&mut self.line);
        self.state = match line {
            Line::Request { empty_before } if text.is_empty() => {
                let empty_before = empty_before + 1;
                require(empty_before <= EMPTY_LINES_MAX)?;
                State::Line(Line::Request { empty_before })
            }
            Line::Request { .. } => {
                self.head = Head::of_request_line(&text);
                State::Line(Line::Field)
            }
            Line::Field if text.is_empty() => self.end_head()?,
            Line::Field => {
                self.head.take_field(&text)?;
                State::Line(Line::Field)
            }
            Line::ChunkSize => match chunk_size(&text)? {
                0 => State::Line(Line::Trailer),
                left => State::Chunk { left },
            },
            Line::ChunkEnd => State::Line(Line::ChunkSize),
            Line::Trailer if text.is_empty() => State::Line(Line::Request { empty_before: 0 }),
            Line::Trailer => {
                Head::default().take_field(&text)?;
                State::Line(Line::Trailer)
            }
        };
        Ok(())
    }

    fn end_head(&mut self) -> Result<State, Ambiguous> {
        let head = std::mem::take(&mut self.head);
        self.requests += 1;
        match (head.length, head.is_chunked) {
            // The preface of HTTP/2 is its first line and no header; what only looks like it the library refuses.
            (None, false) if head.is_preface && self.requests == 1 => Ok(State::Http2),
            (Some(_), true) => Err(Ambiguous),
            (None, true) => require(!head.is_http_1_0).map(|()| State::Line(Line::ChunkSize)),
            (length, false) => Ok(after_body(length.unwrap_or(0))),
        }
    }
}

impl Line {
    fn bytes_max(self) -> usize {
        match self {
            Self::Request { .. } | Self::Field => BUFFER_BYTES_MAX,
            Self::ChunkSize => CHUNK_LINE_BYTES_MAX,
            Self::ChunkEnd => 0,
            Self::Trailer => TRAILER_BYTES_MAX,
        }
    }
}

impl Head {
    fn of_request_line(line: &[u8]) -> Self {
        let is_http_1_0 = line.ends_with(b" HTTP/1.0");
        Self { is_preface: line == b"PRI * HTTP/2.0", is_http_1_0, ..Self::default() }
    }

    fn take_field(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        // A line that begins with a blank goes on with the one before (obs-fold); a blank before the colon hides a name.
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Ambiguous)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        require(!name.is_empty() && !name.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\0')))?;
        if name.eq_ignore_ascii_case(b"content-length") {
            require(self.length.is_none())?;
            self.length = Some(decimal(value)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            require(!self.is_chunked && value.eq_ignore_ascii_case(b"chunked"))?;
            self.is_chunked = true;
        }
        Ok(())
    }
}

fn taken(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len())
}

fn after_body(left: u64) -> State {
    if left == 0 { State::Line(Line::Request { empty_before: 0 }) } else { State::Body { left } }
}

fn after_chunk(left: u64) -> State {
    if left == 0 { State::Line(Line::ChunkEnd) } else { State::Chunk { left } }
}

/// Digits and nothing else: no sign, no list, no blank; and no more than any body can have, since the library below takes
/// the largest numbers for something else.
fn decimal(text: &[u8]) -> Result<u64, Ambiguous> {
    require(!text.is_empty() && text.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|length| *length <= LENGTH_MAX)
        .ok_or(Ambiguous)
}

/// The size of a chunk, before its extensions.
fn chunk_size(line: &[u8]) -> Result<u64, Ambiguous> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    require(!digits.is_empty() && digits.len() <= CHUNK_DIGITS_MAX && digits.iter().all(u8::is_ascii_hexdigit))?;
    std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or(Ambiguous)
}

fn require(holds: bool) -> Result<(), Ambiguous> {
    if holds { Ok(()) } else { Err(Ambiguous) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follow `text` in pieces of every size; every size has to say the same.
    fn follow(text: &str) -> Result<Phase, Refused> {
        let of_size = |size: usize| -> Result<Phase, Refused> {
            let mut framing = Framing::new();
            for (index, piece) in text.as_bytes().chunks(size).enumerate() {
                let refused = |refused: Refused| Refused { sane: index * size + refused.sane, ..refused };
                framing.follow(piece).map_err(refused)?;
            }
            Ok(framing.phase())
        };
        let whole = of_size(text.len());
        for size in 1..text.len() {
            let in_pieces = of_size(size);
            assert_eq!(
                in_pieces.map_err(|refused| refused.in_head),
                whole.map_err(|refused| refused.in_head),
                "{text:?}"
            );
        }
        whole
    }

    #[test]
    fn ordinary_requests_are_followed_from_one_to_the_next() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nContent-Length:\t0 \r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n\n\r\r\n\0: ",
        ] {
            assert_eq!(follow(text), Ok(Phase::Request), "{text:?}");
        }
    }

    #[test]
    fn what_is_awaited_is_known() {
        for (text, phase) in [
            ("G", Phase::Head),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r", Phase::Head),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell", Phase::Body),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", Phase::Body),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n\n", Phase::Request),
        ] {
            assert_eq!(follow(text), Ok(phase), "{text:?}");
        }
    }

    #[test]
    fn a_head_that_can_be_framed_in_two_ways_is_refused() {
        for (what, text) in [
            ("both", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ("both, the other way round", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
            ("two lengths", "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
            ("the same length twice", "POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n"),
            ("a list of lengths", "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n"),
            ("a signed length", "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n"),
            ("a hexadecimal length", "POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n"),
            ("a length without digits", "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n"),
            ("the largest number", "POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n"),
            ("a length beyond all", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
            ("another coding", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"),
            ("two codings", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
            ("identity", "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n"),
            ("a hidden coding", "POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n"),
            ("the coding twice", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ("chunks in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ("a bare line feed", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
            ("a bare line feed at the end", "GET / HTTP/1.1\r\nHost: a\n\n"),
            ("a bare line feed in a value", "GET / HTTP/1.1\r\nX: a\nContent-Length: 5\r\n\r\n"),
            ("a bare carriage return", "GET / HTTP/1.1\r\nX: a\rContent-Length: 5\r\n\r\n"),
            ("a folded line", "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n"),
            ("a line folded by a tab", "GET / HTTP/1.1\r\nTransfer-Encoding:\r\n\tchunked\r\n\r\n"),
            ("a blank before the colon", "POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\n"),
            ("no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n"),
            ("no name", "GET / HTTP/1.1\r\n: a\r\n\r\n"),
            ("many empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        ] {
            assert!(follow(text).is_err_and(|refused| refused.in_head), "{what}: {text:?}");
        }
    }

    #[test]
    fn chunks_that_can_be_read_in_two_ways_are_refused() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for chunks in [
            "5\nhello\r\n",
            "5\r\nhelloX",
            "5\r\nhello\n",
            " 5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "-5\r\nhello\r\n",
            "\r\nhello",
            "FFFFFFFFFFFFFFFFF\r\n",
            "5;a\nb\r\nhello\r\n",
            "0\r\n folded: a\r\n\r\n",
            "0\r\na: b\n\r\n",
        ] {
            let text = format!("{head}{chunks}");
            assert!(follow(&text).is_err_and(|refused| !refused.in_head), "{chunks:?}");
        }
    }

    #[test]
    fn nothing_of_a_refused_head_reaches_its_end() {
        let text = "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
        let refused = Framing::new().follow(text.as_bytes()).expect_err("ambiguous");
        assert!(!text[..refused.sane].ends_with("\r\n\r\n") && text[..=refused.sane].ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_memory() {
        let mut framing = Framing::new();
        let line = vec![b'a'; BUFFER_BYTES_MAX];
        assert_eq!(framing.follow(&line), Ok(()));
        assert!(framing.follow(b"a").is_err());
    }
}
