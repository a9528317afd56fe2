//! Patterns for topics to subscribe to, event types to emit, and channels of a retention rule.

/// A pattern in which `*` matches any run of characters, also none. No other character is special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Creates a pattern for topic names. `topic:news` and `news` are the same pattern.
    pub fn topic(text: &str) -> Self {
        Self(text.strip_prefix("topic:").unwrap_or(text).into())
    }

    /// Creates a pattern for names of channels or event types.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns whether the pattern matches the name, from its first to its last character.
    pub fn matches(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or("");
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_matches_any_run_of_characters() {
        for (pattern, name, fits) in [
            ("news", "news", true),
            ("news", "newsroom", false),
            ("topic:news", "news", true),
            ("room-*", "room-7", true),
            ("room-*", "room-", true),
            ("room-*", "lobby", false),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a*a", "a", false),
            ("a.c", "abc", false),
            ("", "x", false),
        ] {
            assert_eq!(Pattern::topic(pattern).matches(name), fits, "{pattern} against {name}");
        }
    }
}
