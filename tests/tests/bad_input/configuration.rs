//! Configurations with which a node must not start, each with the keys that the complaint must name.

use wirebell_tests::node::Setup;

use crate::row::{BOGUS, Input, Row};

/// The rows.
pub(crate) fn rows() -> Vec<Row> {
    vec![
        start("nothing at all", Setup::bare(&["serve"]), &["bus.redis", "services.keys", "auth."]),
        start("no Redis", whole().unset("bus.redis"), &["bus.redis"]),
        start("no key for clients' tokens", whole().unset("auth.secret"), &["auth.secret"]),
        start("no key for services", whole().unset("services.keys"), &["services.keys"]),
        start("an unknown key", whole().set("clients.lisen", "127.0.0.1:0"), &["CLIENTS_LISEN"]),
        start("an unknown section", whole().environment("WIREBELL_CLEINTS_LISTEN", "x"), &["CLEINTS"]),
        start("an unknown key by --set", whole().argument("--set").argument("bus.redsi=x"), &["bus.redsi"]),
        start("the secret of `dev`", whole().set("auth.secret", "wirebell-dev-secret"), &["auth.secret"]),
        start("two keys for tokens", whole().set("auth.public_key", "-----BEGIN"), &["auth.public_key"]),
        start("a bad address", whole().set("clients.listen", "nowhere"), &["clients.listen"]),
        start("an address that is taken", taken(), &["127.0.0.1"]),
        start("a bad duration", whole().set("drain.window", "soon"), &["drain.window"]),
        start("a number out of bounds", whole().set("clients.max_frame_bytes", "7"), &["clients.max_frame_bytes"]),
        start("a drain longer than its deadline", whole().set("drain.deadline", "1s"), &["drain.deadline"]),
        start("a session policy of nobody", whole().set("sessions.when_full", "pray"), &["sessions.when_full"]),
        start(
            "a session policy without presence",
            whole().set("sessions.max_per_user", "3").set("presence.enabled", "false"),
            &["sessions.max_per_user"],
        ),
        start("a grace of nothing", whole().set("presence.grace", "0s"), &["presence.grace"]),
        start("a bad URL of Redis", whole().set("bus.redis", &format!("http://u:{BOGUS}@x")), &["bus.redis"]),
        start(
            "a webhook without a secret",
            whole().set("webhook.url", "http://127.0.0.1:1/"),
            &["webhook.secrets"],
        ),
        start("a webhook at no address", webhook("127.0.0.1:1", SECRET), &["webhook.url"]),
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
            "several faults at once",
            several(),
            &["clients.listen", "drain.window", "bus.redis", "services.keys"],
        ),
    ]
}

fn start(name: &str, setup: Setup, names: &'static [&'static str]) -> Row {
    Row::new(name, Input::Start { setup, names }, "refused")
}

/// Nothing would be wrong with it, save that there is no Redis: it must not come to asking for one.
fn whole() -> Setup {
    Setup::bare(&["serve"])
        .set("clients.listen", "127.0.0.1:0")
        .set("services.listen", "127.0.0.1:0")
        .set("bus.redis", "redis://127.0.0.1:1")
        .set("auth.secret", &format!("{BOGUS}-which-is-long-enough"))
        .set("services.keys", BOGUS)
}

/// Of the specification's own documents.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DEV_SECRET: &str = "whsec_d2lyZWJlbGwtZGV2LXdlYmhvb2stc2VjcmV0IQ==";

fn webhook(url: &str, secret: &str) -> Setup {
    whole().set("webhook.url", url).set("webhook.secrets", secret)
}

fn several() -> Setup {
    let setup = whole().unset("bus.redis").unset("services.keys");
    setup.set("clients.listen", "nowhere").set("drain.window", "soon")
}

fn public_key(pem: &str) -> Setup {
    whole().unset("auth.secret").set("auth.public_key", pem)
}

fn secret_file(path: &str) -> Setup {
    whole().unset("auth.secret").set("auth.secret_file", path)
}

fn with_file(path: &str) -> Setup {
    whole().argument("--config").argument(path)
}

/// A listener that stays for the rest of the process holds the address.
fn taken() -> Setup {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::mem::forget(listener);
    whole().set("clients.listen", &address)
}
