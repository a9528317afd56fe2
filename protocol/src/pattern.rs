//! Patterns: which topics a user may subscribe to, which events it may emit, and which channels a rule is for.

/// A name in which `*` stands for any run of characters, also none. Nothing else is special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// A pattern over topic names. `topic:news` and `news` are the same pattern, since people write both.
    pub fn topic(text: &str) -> Self {
        Self(text.strip_prefix("topic:").unwrap_or(text).into())
    }

    /// A pattern over whole names: of channels, or of types of events.
    pub fn whole(text: &str) -> Self {
        Self(text.into())
    }

    /// Does the whole name fit?
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
    fn stars_match_runs_and_nothing_else_is_special() {
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
