//! Why a token or a wish was refused, in words that never repeat the token.

use std::borrow::Cow;
use std::fmt;

use wirebell_protocol::{Channel, ErrorCode};

/// A refusal: a code for programs and a message for people, as in `wirebell.error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub fault: ErrorCode,
    /// What was wrong, and what was expected.
    pub message: Cow<'static, str>,
    /// The channel of the user who was refused, where the token says who it is and can be trusted in that.
    pub user: Option<Channel>,
}

impl Refusal {
    /// A refusal for that reason.
    pub fn new(fault: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { fault, message: message.into(), user: None }
    }

    /// It is this user who was refused.
    #[must_use]
    pub fn of(self, user: Option<Channel>) -> Self {
        Self { user, ..self }
    }

    /// There was no token where one was needed.
    pub fn missing() -> Self {
        Self::new(
            ErrorCode::TokenMissing,
            "no token; expected `Authorization: Bearer`, the subprotocol `wirebell.bearer.<jwt>`, the query \
             `access_token`, or a first frame `wirebell.auth`",
        )
    }

    pub(super) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::TokenMalformed, message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
