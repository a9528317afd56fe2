//! Revocations: a read returns all of them, or nothing if the version is current.

use wirebell_protocol::revocation::{Revocation, Tokens};

use crate::fixture::Fixture;

/// A time in the far future, in seconds since 1970.
const LATE: u64 = 32_503_680_000;

fn of_user(user: &str, issued_before: u64, until: u64) -> Revocation {
    Revocation { tokens: Tokens::OfUser { user: user.to_owned(), issued_before }, until }
}

async fn revoke(bus: &Fixture, revocation: Revocation) {
    bus.bus.revoke(&revocation).await.unwrap();
}

pub(crate) async fn revocations_are_returned_until_their_version_is_known(bus: Fixture) {
    assert_eq!(bus.bus.revocations("").await.unwrap(), None);
    let named = Revocation { tokens: Tokens::Named("a token id".to_owned()), until: LATE };
    revoke(&bus, named.clone()).await;
    let first = bus.bus.revocations("").await.unwrap().unwrap();
    assert_eq!(first.all, std::slice::from_ref(&named));
    assert_eq!(bus.bus.revocations(&first.version).await.unwrap(), None);
    revoke(&bus, of_user("42", 100, LATE)).await;
    let second = bus.bus.revocations(&first.version).await.unwrap().unwrap();
    assert_eq!(second.all.len(), 2);
    assert!(second.all.contains(&named) && second.all.contains(&of_user("42", 100, LATE)));
    assert_eq!(bus.bus.revocations(&second.version).await.unwrap(), None);
}

pub(crate) async fn revocations_of_one_user_are_merged(bus: Fixture) {
    revoke(&bus, of_user("42", 100, LATE)).await;
    revoke(&bus, of_user("42", 90, LATE + 5)).await;
    let found = bus.bus.revocations("").await.unwrap().unwrap();
    assert_eq!(found.all, [of_user("42", 100, LATE + 5)]);
}
