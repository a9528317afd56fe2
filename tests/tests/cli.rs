//! The command line as a developer uses it: `dev` with nothing installed, a token, a publish, a
//! listener.

use std::process::Child;
use std::time::Duration;

use serde_json::json;
use wirebell_tests::client::Client;
use wirebell_tests::log::Log;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::server_api::ServerApi;
use wirebell_tests::{TIMEOUT, eventually};

/// Starts `wirebell dev` on free ports, with a JSON log from which the ports can be read.
async fn dev() -> Node {
    let setup = Setup::bare(&["dev", "--clients-listen", "127.0.0.1:0", "--services-listen", "127.0.0.1:0"]);
    setup.argument("--set").argument("telemetry.log_format=json").start().await
}

fn run_ok(arguments: &[&str]) -> String {
    let ended = Setup::bare(arguments).run();
    assert!(ended.status.success(), "{arguments:?} ended with {}: {}", ended.status, ended.output);
    ended.output
}

fn token(arguments: &[&str]) -> String {
    let output = run_ok(&[&["token"], arguments].concat());
    let token = output.lines().find(|line| line.starts_with("eyJ")).map(str::trim).map(ToOwned::to_owned);
    token.unwrap_or_else(|| panic!("no token in {output:?}"))
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_works_with_token_and_publish_and_needs_no_setup() {
    let node = dev().await;
    let mut client = Client::connect(node.clients, &token(&["--user", "42"])).await;
    assert_eq!(client.user(), "42");

    let api = format!("http://{}", node.services);
    let data = r#"{"ok":true}"#;
    let output = run_ok(&["publish", "--url", &api, "--to", "user:42", "--type", "payment-status", "--data", data]);
    let event = client.frame("payment-status").await;
    assert_eq!(event["data"], json!({"ok": true}));
    assert!(output.contains(event["id"].as_str().expect("an id")), "{output}");

    let open = ServerApi::new(node.services, None);
    open.publish_accepted(&json!({"to": "all", "type": "t", "data": 1})).await;
    assert_eq!(client.event().await["data"], 1, "publishing is open to this machine");
}

#[tokio::test(flavor = "multi_thread")]
async fn listen_prints_received_events() {
    let node = dev().await;
    let url = format!("ws://{}/ws", node.clients);
    let log = Log::default();
    let listener = Setup::bare(&["listen", "--url", &url, "--token", &token(&["--user", "7"])]).spawn(&log);
    let _running = Running(listener);
    let open = ServerApi::new(node.services, None);
    eventually("the listener prints the event", || async {
        open.publish_accepted(&json!({"to": "user:7", "type": "hello", "data": "from-the-shell"})).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        log.text().contains("from-the-shell")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listen_with_an_invalid_token_exits() {
    let node = dev().await;
    let url = format!("ws://{}/ws", node.clients);
    let ended = Setup::bare(&["listen", "--url", &url, "--token", "garbage"]).run();
    assert!(!ended.status.success() && ended.output.contains("token_malformed"), "{}", ended.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_serves_its_page_and_two_instances_are_independent() {
    let (one, other) = (dev().await, dev().await);
    let page = ServerApi::new(one.clients, None).get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"), "{:?}", page.headers);
    let mut here = Client::connect(one.clients, &token(&["--user", "1"])).await;
    let mut there = Client::connect(other.clients, &token(&["--user", "1"])).await;
    ServerApi::new(one.services, None).publish_accepted(&json!({"to": "user:1", "type": "t", "data": 1})).await;
    assert_eq!(here.event().await["data"], 1);
    assert!(
        there.events_until_silence(wirebell_tests::SILENCE).await.is_empty(),
        "an embedded bus is one node's command_help"
    );
}

#[test]
fn help_lists_every_command_and_its_flags() {
    let help = run_ok(&["--help"]);
    for command in ["dev", "serve", "token", "publish", "listen", "explain"] {
        assert!(help.contains(command), "{command} is missing in:\n{help}");
        let command_help = run_ok(&[command, "--help"]);
        assert!(
            command_help.contains("Usage: wirebell") && command_help.contains("Options:"),
            "{command}: {command_help}"
        );
    }
    for flag in ["--config", "--set", "--redis", "--clients-listen", "--services-listen"] {
        assert!(run_ok(&["serve", "--help"]).contains(flag), "{flag}");
    }
    assert!(run_ok(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn invalid_calls_say_why_they_fail() {
    for (arguments, hint) in [
        (&["nonsense"][..], "nonsense"),
        (&["token"], "--user"),
        (&["publish", "--to", "user:42"], "--type"),
        (&["publish", "--url", "http://127.0.0.1:1", "--to", "x", "--type", "t", "--data", "1"], "`to`"),
        (&["publish", "--url", "http://127.0.0.1:1", "--to", "all", "--type", "t", "--data", "{"], "`data`"),
        (&["publish", "--url", "http://127.0.0.1:1", "--to", "all", "--type", "t", "--data", "1"], "127.0.0.1:1"),
        (&["listen", "--url", "nonsense", "--token", "x"], "--url"),
    ] {
        let ended = Setup::bare(arguments).run();
        assert!(!ended.status.success(), "{arguments:?} ended well: {}", ended.output);
        assert!(ended.output.contains(hint), "no {hint:?} for {arguments:?} in: {}", ended.output);
        assert!(!ended.output.contains("panicked"), "{arguments:?}: {}", ended.output);
    }
}

/// A developer stops `dev` with Ctrl-C. It ends soon although a client is connected.
#[tokio::test(flavor = "multi_thread")]
async fn dev_ends_on_an_interrupt() {
    let mut node = dev().await;
    let _client = Client::connect(node.clients, &token(&["--user", "1"])).await;
    node.signal("INT");
    let status = tokio::time::timeout(TIMEOUT, node.ended()).await.expect("it ends");
    assert!(status.success(), "{status}");
}
