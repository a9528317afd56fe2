//! A minimal HTTP/1.1 client for what the benchmarks do not measure.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::failure::{Failure, Result};

/// Requests this path of 127.0.0.1; returns the status.
pub fn get(port: u16, path: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    Ok(read_response(&mut BufReader::new(stream))?.status)
}

/// The parts of a response that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status.
    pub status: u16,
    /// Whether the connection can be used again.
    pub keep_alive: bool,
}

/// Reads one response to its end, so that the next one can follow.
pub fn read_response(from: &mut impl BufRead) -> Result<ResponseHead> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| Failure::new(format!("expected a status line, found {line:?}")))?;
    let (mut length, mut keep_alive) = (Length::Known(0), true);
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = Length::Known(value.trim().parse().unwrap_or_default());
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.contains("chunked") {
            length = Length::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            keep_alive = !value.trim().eq_ignore_ascii_case("close");
        }
    }
    match length {
        Length::Known(bytes) => skip(from, bytes)?,
        Length::Chunked => skip_chunks(from)?,
    }
    Ok(ResponseHead { status, keep_alive })
}

enum Length {
    Known(u64),
    Chunked,
}

fn skip(from: &mut impl BufRead, bytes: u64) -> Result<()> {
    std::io::copy(&mut from.take(bytes), &mut std::io::sink())?;
    Ok(())
}

fn skip_chunks(from: &mut impl BufRead) -> Result<()> {
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16);
        let size = size.map_err(|_| Failure::new(format!("expected the size of a chunk, found {line:?}")))?;
        skip(from, size + 2)?;
        if size == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn responses_are_read_one_after_the_other() {
        let text = "HTTP/1.1 202 Accepted\r\ncontent-length: 3\r\n\r\nabc\
                    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\
                    HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        let mut bytes = text.as_bytes();
        let answers = [(); 3].map(|()| super::read_response(&mut bytes).unwrap());
        assert_eq!(answers.map(|answer| answer.status), [202, 200, 204]);
        assert_eq!(answers.map(|answer| answer.keep_alive), [true, true, false]);
        assert!(bytes.is_empty() && super::read_response(&mut bytes).is_err());
    }
}
