//! Parses replies of Redis, as far as needed to count them and to detect errors.

use std::io::{BufRead, Read};

use crate::failure::{Failure, Result};

/// Reads one reply to its end; returns the error if it is one.
pub(super) fn read(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Option<String>> {
    line.clear();
    if from.read_until(b'\n', line)? == 0 {
        return Err(Failure::new("Redis closed the connection"));
    }
    let text = String::from_utf8_lossy(line.get(1..).unwrap_or_default()).trim_end().to_owned();
    let number = || text.parse::<i64>().map_err(|_| Failure::new(format!("expected a length, found {text:?}")));
    match line.first() {
        Some(b'+' | b':' | b'_') => Ok(None),
        Some(b'-') => Ok(Some(text)),
        Some(b'$') => {
            if let Ok(length) = u64::try_from(number()?) {
                std::io::copy(&mut from.take(length + 2), &mut std::io::sink())?;
            }
            Ok(None)
        }
        Some(b'*') => {
            let mut error = None;
            for _ in 0..number()? {
                error = read(from, line)?.or(error);
            }
            Ok(error)
        }
        _ => Err(Failure::new(format!("expected a reply of Redis, found {text:?}"))),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn replies_of_all_types_are_counted() {
        let text = b"+OK\r\n:3\r\n$5\r\na\r\nbc\r\n$-1\r\n*2\r\n:1\r\n$1\r\nx\r\n-OOM no\r\n";
        let mut from = &text[..];
        let mut line = Vec::new();
        let replies: Vec<_> = (0..6).map(|_| super::read(&mut from, &mut line).unwrap()).collect();
        assert_eq!(replies.iter().filter(|answer| answer.is_none()).count(), 5);
        assert_eq!(replies[5].as_deref(), Some("OOM no"));
        assert!(super::read(&mut from, &mut line).is_err());
    }
}
