//! The cost of verifying a token's signature and claims, by algorithm.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has to fail")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use gateway::auth::{Token, Verifier};
use gateway::config::{Auth, Secret};
use wirebell_benches::token::Issuer;

fn verifier(issuer: &Issuer) -> Verifier {
    let config = Auth {
        algorithms: Vec::new(),
        secret: issuer.secret().map(Secret::new),
        public_key: issuer.public().map(str::to_owned),
        jwks_file: None,
        jwks_url: None,
        jwks_refresh: Duration::from_secs(300),
        issuer: None,
        audience: Vec::new(),
        leeway: Duration::from_secs(30),
    };
    Verifier::new(&config, Arc::new(|_| {})).unwrap()
}

fn tokens(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("token");
    for (name, issuer) in [("HS256", Issuer::hs256()), ("ES256", Issuer::es256().unwrap())] {
        let verifier = verifier(&issuer);
        let token = Token::new(issuer.token(&serde_json::json!({}), "u42").unwrap());
        group.bench_function(name, |bench| {
            // With a configured key, verification never waits.
            bench.iter(|| verifier.verify(black_box(&token)).now_or_never().unwrap().unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, tokens);
criterion_main!(benches);
