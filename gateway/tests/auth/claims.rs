//! What a token says about its bearer, its time, its issuer and its audience.

use std::time::Duration;

use gateway::auth::{Grant, Minter};
use gateway::config::{Auth, Secret};
use jsonwebtoken::Algorithm::HS256;
use serde_json::{Value, json};
use wirebell_protocol::{Channel, ErrorCode};

use crate::issuer::{Issuer, raw};
use crate::{SECRET, Tested, fault, now, verifier, verify, with_secret};

/// A token of the secret with those claims, to which a good `sub` and `exp` are added where they are not set.
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
        assert_eq!(fault(&verifier, &token(&claims)?).await, Some(ErrorCode::TokenMalformed), "{claims}");
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
        assert_eq!(fault(&verifier, &token).await, Some(ErrorCode::TokenMalformed), "{claims}");
    }
    Ok(())
}

#[tokio::test]
async fn time_is_checked_with_leeway() -> Tested {
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
        assert_eq!(fault(&verifier, &token(&claims)?).await, found, "{claims}");
    }
    Ok(())
}

#[tokio::test]
async fn without_leeway_the_end_is_the_end() -> Tested {
    let verifier = verifier(&Auth { leeway: Duration::ZERO, ..with_secret() })?;
    assert_eq!(fault(&verifier, &token(&json!({"exp": now() - 1}))?).await, Some(ErrorCode::TokenExpired));
    assert_eq!(fault(&verifier, &token(&json!({"nbf": now() + 5}))?).await, Some(ErrorCode::TokenNotYetValid));
    Ok(())
}

#[tokio::test]
async fn the_issuer_must_be_the_one_that_is_trusted() -> Tested {
    let verifier = verifier(&Auth { issuer: Some("https://id.example.com/".to_owned()), ..with_secret() })?;
    for (claims, found) in [
        (json!({"iss": "https://id.example.com/"}), None),
        (json!({"iss": "https://id.example.com"}), Some(ErrorCode::TokenClaims)),
        (json!({"iss": ""}), Some(ErrorCode::TokenClaims)),
        (json!({}), Some(ErrorCode::TokenClaims)),
        (json!({"iss": ["https://id.example.com/"]}), Some(ErrorCode::TokenMalformed)),
    ] {
        assert_eq!(fault(&verifier, &token(&claims)?).await, found, "{claims}");
    }
    Ok(())
}

#[tokio::test]
async fn the_audience_must_contain_ours() -> Tested {
    let ours = verifier(&Auth { audience: vec!["push".to_owned(), "bell".to_owned()], ..with_secret() })?;
    let none = verifier(&with_secret())?;
    for (claims, with_ours, with_none) in [
        (json!({"aud": "push"}), None, Some(ErrorCode::TokenClaims)),
        (json!({"aud": ["api", "bell"]}), None, Some(ErrorCode::TokenClaims)),
        (json!({"aud": ["api"]}), Some(ErrorCode::TokenClaims), Some(ErrorCode::TokenClaims)),
        (json!({"aud": "pushy"}), Some(ErrorCode::TokenClaims), Some(ErrorCode::TokenClaims)),
        (json!({}), Some(ErrorCode::TokenClaims), None),
    ] {
        assert_eq!(fault(&ours, &token(&claims)?).await, with_ours, "{claims}, expected");
        assert_eq!(fault(&none, &token(&claims)?).await, with_none, "{claims}, none expected");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_minted_is_what_is_verified() -> Tested {
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
    assert!(minter.mint(&Grant { user, ..grant }).is_err(), "a token that no node would take");
    Ok(())
}

#[test]
fn nothing_shows_the_secret() -> Tested {
    let (config, minter) = (with_secret(), Minter::new(Secret::new(SECRET)));
    for shown in [format!("{config:?}"), format!("{minter:?}"), format!("{:?}", verifier(&config)?)] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_minted_for_nobody_else_is_good_at_once() -> Tested {
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
        identity.permits.topics().is_empty() && identity.permits.emit().is_empty() && identity.device.is_none()
    );
    Ok(())
}
