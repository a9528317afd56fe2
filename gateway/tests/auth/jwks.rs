//! A key set over real HTTP: rotation, failure, and what anybody could do with made-up keys.

use std::error::Error;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::rsa::KeySize;
use gateway::auth::Verifier;
use gateway::config::Auth;
use jsonwebtoken::Algorithm::{ES256, EdDSA, HS256, PS256, RS256};
use serde_json::json;
use tokio::task::JoinHandle;
use wirebell_protocol::ErrorCode;

use crate::issuer::Issuer;
use crate::key_server::{Answer, KeyServer};
use crate::{Tested, fault, no_keys, verifier};

/// A verifier whose refresher runs until it is dropped.
struct Running {
    verifier: Verifier,
    good: Arc<AtomicUsize>,
    bad: Arc<AtomicUsize>,
    refresher: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.refresher.abort();
    }
}

fn run(config: &Auth) -> Result<Running, Box<dyn Error>> {
    let (good, bad) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = (Arc::clone(&good), Arc::clone(&bad));
    let on_fetch = move |ok: bool| {
        (if ok { &count.0 } else { &count.1 }).fetch_add(1, Ordering::SeqCst);
    };
    let verifier = Verifier::new(config, Arc::new(on_fetch))?;
    let refresher = tokio::spawn(verifier.refresher());
    Ok(Running { verifier, good, bad, refresher })
}

fn at(server: &KeyServer, refresh: Duration) -> Auth {
    Auth { jwks_url: Some(server.url.clone()), jwks_refresh: refresh, ..no_keys() }
}

const HOUR: Duration = Duration::from_secs(3_600);

impl Running {
    fn fetches(&self) -> (usize, usize) {
        (self.good.load(Ordering::SeqCst), self.bad.load(Ordering::SeqCst))
    }

    /// Waits until so many fetches succeeded and failed.
    async fn fetched(&self, good: usize, bad: usize) -> Result<(), String> {
        until(|| async {
            let (g, b) = self.fetches();
            g >= good && b >= bad
        })
        .await
        .map_err(|()| format!("{:?} fetches", self.fetches()))
    }
}

