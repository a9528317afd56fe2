//! The claims of a token: user, lifetime, issuer, audience, permissions.

use std::time::Duration;

use gateway::auth::{Grant, Minter};
use gateway::config::{Auth, Secret};
use jsonwebtoken::Algorithm::HS256;
use serde_json::{Value, json};
use wirebell_protocol::{Channel, ErrorCode};

use crate::issuer::{Issuer, raw};
use crate::{SECRET, Tested, error_code, now, verifier, verify, with_secret};

/// Signs a token with these claims, and adds a valid `sub` and `exp` if they are not set.
fn token(claims: &Value) -> Result<String, Box<dyn std::error::Error>> {
    let mut all = json!({"sub": "42", "exp": now() + 600});
    if let (Some(all), Some(claims)) = (all.as_object_mut(), claims.as_object()) {
        all.extend(claims.clone());
        all.retain(|_, value| *value != json!("absent"));
    }
    Issuer::secret().sign(HS256, None, &all)
}

#[tokio::test]
async fn claims_of_a_wrong_type_are_malformed() -> Tested {
    let verifier = verifier(&with_secret())?;
    for claims in [
        json!({"exp": "absent"}),
        json!({"exp": null}),
        json!({"exp": (now() + 600).to_string()}),
        json!({"exp": [now() + 600]}),
        json!({"nbf": "soon"}),
        json!({"sub": "absent"}),
        json!({"sub": 42}),
        json!({"sub": ""}),
        json!({"sub": "hunter2 hunter2"}),
        json!({"sub": "{hunter2}"}),
        json!({"sub": "x".repeat(300)}),
        json!({"iss": 7}),
        json!({"aud": 7}),
        json!({"aud": ["a", 7]}),
        json!({"topics": "hunter2"}),
        json!({"topics": [7]}),
        json!({"emit": "hunter2"}),
        json!({"emit": [7]}),
        json!({"device": 7}),
        json!({"device": ""}),
        json!({"device": "hunter2\n"}),
        json!({"device": "x".repeat(129)}),
    ] {
        assert_eq!(error_code(&verifier, &token(&claims)?).await, Some(ErrorCode::TokenMalformed), "{claims}");
    }
    let exp = now() + 600;
    for claims in [
        "hunter2".to_owned(),
        "null".to_owned(),
        format!(r#"["42", {exp}]"#),
        format!(r#"{{"sub":"42","sub":"1","exp":{exp}}}"#),
        format!(r#"{{"sub":"42","exp":{exp}}}}}"#),
    ] {
        let token = raw(r#"{"alg":"HS256"}"#, &claims, SECRET.as_bytes());
        assert_eq!(error_code(&verifier, &token).await, Some(ErrorCode::TokenMalformed), "{claims}");
    }
    Ok(())
}

#[tokio::test]
async fn times_are_checked_with_leeway() -> Tested {
    let verifier = verifier(&with_secret())?;
    let now = now();
    for (claims, found) in [
        (json!({"exp": now - 20}), None),
        (json!({"exp": now - 40}), Some(ErrorCode::TokenExpired)),
        (json!({"exp": 0}), Some(ErrorCode::TokenExpired)),
        (json!({"exp": -1}), Some(ErrorCode::TokenExpired)),
        (json!({"exp": u64::MAX}), None),
        (json!({"exp": 1e300}), None),
        (json!({"nbf": now + 20}), None),
        (json!({"nbf": now + 60}), Some(ErrorCode::TokenNotYetValid)),
        (json!({"nbf": now - 60}), None),
    ] {
        assert_eq!(error_code(&verifier, &token(&claims)?).await, found, "{claims}");
    }
    Ok(())
}

#[tokio::test]
async fn token_expires_exactly_without_leeway() -> Tested {
    let verifier = verifier(&Auth { leeway: Duration::ZERO, ..with_secret() })?;
    assert_eq!(error_code(&verifier, &token(&json!({"exp": now() - 1}))?).await, Some(ErrorCode::TokenExpired));
    assert_eq!(error_code(&verifier, &token(&json!({"nbf": now() + 5}))?).await, Some(ErrorCode::TokenNotYetValid));
    Ok(())
}

#[tokio::test]
async fn only_the_trusted_issuer_is_accepted() -> Tested {
    let verifier = verifier(&Auth { issuer: Some("https://id.example.com/".to_owned()), ..with_secret() })?;
    for (claims, found) in [
        (json!({"iss": "https://id.example.com/"}), None),
        (json!({"iss": "https://id.example.com"}), Some(ErrorCode::TokenClaims)),
        (json!({"iss": ""}), Some(ErrorCode::TokenClaims)),
        (json!({}), Some(ErrorCode::TokenClaims)),
        (json!({"iss": ["https://id.example.com/"]}), Some(ErrorCode::TokenMalformed)),
    ] {
        assert_eq!(error_code(&verifier, &token(&claims)?).await, found, "{claims}");
    }
    Ok(())
}

#[tokio::test]
async fn audience_must_contain_a_configured_one() -> Tested {
    let with_audience = verifier(&Auth { audience: vec!["push".to_owned(), "bell".to_owned()], ..with_secret() })?;
    let without = verifier(&with_secret())?;
    for (claims, expected, expected_without) in [
        (json!({"aud": "push"}), None, Some(ErrorCode::TokenClaims)),
        (json!({"aud": ["api", "bell"]}), None, Some(ErrorCode::TokenClaims)),
        (json!({"aud": ["api"]}), Some(ErrorCode::TokenClaims), Some(ErrorCode::TokenClaims)),
        (json!({"aud": "pushy"}), Some(ErrorCode::TokenClaims), Some(ErrorCode::TokenClaims)),
        (json!({}), Some(ErrorCode::TokenClaims), None),
    ] {
        assert_eq!(error_code(&with_audience, &token(&claims)?).await, expected, "{claims}, with an audience");
        assert_eq!(error_code(&without, &token(&claims)?).await, expected_without, "{claims}, without an audience");
    }
    Ok(())
}

#[tokio::test]
async fn minted_token_is_verified_with_all_claims() -> Tested {
    let config = Auth { issuer: Some("me".to_owned()), audience: vec!["push".to_owned()], ..with_secret() };
    let grant = Grant {
        user: "auth0|42".to_owned(),
        topics: vec!["news".to_owned(), "topic:room-*".to_owned()],
        emit: vec!["chat.*".to_owned()],
        device: Some("Anna's phone".to_owned()),
        lifetime: Duration::from_secs(3_600),
    };
    let minter = Minter::from_config(&config).ok_or("no secret to mint with")?;
    let token = minter.mint(&grant)?;
    let identity = verifier(&config)?.verify(&token).await?;
    assert_eq!((identity.user(), identity.channel.as_str()), ("auth0|42", "user:auth0|42"));
    assert_eq!(identity.device.as_deref(), Some("Anna's phone"));
    assert!(identity.expires.abs_diff(now() + 3_600) <= 2);
    assert!(identity.may_subscribe(&Channel::topic("room-7")?).is_ok());
    assert!(identity.may_subscribe(&Channel::topic("lobby")?).is_err());
    assert!(identity.may_emit("chat.send").is_ok() && identity.may_emit("chat").is_err());

    let user = String::from("4 2");
    assert!(minter.mint(&Grant { user, ..grant }).is_err(), "no node accepts a token for this user");
    Ok(())
}

#[test]
fn debug_output_contains_no_secret() -> Tested {
    let (config, minter) = (with_secret(), Minter::new(Secret::new(SECRET)));
    for shown in [format!("{config:?}"), format!("{minter:?}"), format!("{:?}", verifier(&config)?)] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn minted_token_without_permissions_is_valid() -> Tested {
    let grant = Grant {
        user: "7".to_owned(),
        topics: Vec::new(),
        emit: Vec::new(),
        device: None,
        lifetime: Duration::from_secs(60),
    };
    let token = Minter::new(Secret::new(SECRET)).mint(&grant)?;
    let identity = verify(&verifier(&with_secret())?, token.expose()).await?;
    assert!(
        identity.permissions.topics().is_empty()
            && identity.permissions.emit().is_empty()
            && identity.device.is_none()
    );
    Ok(())
}
