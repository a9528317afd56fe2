//! Configurations that a node must reject, each with the keys that the error must name.

use wirebell_tests::node::Setup;

use crate::row::{BOGUS, Input, Row};

/// Returns the rows.
pub(crate) fn rows() -> Vec<Row> {
    vec![
        start("nothing at all", Setup::bare(&["serve"]), &["bus.redis", "services.keys", "auth."]),
        start("no Redis", complete().unset("bus.redis"), &["bus.redis"]),
        start("no key for tokens", complete().unset("auth.secret"), &["auth.secret"]),
        start("no API key", complete().unset("services.keys"), &["services.keys"]),
        start("an unknown key", complete().set("clients.lisen", "127.0.0.1:0"), &["CLIENTS_LISEN"]),
        start("an unknown section", complete().environment("WIREBELL_CLEINTS_LISTEN", "x"), &["CLEINTS"]),
        start("an unknown key by --set", complete().argument("--set").argument("bus.redsi=x"), &["bus.redsi"]),
        start("the secret of `dev`", complete().set("auth.secret", "wirebell-dev-secret"), &["auth.secret"]),
        start("two keys for tokens", complete().set("auth.public_key", "-----BEGIN"), &["auth.public_key"]),
        start("a bad address", complete().set("clients.listen", "nowhere"), &["clients.listen"]),
        start("an address that is taken", taken(), &["127.0.0.1"]),
        start("a bad duration", complete().set("drain.window", "soon"), &["drain.window"]),
        start(
            "a number out of bounds",
            complete().set("clients.max_frame_bytes", "7"),
            &["clients.max_frame_bytes"],
        ),
        start("a drain longer than its deadline", complete().set("drain.deadline", "1s"), &["drain.deadline"]),
        start("an unknown session policy", complete().set("sessions.when_full", "pray"), &["sessions.when_full"]),
        start(
            "a session policy without presence",
            complete().set("sessions.max_per_user", "3").set("presence.enabled", "false"),
            &["sessions.max_per_user"],
        ),
        start("a grace period of zero", complete().set("presence.grace", "0s"), &["presence.grace"]),
        start("a bad URL of Redis", complete().set("bus.redis", &format!("http://u:{BOGUS}@x")), &["bus.redis"]),
        start(
            "a webhook without a secret",
            complete().set("webhook.url", "http://127.0.0.1:1/"),
            &["webhook.secrets"],
        ),
        start("a webhook with an invalid URL", webhook("127.0.0.1:1", SECRET), &["webhook.url"]),
        start(
            "a webhook with a short secret",
            webhook("http://127.0.0.1:1/", &format!("whsec_{BOGUS}")),
            &["webhook.secrets"],
        ),
        start(
            "a webhook with the secret of `dev`",
            webhook("http://127.0.0.1:1/", DEV_SECRET),
            &["webhook.secrets"],
        ),
        start("a bad key in PEM", public_key(&format!("-----BEGIN {BOGUS}")), &["auth.public_key"]),
        start("a secret's file that is not there", secret_file("/nonexistent/file"), &["auth.secret_file"]),
        start(
            "a configuration that is not there",
            with_file("/nonexistent/file.toml"),
            &["/nonexistent/file.toml"],
        ),
        start(
            "several errors at once",
            several_errors(),
            &["clients.listen", "drain.window", "bus.redis", "services.keys"],
        ),
    ]
}

fn start(name: &str, setup: Setup, names: &'static [&'static str]) -> Row {
    Row::new(name, Input::Start { setup, names }, "rejected")
}

/// Returns a complete configuration with an unreachable Redis. The node must reject the row's error
/// before it connects.
fn complete() -> Setup {
    Setup::bare(&["serve"])
        .set("clients.listen", "127.0.0.1:0")
        .set("services.listen", "127.0.0.1:0")
        .set("bus.redis", "redis://127.0.0.1:1")
        .set("auth.secret", &format!("{BOGUS}-which-is-long-enough"))
        .set("services.keys", BOGUS)
}

/// From the documents of the Standard Webhooks specification.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DEV_SECRET: &str = "whsec_d2lyZWJlbGwtZGV2LXdlYmhvb2stc2VjcmV0IQ==";

fn webhook(url: &str, secret: &str) -> Setup {
    complete().set("webhook.url", url).set("webhook.secrets", secret)
}

fn several_errors() -> Setup {
    let setup = complete().unset("bus.redis").unset("services.keys");
    setup.set("clients.listen", "nowhere").set("drain.window", "soon")
}

fn public_key(pem: &str) -> Setup {
    complete().unset("auth.secret").set("auth.public_key", pem)
}

fn secret_file(path: &str) -> Setup {
    complete().unset("auth.secret").set("auth.secret_file", path)
}

fn with_file(path: &str) -> Setup {
    complete().argument("--config").argument(path)
}

/// Returns a setup whose address is taken by a listener that stays for the rest of the process.
fn taken() -> Setup {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::mem::forget(listener);
    complete().set("clients.listen", &address)
}