async fn until<F: Future<Output = bool>>(mut met: impl FnMut() -> F) -> Result<(), ()> {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if met().await {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(())
}

#[tokio::test]
async fn keys_are_chosen_by_their_id_and_bound_to_their_type() -> Tested {
    let (rsa, ec, ed) = (Issuer::rsa(KeySize::Rsa2048)?, Issuer::p256()?, Issuer::ed25519()?);
    let server = KeyServer::start(Answer::Keys(vec![rsa.jwk("r")?, ec.jwk("e")?, ed.jwk("d")?])).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(1, 0).await?;
    for (token, found) in [
        (rsa.good(RS256, Some("r"))?, None),
        (rsa.good(PS256, Some("r"))?, None),
        (ec.good(ES256, Some("e"))?, None),
        (ed.good(EdDSA, Some("d"))?, None),
        (ed.good(EdDSA, None)?, None),
        (rsa.good(RS256, Some("e"))?, Some(ErrorCode::TokenAlgorithm)),
        (Issuer::p256()?.good(ES256, Some("e"))?, Some(ErrorCode::TokenSignature)),
        (Issuer::secret().good(HS256, Some("r"))?, Some(ErrorCode::TokenAlgorithm)),
    ] {
        assert_eq!(fault(&running.verifier, &token).await, found);
    }
    assert_eq!(server.asked(), 1, "known keys need no network");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_an_address_tells_everybody_is_no_secret() -> Tested {
    let oct = json!({"kty": "oct", "kid": "o", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"});
    let server = KeyServer::start(Answer::Keys(vec![oct, Issuer::ed25519()?.jwk("d")?])).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(1, 0).await?;
    let token = Issuer::secret().good(HS256, Some("o"))?;
    assert_eq!(fault(&running.verifier, &token).await, Some(ErrorCode::TokenAlgorithm));
    Ok(())
}

#[tokio::test]
async fn the_first_token_waits_for_the_first_fetch() -> Tested {
    let ed = Issuer::ed25519()?;
    let server = KeyServer::start(Answer::Slow(Duration::from_millis(300), vec![ed.jwk("a")?])).await?;
    let running = run(&at(&server, HOUR))?;
    assert!(!running.verifier.has_keys());
    assert_eq!(fault(&running.verifier, &ed.good(EdDSA, Some("a"))?).await, None);
    assert!(running.verifier.has_keys());
    Ok(())
}

#[tokio::test]
async fn a_new_key_is_fetched_when_its_first_token_comes_and_not_for_every_made_up_one() -> Tested {
    let (old, new) = (Issuer::ed25519()?, Issuer::ed25519()?);
    let server = KeyServer::start(Answer::Keys(vec![old.jwk("old")?])).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(1, 0).await?;

    server.answer(Answer::Keys(vec![old.jwk("old")?, new.jwk("new")?]));
    assert_eq!(fault(&running.verifier, &new.good(EdDSA, Some("new"))?).await, None);
    assert_eq!(fault(&running.verifier, &old.good(EdDSA, Some("old"))?).await, None);
    assert_eq!(server.asked(), 2);

    let begun = Instant::now();
    for _ in 0..50 {
        let made_up = new.good(EdDSA, Some("made-up"))?;
        assert_eq!(fault(&running.verifier, &made_up).await, Some(ErrorCode::TokenSignature));
    }
    assert_eq!(server.asked(), 2, "a made-up key has nothing fetched so soon again");
    assert!(begun.elapsed() < Duration::from_secs(3), "nor does anybody wait for it");
    Ok(())
}

#[tokio::test]
async fn many_who_ask_at_once_cause_one_fetch() -> Tested {
    let (old, new) = (Issuer::ed25519()?, Issuer::ed25519()?);
    let server = KeyServer::start(Answer::Keys(vec![old.jwk("old")?])).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(1, 0).await?;

    server.answer(Answer::Slow(Duration::from_millis(300), vec![new.jwk("new")?]));
    let token = new.good(EdDSA, Some("new"))?;
    let known = old.good(EdDSA, Some("old"))?;
    let verified = futures_util::future::join_all((0..50).map(|_| fault(&running.verifier, &token)));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begun = Instant::now();
        (fault(&running.verifier, &known).await, begun.elapsed())
    };
    let (verified, (known, took)) = tokio::join!(verified, meanwhile);
    assert!(verified.iter().all(Option::is_none), "{verified:?}");
    assert_eq!(server.asked(), 2);
    assert_eq!(known, None);
    assert!(took < Duration::from_millis(100), "a known key waited {took:?} for a fetch");
    Ok(())
}

#[tokio::test]
async fn the_set_is_read_again_in_time() -> Tested {
    let (old, new) = (Issuer::ed25519()?, Issuer::ed25519()?);
    let server = KeyServer::start(Answer::Keys(vec![old.jwk("old")?])).await?;
    let running = run(&at(&server, Duration::from_millis(100)))?;
    running.fetched(1, 0).await?;
    assert_eq!(fault(&running.verifier, &old.good(EdDSA, Some("old"))?).await, None);

    server.answer(Answer::Keys(vec![new.jwk("new")?]));
    let before = running.fetches().0;
    running.fetched(before + 2, 0).await?;
    assert_eq!(fault(&running.verifier, &new.good(EdDSA, Some("new"))?).await, None);
    let withdrawn = old.good(EdDSA, Some("old"))?;
    assert_eq!(fault(&running.verifier, &withdrawn).await, Some(ErrorCode::TokenSignature));
    Ok(())
}

#[tokio::test]
async fn whatever_the_address_answers_known_keys_stay_good() -> Tested {
    let ed = Issuer::ed25519()?;
    let server = KeyServer::start(Answer::Keys(vec![ed.jwk("a")?])).await?;
    let running = run(&at(&server, Duration::from_millis(50)))?;
    running.fetched(1, 0).await?;
    let huge = format!(r#"{{"keys":[{}],"filler":"{}"}}"#, Issuer::ed25519()?.jwk("b")?, "x".repeat(600_000));
    for answer in [
        Answer::Status(500),
        Answer::Status(404),
        Answer::Redirect(vec![Issuer::ed25519()?.jwk("b")?]),
        Answer::Text("<html>".to_owned()),
        Answer::Text(huge),
        Answer::Keys(Vec::new()),
        Answer::Keys(vec![json!({"kty": "oct", "k": "AAAA", "kid": "a"})]),
    ] {
        server.answer(answer);
        let before = running.fetches();
        running.fetched(0, before.1 + 2).await?;
        assert_eq!(fault(&running.verifier, &ed.good(EdDSA, Some("a"))?).await, None);
    }
    server.answer(Answer::Keys(vec![ed.jwk("a")?]));
    let before = running.fetches();
    running.fetched(before.0 + 1, 0).await?;
    Ok(())
}

#[tokio::test]
async fn without_any_key_the_node_is_to_blame_and_not_the_token() -> Tested {
    let ed = Issuer::ed25519()?;
    let server = KeyServer::start(Answer::Status(503)).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(0, 1).await?;
    assert_eq!(fault(&running.verifier, &ed.good(EdDSA, Some("a"))?).await, Some(ErrorCode::Unavailable));
    assert!(!running.verifier.has_keys());
    Ok(())
}

#[tokio::test]
async fn an_address_that_never_answers_is_given_up() -> Tested {
    let ed = Issuer::ed25519()?;
    let server = KeyServer::start(Answer::Slow(Duration::from_secs(60), Vec::new())).await?;
    let running = run(&at(&server, HOUR))?;
    let begun = Instant::now();
    assert_eq!(fault(&running.verifier, &ed.good(EdDSA, Some("a"))?).await, Some(ErrorCode::Unavailable));
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_file_is_read_at_the_start_and_again_in_time() -> Tested {
    let (old, new) = (Issuer::ed25519()?, Issuer::p384()?);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("jwks-{}.json", std::process::id()));
    fs::write(&path, json!({"keys": [old.jwk("old")?]}).to_string())?;
    let config = Auth { jwks_file: Some(path.clone()), jwks_refresh: Duration::from_millis(100), ..no_keys() };
    let running = run(&config)?;
    assert!(running.verifier.has_keys());
    assert_eq!(fault(&running.verifier, &old.good(EdDSA, Some("old"))?).await, None);

    fs::write(&path, json!({"keys": [new.jwk("new")?]}).to_string())?;
    let before = running.fetches().0;
    running.fetched(before + 2, 0).await?;
    let token = new.good(new.algorithms[0], Some("new"))?;
    assert_eq!(fault(&running.verifier, &token).await, None);
    Ok(())
}

#[test]
fn a_file_without_usable_keys_is_a_fault_of_the_configuration() -> Tested {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("jwks-bad-{}.json", std::process::id()));
    fs::write(&path, "{\"keys\":[]}")?;
    for (path, expected) in [(path.as_path(), "without a key"), (Path::new("/nowhere/k.json"), "cannot be read")] {
        let config = Auth { jwks_file: Some(path.to_owned()), ..no_keys() };
        let text = verifier(&config).err().map(|faults| faults.to_string()).unwrap_or_default();
        assert!(text.contains("auth.jwks_file: found") && text.contains(expected), "{text}");
    }
    Ok(())
}
