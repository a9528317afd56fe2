//! Error codes: one stable code for each way in which a frame, event, token or request is rejected.
//! Programs read the code; the message beside it is for people.

/// The reason of a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The frame is not a JSON object with a string `type`.
    BadFrame,
    /// The frame is binary; only text frames are allowed.
    BinaryFrame,
    /// The type begins with `wirebell.` and is not a client frame.
    ReservedType,
    /// The frame is larger than the limit.
    FrameTooLarge,
    /// The channel name is invalid, or clients cannot subscribe to the channel.
    BadChannel,
    /// The text is not a valid cursor.
    BadCursor,
    /// The token does not permit this.
    NotAllowed,
    /// The connection would have more subscriptions than allowed.
    TooManySubscriptions,
    /// The request has no token.
    TokenMissing,
    /// The token is not a JWT, or a required claim is missing.
    TokenMalformed,
    /// The token's algorithm is not allowed, or differs from that of the key.
    TokenAlgorithm,
    /// The token's signature does not verify, or its key is unknown.
    TokenSignature,
    /// The token has expired (`exp`).
    TokenExpired,
    /// The token is not valid yet (`nbf`).
    TokenNotYetValid,
    /// The token's `iss` or `aud` is not the expected one.
    TokenClaims,
    /// The new token of a connection belongs to another user.
    UserMismatch,
    /// The client did not send a token within the authentication timeout.
    AuthTimeout,
    /// An attribute of the event is missing or invalid.
    InvalidEvent,
    /// The event, or its data, is larger than the limit.
    TooLarge,
    /// The feature is part of the protocol but not available on this node.
    Unsupported,
    /// The bus cannot be reached at the moment.
    Unavailable,
    /// The node is shutting down.
    Draining,
    /// A limit on concurrent connections or requests is reached.
    TooMany,
    /// The client sent too many invalid frames in a row.
    TooManyBadFrames,
    /// The request to the server API cannot be parsed.
    BadRequest,
    /// The request to the server API has no valid API key.
    Unauthorized,
    /// The path does not exist.
    NotFound,
    /// The path does not support the HTTP method.
    MethodNotAllowed,
    /// The event cannot be canceled: it is already published.
    AlreadyPublished,
    /// The node failed.
    Internal,
    /// The client emits more events than its rate limit allows.
    RateLimited,
    /// The `data` of a client's event is larger than the limit.
    DataTooLarge,
    /// No service has consumed the inbox yet.
    NoService,
    /// No service replied within the timeout.
    NoReply,
    /// The service gave up handling the event.
    ServiceFailed,
    /// The user has the maximum number of sessions.
    TooManySessions,
    /// A newer session of the user replaced this one.
    Replaced,
    /// A service disconnected the session.
    Disconnected,
    /// The token was revoked.
    TokenRevoked,
}

impl ErrorCode {
    /// All error codes, for documents and for metrics with fixed labels.
    pub const ALL: [Self; 39] = [
        Self::BadFrame,
        Self::BinaryFrame,
        Self::ReservedType,
        Self::FrameTooLarge,
        Self::BadChannel,
        Self::BadCursor,
        Self::NotAllowed,
        Self::TooManySubscriptions,
        Self::TokenMissing,
        Self::TokenMalformed,
        Self::TokenAlgorithm,
        Self::TokenSignature,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::TokenClaims,
        Self::UserMismatch,
        Self::AuthTimeout,
        Self::InvalidEvent,
        Self::TooLarge,
        Self::Unsupported,
        Self::Unavailable,
        Self::Draining,
        Self::TooMany,
        Self::TooManyBadFrames,
        Self::BadRequest,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::AlreadyPublished,
        Self::Internal,
        Self::RateLimited,
        Self::DataTooLarge,
        Self::NoService,
        Self::NoReply,
        Self::ServiceFailed,
        Self::TooManySessions,
        Self::Replaced,
        Self::Disconnected,
        Self::TokenRevoked,
    ];

    /// Returns the code used on the wire, in metrics and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::BinaryFrame => "binary_frame",
            Self::ReservedType => "reserved_type",
            Self::FrameTooLarge => "frame_too_large",
            Self::BadChannel => "bad_channel",
            Self::BadCursor => "bad_cursor",
            Self::NotAllowed => "not_allowed",
            Self::TooManySubscriptions => "too_many_subscriptions",
            Self::TokenMissing => "token_missing",
            Self::TokenMalformed => "token_malformed",
            Self::TokenAlgorithm => "token_algorithm",
            Self::TokenSignature => "token_signature",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::TokenClaims => "token_claims",
            Self::UserMismatch => "user_mismatch",
            Self::AuthTimeout => "auth_timeout",
            Self::InvalidEvent => "invalid_event",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Draining => "draining",
            Self::TooMany => "too_many",
            Self::TooManyBadFrames => "too_many_faults",
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::AlreadyPublished => "already_published",
            Self::Internal => "internal",
            Self::RateLimited => "rate_limited",
            Self::DataTooLarge => "data_too_large",
            Self::NoService => "no_service",
            Self::NoReply => "no_reply",
            Self::ServiceFailed => "service_failed",
            Self::TooManySessions => "too_many_sessions",
            Self::Replaced => "replaced",
            Self::Disconnected => "disconnected",
            Self::TokenRevoked => "token_revoked",
        }
    }

    /// Returns the error code with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }
}
