//! Why a token or a request was rejected. The message never repeats the token.

use std::borrow::Cow;
use std::fmt;

use wirebell_protocol::{Channel, ErrorCode};

/// A rejection: a code for programs and a message for people, as in `wirebell.error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The error code.
    pub code: ErrorCode,
    /// What was wrong, and what was expected.
    pub message: Cow<'static, str>,
    /// The channel of the rejected user, if the token names the user and its signature is valid.
    pub user: Option<Channel>,
}

impl Rejection {
    /// Creates a rejection.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), user: None }
    }

    /// Sets the rejected user.
    #[must_use]
    pub fn with_user(self, user: Option<Channel>) -> Self {
        Self { user, ..self }
    }

    /// The rejection of a request without a token.
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

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Rejection {}
