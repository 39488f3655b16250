//! The application behind `sidegate dev` if none is named: it answers every request with what it received, to show
//! which headers reach an application.

use std::io;
use std::net::SocketAddr;

use super::tiny_server::{self, Head};

/// The running echo application. It ends with the process.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
}

impl Echo {
    /// The address it listens on: a free loopback port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Starts the echo application on a thread and a runtime of its own.
///
/// # Errors
/// When no loopback port or no thread is available.
pub fn start() -> io::Result<Echo> {
    let address = tiny_server::start("echo", answer)?;
    Ok(Echo { address })
}

fn answer(head: &Head) -> String {
    let mut body = serde_json::to_string_pretty(head).expect("strings are always valid JSON");
    body.push('\n');
    tiny_server::response(head, "200 OK", "content-type: application/json\r\n", &body)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn the_echo_shows_headers_as_they_came_and_keeps_the_connection() {
        let echo = super::start().unwrap();
        let mut stream = TcpStream::connect(echo.address()).unwrap();
        let with_body = "POST /a?b=%2F HTTP/1.1\r\nHost: x\r\nX_User: 1\r\nX_User: 2\r\nContent-Length: 2\r\n\r\nhi";
        let chunked = "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let last = "GET /last HTTP/1.1\r\nConnection: close\r\n\r\n";
        stream
            .write_all([with_body, chunked, last].concat().as_bytes())
            .unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
        assert!(answers.contains("\"target\": \"/a?b=%2F\""), "{answers}");
        let (first, second) = (answers.find("X_User: 1").unwrap(), answers.find("X_User: 2").unwrap());
        assert!(first < second, "{answers}");
    }
}
