//! Inspects the framing of a chunked body (RFC 9112 section 7.1), byte by byte, without changing anything.
//!
//! Where a body ends, the next request begins: two servers that disagree about a chunk disagree about what the next
//! request is (request smuggling). Parsers repair different mistakes, so every mistake is refused here.
//!
//! ```text
//! 5;name=value ␍␊ hello ␍␊ 0 ␍␊ Name: value ␍␊ ␍␊ what follows is the next request
//! └ size line ───┘└ data ──┘└ ──┘└ trailers ───┘└ end
//! ```

use thiserror::Error;

/// The maximum length of a size line with its extensions, in bytes. The signatures of chunked uploads to object stores,
/// the only extensions in use, take 85.
const SIZE_LINE: u32 = 1024;
/// The maximum length of all trailers, in bytes.
const TRAILERS: u32 = 16 * 1024;
/// How many more bytes size lines can have than data, in bytes. RFC 9112 section 7.1.1 asks for a limit on all
/// extensions of a request; a limit that grows with the data lets a signed upload of any length pass.
const EXCESS: u64 = 16 * 1024;
/// The length of a size line that does not count for [`EXCESS`].
const FREE: u64 = 16;
/// More digits overflow 64 bits, also when they are zeros: a server may count the digits.
const DIGITS: u8 = 16;

/// A chunked body, as far as it was received.
#[derive(Debug)]
pub(in crate::proxy) struct Chunks {
    state: State,
    /// The size of the chunk; while its data is received, how many bytes are missing.
    size: u64,
    digits: u8,
    /// The length of the size line, or of the trailers, until here.
    length: u32,
    excess: u64,
}

/// Why a body is malformed, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(in crate::proxy) enum Fault {
    /// No hexadecimal digit, too many of them, or something else behind them.
    #[error("a chunk's size is not a hexadecimal number")]
    Size,
    /// Not `;name`, `;name=token` or `;name="quoted"`.
    #[error("a chunk extension is malformed")]
    Extension,
    /// A bare CR or LF.
    #[error("a line of the chunked body does not end in CR LF")]
    LineEnd,
    /// The data is longer than the size.
    #[error("a chunk's data does not end where its size says")]
    Data,
    /// Not `name: value`.
    #[error("a trailer is malformed")]
    Trailer,
    /// A size line, the trailers, or all size lines together.
    #[error("the chunked body has too many bytes that are not data")]
    TooLong,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    /// White space after a size or an extension, which only another extension can follow.
    BeforeSemicolon,
    BeforeName,
    Name,
    /// White space after a name, which only a value or another extension can follow.
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    /// The byte after a backslash in quotes.
    Escaped,
    AfterQuoted,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    /// The first byte of a trailer, or of the empty line that ends the body.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    EndLineFeed,
    End,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            state: State::Size,
            size: 0,
            digits: 0,
            length: 0,
            excess: 0,
        }
    }
}

