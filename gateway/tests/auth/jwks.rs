//! A key set over real HTTP: rotation, failures, and tokens with unknown keys.

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
use crate::{Tested, error_code, no_keys, verifier};

/// A verifier with its refresher, which runs until this is dropped.
struct Running {
    verifier: Verifier,
    succeeded: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    refresher: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.refresher.abort();
    }
}

fn run(config: &Auth) -> Result<Running, Box<dyn Error>> {
    let (succeeded, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = (Arc::clone(&succeeded), Arc::clone(&failed));
    let on_fetch = move |ok: bool| {
        (if ok { &count.0 } else { &count.1 }).fetch_add(1, Ordering::SeqCst);
    };
    let verifier = Verifier::new(config, Arc::new(on_fetch))?;
    let refresher = tokio::spawn(verifier.refresher());
    Ok(Running { verifier, succeeded, failed, refresher })
}

fn at(server: &KeyServer, refresh: Duration) -> Auth {
    Auth { jwks_url: Some(server.url.clone()), jwks_refresh: refresh, ..no_keys() }
}

const HOUR: Duration = Duration::from_secs(3_600);

impl Running {
    fn fetches(&self) -> (usize, usize) {
        (self.succeeded.load(Ordering::SeqCst), self.failed.load(Ordering::SeqCst))
    }

    /// Waits for this many successful and failed fetches.
    async fn fetched(&self, succeeded: usize, failed: usize) -> Result<(), String> {
        until(|| async {
            let fetches = self.fetches();
            fetches.0 >= succeeded && fetches.1 >= failed
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
async fn key_is_selected_by_kid_and_bound_to_its_algorithms() -> Tested {
    let (rsa, ec, ed) = (Issuer::rsa(KeySize::Rsa2048)?, Issuer::p256()?, Issuer::ed25519()?);
    let server = KeyServer::start(Answer::Keys(vec![rsa.jwk("r")?, ec.jwk("e")?, ed.jwk("d")?])).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(1, 0).await?;
    for (token, found) in [
        (rsa.valid(RS256, Some("r"))?, None),
        (rsa.valid(PS256, Some("r"))?, None),
        (ec.valid(ES256, Some("e"))?, None),
        (ed.valid(EdDSA, Some("d"))?, None),
        (ed.valid(EdDSA, None)?, None),
        (rsa.valid(RS256, Some("e"))?, Some(ErrorCode::TokenAlgorithm)),
        (Issuer::p256()?.valid(ES256, Some("e"))?, Some(ErrorCode::TokenSignature)),
        (Issuer::secret().valid(HS256, Some("r"))?, Some(ErrorCode::TokenAlgorithm)),
    ] {
        assert_eq!(error_code(&running.verifier, &token).await, found);
    }
    assert_eq!(server.requests(), 1, "known keys cause no request");
    Ok(())
}

#[tokio::test]
async fn symmetric_key_from_a_url_is_ignored() -> Tested {
    let oct = json!({"kty": "oct", "kid": "o", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"});
    let server = KeyServer::start(Answer::Keys(vec![oct, Issuer::ed25519()?.jwk("d")?])).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(1, 0).await?;
    let token = Issuer::secret().valid(HS256, Some("o"))?;
    assert_eq!(error_code(&running.verifier, &token).await, Some(ErrorCode::TokenAlgorithm));
    Ok(())
}

#[tokio::test]
async fn first_token_waits_for_the_first_fetch() -> Tested {
    let ed = Issuer::ed25519()?;
    let server = KeyServer::start(Answer::Slow(Duration::from_millis(300), vec![ed.jwk("a")?])).await?;
    let running = run(&at(&server, HOUR))?;
    assert!(!running.verifier.has_keys());
    assert_eq!(error_code(&running.verifier, &ed.valid(EdDSA, Some("a"))?).await, None);
    assert!(running.verifier.has_keys());
    Ok(())
}

#[tokio::test]
async fn unknown_key_causes_a_fetch_with_a_rate_limit() -> Tested {
    let (old, new) = (Issuer::ed25519()?, Issuer::ed25519()?);
    let server = KeyServer::start(Answer::Keys(vec![old.jwk("old")?])).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(1, 0).await?;

    server.set_answer(Answer::Keys(vec![old.jwk("old")?, new.jwk("new")?]));
    assert_eq!(error_code(&running.verifier, &new.valid(EdDSA, Some("new"))?).await, None);
    assert_eq!(error_code(&running.verifier, &old.valid(EdDSA, Some("old"))?).await, None);
    assert_eq!(server.requests(), 2);

    let started = Instant::now();
    for _ in 0..50 {
        let unknown = new.valid(EdDSA, Some("unknown"))?;
        assert_eq!(error_code(&running.verifier, &unknown).await, Some(ErrorCode::TokenSignature));
    }
    assert_eq!(server.requests(), 2, "an unknown key causes no second fetch so soon");
    assert!(started.elapsed() < Duration::from_secs(3), "tokens with an unknown key do not wait");
    Ok(())
}

#[tokio::test]
async fn concurrent_unknown_keys_cause_one_fetch() -> Tested {
    let (old, new) = (Issuer::ed25519()?, Issuer::ed25519()?);
    let server = KeyServer::start(Answer::Keys(vec![old.jwk("old")?])).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(1, 0).await?;

    server.set_answer(Answer::Slow(Duration::from_millis(300), vec![new.jwk("new")?]));
    let token = new.valid(EdDSA, Some("new"))?;
    let known = old.valid(EdDSA, Some("old"))?;
    let verified = futures_util::future::join_all((0..50).map(|_| error_code(&running.verifier, &token)));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let started = Instant::now();
        (error_code(&running.verifier, &known).await, started.elapsed())
    };
    let (verified, (known, took)) = tokio::join!(verified, meanwhile);
    assert!(verified.iter().all(Option::is_none), "{verified:?}");
    assert_eq!(server.requests(), 2);
    assert_eq!(known, None);
    assert!(took < Duration::from_millis(100), "a known key waited {took:?} for a fetch");
    Ok(())
}

#[tokio::test]
async fn key_set_is_refreshed_at_its_interval() -> Tested {
    let (old, new) = (Issuer::ed25519()?, Issuer::ed25519()?);
    let server = KeyServer::start(Answer::Keys(vec![old.jwk("old")?])).await?;
    let running = run(&at(&server, Duration::from_millis(100)))?;
    running.fetched(1, 0).await?;
    assert_eq!(error_code(&running.verifier, &old.valid(EdDSA, Some("old"))?).await, None);

    server.set_answer(Answer::Keys(vec![new.jwk("new")?]));
    let before = running.fetches().0;
    running.fetched(before + 2, 0).await?;
    assert_eq!(error_code(&running.verifier, &new.valid(EdDSA, Some("new"))?).await, None);
    let withdrawn = old.valid(EdDSA, Some("old"))?;
    assert_eq!(error_code(&running.verifier, &withdrawn).await, Some(ErrorCode::TokenSignature));
    Ok(())
}

#[tokio::test]
async fn known_keys_stay_valid_after_a_failed_fetch() -> Tested {
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
        server.set_answer(answer);
        let before = running.fetches();
        running.fetched(0, before.1 + 2).await?;
        assert_eq!(error_code(&running.verifier, &ed.valid(EdDSA, Some("a"))?).await, None);
    }
    server.set_answer(Answer::Keys(vec![ed.jwk("a")?]));
    let before = running.fetches();
    running.fetched(before.0 + 1, 0).await?;
    Ok(())
}

#[tokio::test]
async fn missing_keys_are_reported_as_unavailable() -> Tested {
    let ed = Issuer::ed25519()?;
    let server = KeyServer::start(Answer::Status(503)).await?;
    let running = run(&at(&server, HOUR))?;
    running.fetched(0, 1).await?;
    assert_eq!(error_code(&running.verifier, &ed.valid(EdDSA, Some("a"))?).await, Some(ErrorCode::Unavailable));
    assert!(!running.verifier.has_keys());
    Ok(())
}

#[tokio::test]
async fn fetch_without_an_answer_times_out() -> Tested {
    let ed = Issuer::ed25519()?;
    let server = KeyServer::start(Answer::Slow(Duration::from_secs(60), Vec::new())).await?;
    let running = run(&at(&server, HOUR))?;
    let started = Instant::now();
    assert_eq!(error_code(&running.verifier, &ed.valid(EdDSA, Some("a"))?).await, Some(ErrorCode::Unavailable));
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn key_file_is_read_at_start_and_at_its_interval() -> Tested {
    let (old, new) = (Issuer::ed25519()?, Issuer::p384()?);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("jwks-{}.json", std::process::id()));
    fs::write(&path, json!({"keys": [old.jwk("old")?]}).to_string())?;
    let config = Auth { jwks_file: Some(path.clone()), jwks_refresh: Duration::from_millis(100), ..no_keys() };
    let running = run(&config)?;
    assert!(running.verifier.has_keys());
    assert_eq!(error_code(&running.verifier, &old.valid(EdDSA, Some("old"))?).await, None);

    fs::write(&path, json!({"keys": [new.jwk("new")?]}).to_string())?;
    let before = running.fetches().0;
    running.fetched(before + 2, 0).await?;
    let token = new.valid(new.algorithms[0], Some("new"))?;
    assert_eq!(error_code(&running.verifier, &token).await, None);
    Ok(())
}

#[test]
fn key_file_without_usable_keys_is_a_configuration_error() -> Tested {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("jwks-bad-{}.json", std::process::id()));
    fs::write(&path, "{\"keys\":[]}")?;
    for (path, expected) in [(path.as_path(), "without a key"), (Path::new("/nowhere/k.json"), "cannot be read")] {
        let config = Auth { jwks_file: Some(path.to_owned()), ..no_keys() };
        let text = verifier(&config).err().map(|errors| errors.to_string()).unwrap_or_default();
        assert!(text.contains("auth.jwks_file: found") && text.contains(expected), "{text}");
    }
    Ok(())
}
