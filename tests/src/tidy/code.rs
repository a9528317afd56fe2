//! Source text reduced to code: comments, contents of strings and tests are blanked. Line numbers
//! stay the same.

/// Returns the text with comments and the contents of strings and characters blanked.
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = at + skipped(&bytes[at..], at.checked_sub(1).map(|before| bytes[before]));
        if end > at {
            code.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            code.push(char::from(bytes[at]));
            at += 1;
        }
    }
    code
}

/// Returns how many bytes from here are a comment or a literal; 0 if none begins here.
fn skipped(rest: &[u8], before: Option<u8>) -> usize {
    let inside_name = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => string(rest),
        [b'r', b'"' | b'#', ..] if !inside_name => raw_string(rest),
        [b'\'', b'\\', _, tail @ ..] => 3 + tail.iter().position(|byte| *byte == b'\'').map_or(0, |end| end + 1),
        // One character between quotes. Otherwise it is a lifetime.
        [b'\'', ..] => character(rest),
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let start = 2 + hashes;
    let found = rest[start..].windows(end.len()).position(|window| window == end);
    found.map_or(rest.len(), |at| start + at + end.len())
}

fn character(rest: &[u8]) -> usize {
    let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
    let valid = match text {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&rest[1..=error.valid_up_to()]).unwrap_or(""),
    };
    let mut letters = valid.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), Some('\'')) => 2 + letter.len_utf8(),
        _ => 0,
    }
}

/// Returns the code without items under `#[cfg(test)]`. An item ends at the closing brace of the
/// same indentation, or at its only line.
pub fn without_tests(code: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        kept.push(line);
        if line.trim() != "#[cfg(test)]" {
            continue;
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        let mut inside = true;
        while inside {
            let Some(dropped) = lines.next() else { break };
            kept.push("");
            let ends_here = dropped.trim_end().ends_with([';', '}', ',']);
            let at_same_depth = dropped.starts_with(indentation) && !dropped[indentation.len()..].starts_with(' ');
            let closes = dropped.trim_end() == format!("{indentation}}}");
            inside = !(closes || (at_same_depth && ends_here));
        }
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked() {
        let code = code_only("a // b\n\"c // d\" e /* f /* g */ h */ i\nr#\"j\" k\"# l '\"' m 'n b'\\'' o\n");
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words, ["a", "e", "i", "l", "m", "'n", "b", "o"]);
        assert_eq!(code.lines().count(), 3);
    }

    #[test]
    fn non_ascii_characters_are_handled() {
        assert_eq!(code_only("'é' x \"ü\" y").split_whitespace().collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn tests_are_removed_and_following_code_stays() {
        let code = "a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod more {\n    c;\n    }\n}\nd";
        let words: Vec<String> = without_tests(code).split_whitespace().map(ToOwned::to_owned).collect();
        assert_eq!(words, ["a", "#[cfg(test)]", "b", "#[cfg(test)]", "d"]);
        assert_eq!(without_tests(code).lines().count(), code.lines().count());
        for item in ["fn f() { g() }", "f: u8,", "use a::{\n    b,\n};", "fn f(\n    a: u8,\n) {\n}"] {
            let left = without_tests(&format!("#[cfg(test)]\n{item}\nafter\n}}"));
            assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["#[cfg(test)]", "after", "}"], "{item}");
        }
    }
}