impl Chunks {
    /// Inspects the next bytes, and returns how many of them belong to the body: less than all only if it ends in them.
    ///
    /// # Errors
    /// The first byte that RFC 9112 does not allow, or a limit. After an error the body has no known end.
    pub(in crate::proxy) fn inspect(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::End {
            if self.state == State::Data {
                let rest = (bytes.len() - at) as u64;
                let step = self.size.min(rest);
                self.size -= step;
                at += usize::try_from(step).expect("not more than there are bytes");
                if self.size == 0 {
                    self.state = State::DataReturn;
                }
                continue;
            }
            self.state = self.next(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    /// Whether the last byte of the body was inspected.
    pub(in crate::proxy) fn is_complete(&self) -> bool {
        self.state == State::End
    }

    fn next(&mut self, byte: u8) -> Result<State, Fault> {
        self.count()?;
        match self.state {
            State::Size => self.size(byte),
            State::BeforeSemicolon => match byte {
                b' ' | b'\t' => Ok(State::BeforeSemicolon),
                b';' => Ok(State::BeforeName),
                // A size with trailing white space too, which some servers take for a size and others for none.
                _ => Err(Fault::Extension),
            },
            State::BeforeName => match byte {
                b' ' | b'\t' => Ok(State::BeforeName),
                byte if is_token(byte) => Ok(State::Name),
                _ => Err(Fault::Extension),
            },
            State::Name => match byte {
                byte if is_token(byte) => Ok(State::Name),
                b'=' => Ok(State::BeforeValue),
                b' ' | b'\t' => Ok(State::AfterName),
                byte => after_extension(byte),
            },
            State::AfterName => match byte {
                b' ' | b'\t' => Ok(State::AfterName),
                b'=' => Ok(State::BeforeValue),
                b';' => Ok(State::BeforeName),
                _ => Err(Fault::Extension),
            },
            State::BeforeValue => match byte {
                b' ' | b'\t' => Ok(State::BeforeValue),
                b'"' => Ok(State::Quoted),
                byte if is_token(byte) => Ok(State::Value),
                _ => Err(Fault::Extension),
            },
            State::Value => match byte {
                byte if is_token(byte) => Ok(State::Value),
                b' ' | b'\t' => Ok(State::BeforeSemicolon),
                byte => after_extension(byte),
            },
            State::Quoted => match byte {
                b'"' => Ok(State::AfterQuoted),
                b'\\' => Ok(State::Escaped),
                byte if is_text(byte) => Ok(State::Quoted),
                // A line end in quotes: for a parser that skips extensions the line ends here, and for one that reads
                // quotes the chunk begins elsewhere.
                _ => Err(Fault::Extension),
            },
            State::Escaped if is_text(byte) => Ok(State::Quoted),
            State::Escaped => Err(Fault::Extension),
            State::AfterQuoted => match byte {
                b' ' | b'\t' => Ok(State::BeforeSemicolon),
                byte => after_extension(byte),
            },
            State::SizeLineFeed => self.size_line_ended(byte),
            State::DataReturn if byte == b'\r' => Ok(State::DataLineFeed),
            State::DataLineFeed if byte == b'\n' => {
                (self.size, self.digits, self.length) = (0, 0, 0);
                Ok(State::Size)
            }
            State::DataReturn | State::DataLineFeed => Err(Fault::Data),
            State::Trailer => match byte {
                b'\r' => Ok(State::EndLineFeed),
                b'\n' => Err(Fault::LineEnd),
                byte if is_token(byte) => Ok(State::TrailerName),
                _ => Err(Fault::Trailer),
            },
            State::TrailerName => match byte {
                b':' => Ok(State::TrailerValue),
                byte if is_token(byte) => Ok(State::TrailerName),
                _ => Err(Fault::Trailer),
            },
            State::TrailerValue => match byte {
                b'\r' => Ok(State::TrailerLineFeed),
                b'\n' => Err(Fault::LineEnd),
                byte if is_text(byte) => Ok(State::TrailerValue),
                _ => Err(Fault::Trailer),
            },
            State::TrailerLineFeed if byte == b'\n' => Ok(State::Trailer),
            State::EndLineFeed if byte == b'\n' => Ok(State::End),
            State::TrailerLineFeed | State::EndLineFeed => Err(Fault::LineEnd),
            State::Data | State::End => unreachable!("inspect() takes these"),
        }
    }

    /// Counts a byte of a size line or of the trailers.
    fn count(&mut self) -> Result<(), Fault> {
        let limit = match self.state {
            State::Trailer | State::TrailerName | State::TrailerValue | State::TrailerLineFeed | State::EndLineFeed => {
                TRAILERS
            }
            _ => SIZE_LINE,
        };
        self.length += 1;
        if self.length > limit {
            return Err(Fault::TooLong);
        }
        Ok(())
    }

    fn size(&mut self, byte: u8) -> Result<State, Fault> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            self.digits += 1;
            self.size = (self.size << 4) | u64::from(digit);
            // A size that is negative as a signed number is none for some servers.
            if self.digits > DIGITS || i64::try_from(self.size).is_err() {
                return Err(Fault::Size);
            }
            return Ok(State::Size);
        }
        match byte {
            // A line without a digit would be a size of 0, so that the body ends, for a server that only adds up.
            _ if self.digits == 0 => Err(Fault::Size),
            b'\r' => Ok(State::SizeLineFeed),
            b'\n' => Err(Fault::LineEnd),
            b';' => Ok(State::BeforeName),
            b' ' | b'\t' => Ok(State::BeforeSemicolon),
            _ => Err(Fault::Size),
        }
    }

    fn size_line_ended(&mut self, byte: u8) -> Result<State, Fault> {
        if byte != b'\n' {
            return Err(Fault::LineEnd);
        }
        let data = FREE.saturating_add(self.size.saturating_mul(2));
        self.excess = (self.excess + u64::from(self.length)).saturating_sub(data);
        if self.excess > EXCESS {
            return Err(Fault::TooLong);
        }
        self.length = 0;
        Ok(if self.size == 0 { State::Trailer } else { State::Data })
    }
}

/// What follows an extension directly: the next one, or the end of the line.
fn after_extension(byte: u8) -> Result<State, Fault> {
    match byte {
        b';' => Ok(State::BeforeName),
        b'\r' => Ok(State::SizeLineFeed),
        b'\n' => Err(Fault::LineEnd),
        _ => Err(Fault::Extension),
    }
}

/// `tchar` (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A byte of a field value or of a quoted string: no control byte except a tab (RFC 9110 sections 5.5 and 5.6.4).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes belong to the body, if it is complete.
    fn whole(body: &[u8]) -> Result<Option<usize>, Fault> {
        let mut chunks = Chunks::default();
        let length = chunks.inspect(body)?;
        Ok(chunks.is_complete().then_some(length))
    }

