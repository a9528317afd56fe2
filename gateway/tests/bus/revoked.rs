//! Revocations: all of them, to whoever asks, and nothing if there is nothing new.

use wirebell_protocol::revocation::{Revocation, Tokens};

use crate::fixture::Fixture;

/// Seconds since 1970, far from now.
const LATE: u64 = 32_503_680_000;

fn of_user(user: &str, issued_before: u64, until: u64) -> Revocation {
    Revocation { tokens: Tokens::OfUser { user: user.to_owned(), issued_before }, until }
}

async fn revoke(bus: &Fixture, revocation: Revocation) {
    bus.bus.revoke(&revocation).await.unwrap();
}

pub(crate) async fn what_is_revoked_is_told_until_it_is_known(bus: Fixture) {
    assert_eq!(bus.bus.revocations("").await.unwrap(), None);
    let named = Revocation { tokens: Tokens::Named("a name of spaces".to_owned()), until: LATE };
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

pub(crate) async fn of_two_for_a_user_what_either_says_holds(bus: Fixture) {
    revoke(&bus, of_user("42", 100, LATE)).await;
    revoke(&bus, of_user("42", 90, LATE + 5)).await;
    let found = bus.bus.revocations("").await.unwrap().unwrap();
    assert_eq!(found.all, [of_user("42", 100, LATE + 5)]);
}
