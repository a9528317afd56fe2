//! Connecting: which URLs and credentials are rejected, with which message, and that no message
//! contains a secret.

use std::time::Duration;

use crate::support::{Redis, numbered};
use wirebell_publisher::{ConnectError, Flushed, PublishError, Publisher};

const SECRET: &str = "hunter2";

#[tokio::test]
async fn bad_url_is_rejected_with_the_expected_form() {
    for (url, found) in [
        ("", "no scheme"),
        ("127.0.0.1:6379", "no scheme"),
        ("user:hunter2@127.0.0.1", "no scheme"),
        ("hunter2://127.0.0.1", "another scheme"),
        ("amqp://user:hunter2@127.0.0.1", "another scheme"),
        ("redis://", "no host"),
        ("redis://user:hunter2@127.0.0.1:99999", "cannot be parsed"),
        ("redis://user:hunter2@127.0.0.1/orders", "database"),
        ("rediss://user:hunter2@127.0.0.1/#insecure", "certificates are always checked"),
        ("redis://127.0.0.1/?protocol=hunter2", "not a valid Redis URL"),
        ("http://", "cannot be parsed"),
        ("http://user:hunter2@127.0.0.1:9090", "API key"),
        ("http://127.0.0.1:9090/?key=hunter2", "query"),
    ] {
        let error = Publisher::connect(url).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, ConnectError::Url { .. }), "{url}: {text}");
        assert!(text.contains("expected `redis://") && text.contains(found), "{url}: {text}");
        assert!(!text.contains(SECRET), "{url}: {text}");
    }
}

#[tokio::test]
async fn wrong_password_is_reported_at_once_and_never_shown() {
    let redis = Redis::start(&["--requirepass", "correct-horse"]);
    let at = |user: &str| format!("redis://{user}127.0.0.1:{}", redis.port);
    for url in [at(":hunter2@"), at("somebody:hunter2@"), at("")] {
        let error = Publisher::connect(&url).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(&error, ConnectError::Refused(refusal) if refusal.status.is_none()), "{text}");
        assert!(text.contains("password") || text.contains("Authentication required"), "{text}");
        assert!(!text.contains(SECRET) && !text.contains("correct-horse"), "{text}");

        let lazy = Publisher::builder(&url).connect_lazy().unwrap();
        let error = lazy.publish(numbered("user:1", 1)).await.unwrap_err();
        assert!(matches!(error, PublishError::Refused(_)), "{error:?}");
        assert!(!format!("{lazy:?} {:?}", Publisher::builder(&url)).contains(SECRET));
    }
    let publisher = Publisher::connect(&at(":correct-horse@")).await.unwrap();
    publisher.publish(numbered("user:1", 1)).await.unwrap();
    assert!(!format!("{publisher:?}").contains("correct-horse"));
}

#[tokio::test]
async fn enqueued_events_wait_until_a_wrong_password_is_fixed() {
    let redis = Redis::start(&["--requirepass", "correct-horse"]);
    let url = format!("redis://:hunter2@127.0.0.1:{}", redis.port);
    let publisher = Publisher::builder(&url).connect_lazy().unwrap();
    assert!(publisher.enqueue(numbered("user:1", 1)).is_accepted());
    assert_eq!(publisher.flush(Duration::from_millis(200)).await, Flushed::TimedOut { waiting: 1 });
    let admin = redis::Client::open(format!("redis://:correct-horse@127.0.0.1:{}", redis.port)).unwrap();
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("requirepass")
        .arg(SECRET)
        .exec(&mut admin.get_connection().unwrap())
        .unwrap();
    assert_eq!(publisher.flush(Duration::from_secs(10)).await, Flushed::Done);
}

#[tokio::test]
async fn redis_without_sharded_pub_sub_is_rejected_as_too_old() {
    let redis = Redis::start(&["--rename-command", "SPUBLISH", ""]);
    let error = Publisher::connect(&redis.url()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused(refusal) if refusal.code == "too_old"), "{error}");
}

#[tokio::test]
async fn prefix_separates_installations_and_invalid_options_are_rejected() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::builder(&redis.url()).prefix("shop").connect().await.unwrap();
    publisher.publish(numbered("user:1", 1)).await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*:log").query(&mut redis.client()).unwrap();
    assert_eq!(keys, ["shop:{user:1}:log"]);
    let error = Publisher::builder(&redis.url()).prefix("a b").connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Prefix(_)), "{error}");
    let error = Publisher::builder("http://127.0.0.1:9").service_key("a\nb").connect().await.unwrap_err();
    assert_eq!(error, ConnectError::ServiceKey);
}

#[tokio::test]
async fn silent_server_is_reported_as_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            open.push(socket);
        }
    });
    for url in [format!("redis://{address}"), format!("rediss://{address}"), format!("https://{address}")] {
        let patience = Duration::from_millis(100);
        let builder = Publisher::builder(&url).connect_timeout(patience).timeout(Duration::from_secs(1));
        let publisher = builder.connect().await.unwrap();
        let error = publisher.publish(numbered("user:1", 1)).await.unwrap_err();
        assert!(matches!(error, PublishError::Unavailable { .. }), "{url}: {error:?}");
    }
    silent.abort();
}

#[test]
fn connect_without_a_runtime_returns_an_error() {
    let error = Publisher::builder("redis://127.0.0.1:9").connect_lazy().unwrap_err();
    assert_eq!(error, ConnectError::Runtime);
}