    #[test]
    fn a_body_ends_after_its_trailers() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "0005\r\nhello\r\n0000\r\n\r\n",
            "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
            "5;a\r\nhello\r\n0;b=c\r\n\r\n",
            "5;a=b;c=\"d;\\\" e\";f\r\nhello\r\n0\r\n\r\n",
            "5 ; a = b ; c = \"d\" ; e\r\nhello\r\n0\r\n\r\n",
            "0\r\nA: b\r\nC:\r\nD: \u{e9}\t\r\n\r\n",
        ] {
            assert_eq!(whole(body.as_bytes()), Ok(Some(body.len())), "{body:?}");
            let followed = format!("{body}GET / HTTP/1.1\r\n");
            assert_eq!(whole(followed.as_bytes()), Ok(Some(body.len())), "{body:?}");
            let cut = &body[..body.len() - 1];
            assert_eq!(whole(cut.as_bytes()), Ok(None), "{body:?}");
        }
    }

    #[test]
    fn what_servers_repair_in_different_ways_is_refused() {
        for (body, fault) in [
            ("\r\nhello", Fault::Size),
            (";a\r\n\r\n", Fault::Size),
            ("\n", Fault::Size),
            (" 5\r\nhello", Fault::Size),
            ("0x5\r\nhello", Fault::Size),
            ("+5\r\nhello", Fault::Size),
            ("5g\r\nhello", Fault::Size),
            ("5\0\r\nhello", Fault::Size),
            ("00000000000000005\r\nhello", Fault::Size),
            ("8000000000000000\r\nhello", Fault::Size),
            ("5 \r\nhello", Fault::Extension),
            ("5\t\r\nhello", Fault::Extension),
            ("5 5\r\nhello", Fault::Extension),
            ("5;\r\nhello", Fault::Extension),
            ("5; \r\nhello", Fault::Extension),
            ("5;;a\r\nhello", Fault::Extension),
            ("5;a \r\nhello", Fault::Extension),
            ("5;a=\r\nhello", Fault::Extension),
            ("5;a=b \r\nhello", Fault::Extension),
            ("5;a=\"b\r\nhello", Fault::Extension),
            ("5;a=\"b\nhello", Fault::Extension),
            ("5;a=\"b\\\r\nhello", Fault::Extension),
            ("5;a=\"b\"c\r\nhello", Fault::Extension),
            ("5;a=b\"c\"\r\nhello", Fault::Extension),
            ("5;a\0\r\nhello", Fault::Extension),
            ("5;a\x7f\r\nhello", Fault::Extension),
            ("5;\u{e9}\r\nhello", Fault::Extension),
            ("5\nhello", Fault::LineEnd),
            ("5\rhello", Fault::LineEnd),
            ("5\r\rhello", Fault::LineEnd),
            ("5;a\nhello", Fault::LineEnd),
            ("5;a=b\nhello", Fault::LineEnd),
            ("5;a=\"b\"\nhello", Fault::LineEnd),
            ("5\r\nhello0\r\n", Fault::Data),
            ("5\r\nhello\n0\r\n", Fault::Data),
            ("5\r\nhello\r0\r\n", Fault::Data),
            ("5\r\nhell\r\n0\r\n", Fault::Data),
            ("0\r\n\n", Fault::LineEnd),
            ("0\r\n\r\r", Fault::LineEnd),
            ("0\r\n: b\r\n", Fault::Trailer),
            ("0\r\nA\r\n", Fault::Trailer),
            ("0\r\nA : b\r\n", Fault::Trailer),
            ("0\r\n A: b\r\n", Fault::Trailer),
            ("0\r\nA: b\0\r\n", Fault::Trailer),
            ("0\r\nA: b\nB: c\r\n", Fault::LineEnd),
            ("0\r\nA: b\rB: c\r\n", Fault::LineEnd),
            ("0\r\nA: b\r\n c\r\n", Fault::Trailer),
        ] {
            assert_eq!(whole(body.as_bytes()), Err(fault), "{body:?}");
        }
    }

    #[test]
    fn a_size_line_is_short() {
        let line = |length: usize| format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(length));
        let longest = SIZE_LINE as usize - "5;\r\n".len();
        assert!(whole(line(longest).as_bytes()).is_ok_and(|end| end.is_some()));
        assert_eq!(whole(line(longest + 1).as_bytes()), Err(Fault::TooLong));
    }

    #[test]
    fn trailers_are_few() {
        let trailers = |length: usize| format!("0\r\nA:{}\r\n\r\n", "a".repeat(length));
        let longest = TRAILERS as usize - "A:\r\n\r\n".len();
        assert!(whole(trailers(longest).as_bytes()).is_ok_and(|end| end.is_some()));
        assert_eq!(whole(trailers(longest + 1).as_bytes()), Err(Fault::TooLong));
    }

    #[test]
    fn extensions_may_take_as_much_as_the_data_and_little_more() {
        let signed = format!("400;chunk-signature={}\r\n{}\r\n", "a".repeat(64), "x".repeat(1024));
        let upload = signed.repeat(2000) + "0\r\n\r\n";
        assert_eq!(whole(upload.as_bytes()), Ok(Some(upload.len())));
        let bytes = "1\r\nx\r\n".repeat(100_000) + "0\r\n\r\n";
        assert_eq!(whole(bytes.as_bytes()), Ok(Some(bytes.len())));
        let attack = format!("1;{}\r\nx\r\n", "a".repeat(1000)).repeat(20);
        assert_eq!(whole(attack.as_bytes()), Err(Fault::TooLong));
    }
}
