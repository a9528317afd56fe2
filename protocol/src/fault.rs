//! Faults: one code for each way in which a frame, an event or a token can be refused. The code is stable and for
//! programs; the message beside it is for people.

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Not one JSON object with a string `type`.
    BadFrame,
    /// A binary frame; frames are text.
    BinaryFrame,
    /// A type that begins with `wirebell.` and is not one that clients send.
    ReservedType,
    /// A frame larger than the limit.
    FrameTooLarge,
    /// Not the name of a channel, or one that cannot be subscribed to.
    BadChannel,
    /// Not a cursor as an event carries it.
    BadCursor,
    /// The token does not permit it.
    NotAllowed,
    /// More subscriptions than one connection may hold.
    TooManySubscriptions,
    /// No token was given.
    TokenMissing,
    /// Not a JWT, or without a claim that is required.
    TokenMalformed,
    /// The algorithm is not allowed, or not that of the key.
    TokenAlgorithm,
    /// The signature does not fit, or the key is unknown.
    TokenSignature,
    /// `exp` has passed.
    TokenExpired,
    /// `nbf` has not come.
    TokenNotYetValid,
    /// `iss` or `aud` is not the one expected.
    TokenClaims,
    /// A renewed token is for somebody else.
    UserMismatch,
    /// No token within the time to authenticate.
    AuthTimeout,
    /// An attribute of an event is missing or wrong.
    InvalidEvent,
    /// An event, or its data, is larger than the limit.
    TooLarge,
    /// In the contract, and not in this version.
    Unsupported,
    /// The bus cannot be reached just now.
    Unavailable,
    /// The node is being stopped.
    Draining,
    /// Too many of them.
    TooMany,
    /// Too many frames in a row that were not understood.
    TooManyFaults,
    /// A request to the services' door that cannot be read.
    BadRequest,
    /// A request to the services' door without a service key that is known.
    Unauthorized,
    /// There is nothing at this path.
    NotFound,
    /// Not by this method.
    MethodNotAllowed,
    /// It is too late to cancel the event: it was published.
    AlreadyPublished,
    /// The node is at fault.
    Internal,
    /// The client emits faster than it may.
    RateLimited,
    /// The `data` of an event from a client is larger than the limit.
    DataTooLarge,
    /// No service has ever read the inbox.
    NoService,
    /// No service has answered in time.
    NoReply,
    /// The service could not handle the event, for good.
    ServiceFailed,
    /// The user has as many sessions as may be.
    TooManySessions,
    /// A newer session of the user has taken this one's place.
    Replaced,
    /// A service has ended the session.
    Disconnected,
    /// The token was revoked.
    TokenRevoked,
}

impl Fault {
    /// Every fault, for documents and for metrics that must know their labels beforehand.
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
        Self::TooManyFaults,
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

    /// The code on the wire, in metrics and in logs.
    pub fn code(self) -> &'static str {
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
            Self::TooManyFaults => "too_many_faults",
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

    /// The fault of that code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.code() == code)
    }
}
