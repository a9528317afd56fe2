//! The configuration from the outside: files, variables and flags come in, a configuration or all
//! errors come out.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::config::{
    Config, ConfigErrors, DEV_SECRET, LogFormat, Mode, Secret, Sources, document, load, reference,
};

type Tested = Result<(), Box<dyn Error>>;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Returns a complete configuration for `serve`, with changes.
fn sources(changes: &[(&str, &str)]) -> Sources {
    let complete = [
        ("WIREBELL_BUS_REDIS", "redis://127.0.0.1:6379"),
        ("WIREBELL_AUTH_SECRET", SECRET),
        ("WIREBELL_SERVICES_KEYS", "service-key"),
    ];
    let unchanged = complete.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let env = unchanged.chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { env, ..Sources::default() }
}

fn serve(changes: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    load(&sources(changes), Mode::Serve)
}

/// Returns the errors as they are printed.
fn errors(answer: Result<Config, ConfigErrors>) -> Result<String, &'static str> {
    answer.err().map(|errors| errors.to_string()).ok_or("the configuration was accepted")
}

fn flag(key: &str, value: &str, name: &str) -> (String, String, String) {
    (key.to_owned(), value.to_owned(), name.to_owned())
}

fn file(name: &str, text: &str) -> Result<PathBuf, std::io::Error> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{}-{name}", std::process::id()));
    fs::write(&path, text)?;
    Ok(path)
}

fn from_file(name: &str, text: &str) -> Result<Sources, std::io::Error> {
    Ok(Sources { file: Some(file(name, text)?), ..Sources::default() })
}

#[test]
fn defaults_are_as_documented() -> Tested {
    let config = serve(&[])?;
    let seconds = Duration::from_secs;
    assert_eq!(config.clients.listen, "0.0.0.0:8080".parse()?);
    assert_eq!(config.clients.max_connections, 19_000);
    assert_eq!(config.clients.max_frame_bytes, 65_536);
    assert_eq!(config.clients.max_subscriptions, 100);
    assert_eq!(config.clients.auth_timeout, seconds(5));
    assert_eq!(config.clients.heartbeat, seconds(25));
    assert_eq!(config.clients.expiring_notice, seconds(60));
    assert_eq!(config.clients.allowed_origins, ["*"]);
    assert_eq!(config.clients.outbox_bytes, 262_144);
    assert_eq!(config.services.listen, "0.0.0.0:9090".parse()?);
    assert!(!config.services.open_to_loopback);
    assert_eq!((config.services.max_data_bytes, config.services.max_batch), (65_536, 1_000));
    assert!(config.auth.algorithms.is_empty() && config.auth.audience.is_empty());
    assert_eq!((config.auth.jwks_refresh, config.auth.leeway), (seconds(300), seconds(30)));
    assert_eq!(config.bus.prefix, "wb");
    assert_eq!((config.bus.log_events, config.bus.queue), (1_000, 65_536));
    assert_eq!(
        (config.bus.log_age, config.bus.seen, config.bus.linger),
        (seconds(86_400), seconds(300), seconds(5))
    );
    assert_eq!(
        (config.drain.notice, config.drain.window, config.drain.deadline),
        (seconds(5), seconds(20), seconds(45))
    );
    assert_eq!((config.telemetry.log.as_str(), config.telemetry.log_format), ("info", LogFormat::Json));
    assert_eq!((config.telemetry.service_name.as_str(), config.telemetry.otlp_endpoint), ("wirebell", None));
    assert!((config.telemetry.trace_ratio - 1.0).abs() < f64::EPSILON);
    Ok(())
}

#[test]
fn dev_requires_no_setting() -> Tested {
    let config = load(&Sources::default(), Mode::Dev)?;
    assert_eq!(config.clients.listen, "127.0.0.1:8080".parse()?);
    assert_eq!(config.services.listen, "127.0.0.1:9090".parse()?);
    assert!(config.services.open_to_loopback && config.services.keys.is_empty());
    assert_eq!(config.auth.secret.as_ref().map(Secret::expose), Some(DEV_SECRET));
    assert!(config.bus.redis.is_none());
    let drain = (config.drain.notice, config.drain.window, config.drain.deadline);
    assert_eq!(drain, (Duration::ZERO, Duration::from_secs(2), Duration::from_secs(10)));
    assert_eq!(config.telemetry.log_format, LogFormat::Text);
    Ok(())
}

#[test]
fn another_key_source_replaces_the_dev_secret() -> Tested {
    let flags = vec![flag("auth.jwks_url", "http://127.0.0.1:1/jwks", "--set auth.jwks_url")];
    let config = load(&Sources { flags, ..Sources::default() }, Mode::Dev)?;
    assert!(config.auth.secret.is_none());
    Ok(())
}

#[test]
fn later_source_overrides_earlier_ones() -> Tested {
    let text = "
        bus = { prefix = 'file', seen = '1m', linger = '1s' }
        clients = { allowed_origins = ['https://a.example'] }
    ";
    let mut sources = sources(&[("WIREBELL_BUS_PREFIX", "variable"), ("WIREBELL_BUS_SEEN", "2m")]);
    sources.file = Some(file("wins.toml", text)?);
    sources.flags = vec![flag("bus.prefix", "flag", "--set bus.prefix")];
    let config = load(&sources, Mode::Serve)?;
    assert_eq!(config.bus.prefix, "flag");
    assert_eq!(config.bus.seen, Duration::from_secs(120));
    assert_eq!(config.bus.linger, Duration::from_secs(1));
    assert_eq!(config.clients.allowed_origins, ["https://a.example"]);
    Ok(())
}

#[test]
fn empty_variable_is_ignored() -> Tested {
    let empty = ["WIREBELL_CLIENTS_LISTEN", "WIREBELL_AUTH_ISSUER", "WIREBELL_BUS_REDIS_FILE"];
    let config = serve(&empty.map(|name| (name, "")))?;
    assert_eq!(config.clients.listen, "0.0.0.0:8080".parse()?);
    assert_eq!(config.auth.issuer, None);
    Ok(())
}

#[test]
fn all_errors_are_reported_at_once_with_their_source() -> Tested {
    let text = "stray = 1\n[clients]\nlisten = 8080\nmax_conections = 5\n[drian]\nnotice = '5s'\n";
    let path = file("errors.toml", text)?;
    let env = [("WIREBELL_BUS_SEEN", "five minutes"), ("WIREBELL_CLIENTS_LISTNE", "127.0.0.1:0"), ("HOME", "/")];
    let sources = Sources {
        file: Some(path.clone()),
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        flags: vec![flag("clients.max_frame_bytes", "0", "--set clients.max_frame_bytes")],
    };
    let text = errors(load(&sources, Mode::Serve))?;
    let at = format!("(file {}): found", path.display());
    for line in [
        "the configuration has 10 errors:",
        &format!("clients.listen {at} the integer `8080`, expected an IP address and a port"),
        &format!(
            "clients.max_conections {at} an unknown key, expected a known one; did you mean clients.max_connections?"
        ),
        &format!("drian.notice {at} an unknown key, expected a known one; did you mean drain.notice?"),
        &format!("stray {at} a key outside a section"),
        "bus.seen (environment variable WIREBELL_BUS_SEEN): found `five minutes`, expected a duration from 1s to 7d",
        "WIREBELL_CLIENTS_LISTNE: found an unknown variable, expected a known one; did you mean WIREBELL_CLIENTS_LISTEN?",
        "clients.max_frame_bytes (flag --set clients.max_frame_bytes): found `0`, expected a whole number from 1024",
        "services.keys: found nothing, expected at least one key",
        "auth: found nothing, expected exactly one key source",
        "bus.redis: found nothing, expected the URL of Redis",
        "docs/configuration.md",
    ] {
        assert!(text.contains(line), "missing: {line}\nin: {text}");
    }
    assert_eq!(text.lines().count(), 12, "{text}");
    Ok(())
}

#[test]
fn each_mistake_is_one_error() -> Tested {
    for (name, value, expected) in [
        ("WIREBELL_AUTH_SECRET", DEV_SECRET, "a secret of your own"),
        ("WIREBELL_AUTH_SECRET", "fifteen-bytes-x", "at least 16 bytes"),
        ("WIREBELL_AUTH_ALGORITHMS", "HS256,none", "found `none`, expected names among HS256"),
        ("WIREBELL_AUTH_JWKS_FILE", "/keys.json", "only one of auth.secret, auth.public_key"),
        ("WIREBELL_BUS_REDIS", "http://redis:6379", "one of the schemes redis, rediss"),
        ("WIREBELL_BUS_REDIS", "redis://", "a URL with a host"),
        ("WIREBELL_BUS_REDIS", "redis-sentinel://a:26379", "`?sentinelServiceName=` in the URL"),
        ("WIREBELL_BUS_REDIS", "redis-cluster://a:6379?node=b", "`host:port` as each `node`"),
        ("WIREBELL_BUS_PREFIX", "a b", "found `a b`, expected 1 to 32 characters"),
        ("WIREBELL_SERVICES_KEYS", "two words", "visible ASCII characters"),
        ("WIREBELL_SERVICES_KEYS", ",", "at least one key"),
        ("WIREBELL_SERVICES_LISTEN", "127.0.0.1:8080", "a port other than that of clients.listen"),
        ("WIREBELL_CLIENTS_HEARTBEAT", "999ms", "a duration from 1s"),
        ("WIREBELL_CLIENTS_ALLOWED_ORIGINS", "*,https://a.example", "either `*` alone"),
        ("WIREBELL_CLIENTS_ALLOWED_ORIGINS", "https://a.example/x", "an origin: `http` or `https`"),
        ("WIREBELL_DRAIN_DEADLINE", "24s", "at least drain.notice and drain.window together, 25s"),
        ("WIREBELL_TELEMETRY_LOG", "gateway=loud", "a level"),
        ("WIREBELL_TELEMETRY_LOG_FORMAT", "xml", "one of json, text"),
        ("WIREBELL_TELEMETRY_OTLP_ENDPOINT", "collector:4318", "a URL with http"),
        ("WIREBELL_TELEMETRY_TRACE_RATIO", "1.5", "a number from 0 to 1"),
        ("WIREBELL_SERVICES_OPEN_TO_LOOPBACK", "yes", "true or false"),
    ] {
        let text = errors(serve(&[(name, value)]))?;
        assert!(text.contains(expected) && text.contains("has 1 error:"), "{name}={value}: {text}");
    }
    Ok(())
}

#[test]
fn jwks_url_must_be_https_or_loopback() -> Tested {
    for (url, valid) in [
        ("https://id.example.com/jwks", true),
        ("http://127.0.0.1:8000/jwks", true),
        ("http://id.example.com/jwks", false),
        ("https://user:hunter2@id.example.com/jwks", false),
    ] {
        let answer = serve(&[("WIREBELL_AUTH_SECRET", ""), ("WIREBELL_AUTH_JWKS_URL", url)]);
        assert_eq!(answer.is_ok(), valid, "{url}");
        assert!(valid || !errors(answer)?.contains("hunter2"));
    }
    Ok(())
}

#[test]
fn redis_deployments_are_selected_by_scheme() -> Tested {
    for (scheme, query) in [
        ("redis", ""),
        ("rediss", ""),
        ("redis-cluster", "?node=10.0.0.2:6379"),
        ("rediss-sentinel", "?sentinelServiceName=main&node=b:26379"),
    ] {
        let url = format!("{scheme}://:password@redis.internal:6379/0{query}");
        let config = serve(&[("WIREBELL_BUS_REDIS", &url)])?;
        assert_eq!(config.bus.redis.map(|redis| redis.expose().to_owned()), Some(url));
    }
    Ok(())
}

#[test]
fn secrets_are_read_from_files() -> Tested {
    let (secret, keys) = (file("secret", &format!("{SECRET}\n"))?, file("keys", "first\n\n  second  \n")?);
    let config = serve(&[
        ("WIREBELL_AUTH_SECRET", ""),
        ("WIREBELL_AUTH_SECRET_FILE", &secret.to_string_lossy()),
        ("WIREBELL_SERVICES_KEYS", ""),
        ("WIREBELL_SERVICES_KEYS_FILE", &keys.to_string_lossy()),
    ])?;
    assert_eq!(config.auth.secret.as_ref().map(Secret::expose), Some(SECRET));
    let keys: Vec<_> = config.services.keys.iter().map(Secret::expose).collect();
    assert_eq!(keys, ["first", "second"]);
    Ok(())
}

#[test]
fn a_secret_file_must_exist_and_be_the_only_source() -> Tested {
    let (empty, full) = (file("empty", " \n")?, file("full", SECRET)?);
    let name = "WIREBELL_AUTH_SECRET_FILE";
    for (direct, path, expected) in [
        ("", Path::new("/nowhere/secret"), "found no such file at /nowhere/secret"),
        ("", &empty, "found an empty file"),
        (SECRET, &full, "found also auth.secret_file"),
    ] {
        let text = errors(serve(&[("WIREBELL_AUTH_SECRET", direct), (name, &path.to_string_lossy())]))?;
        assert!(text.contains(expected) && text.contains(name), "{}: {text}", path.display());
        assert!(text.contains("has 1 error:") && !text.contains(SECRET), "{}: {text}", path.display());
    }
    Ok(())
}

#[test]
fn errors_and_debug_output_show_no_secret() -> Tested {
    let wrong_types = "
        auth = { secret = ['hunter2'] }
        services = { keys = 7777 }
        bus = { redis = 'hunter2', redsi = 'hunter2' }
    ";
    let text = errors(load(&from_file("secrets.toml", wrong_types)?, Mode::Serve))?;
    assert!(!text.contains("hunter2") && !text.contains("7777"), "{text}");

    let broken = from_file("broken.toml", "[auth]\nsecret = 'hunter2\n")?;
    let text = errors(load(&broken, Mode::Serve))?;
    assert!(text.contains("a syntax error in line 2") && !text.contains("hunter2"), "{text}");

    let shown = format!("{:?}", serve(&[("WIREBELL_BUS_REDIS", "redis://:hunter2@localhost")])?);
    assert!(!shown.contains("hunter2") && !shown.contains(SECRET) && !shown.contains("service-key"), "{shown}");
    Ok(())
}

#[test]
fn variables_of_kubernetes_and_tests_are_ignored() -> Tested {
    serve(&[
        ("WIREBELL_CONFIG", "/etc/wirebell.toml"),
        ("WIREBELL_TEST_ANYTHING", "x"),
        ("WIREBELL_SERVICE_HOST", "10.0.0.1"),
        ("WIREBELL_SERVICES_PORT_9090_TCP_ADDR", "10.0.0.1"),
        ("WIREBELL_CLIENTS_PORT", "tcp://10.0.0.1:8080"),
    ])?;
    Ok(())
}

#[test]
fn an_unreadable_file_is_an_error() -> Tested {
    let sources = Sources { file: Some("/nowhere/wirebell.toml".into()), ..sources(&[]) };
    let text = errors(load(&sources, Mode::Serve))?;
    assert!(text.contains("found no such file, expected a readable TOML file"), "{text}");
    Ok(())
}

#[test]
fn reference_contains_every_section() {
    let text = reference();
    for key in ["clients.listen", "services.keys", "auth.jwks_url", "bus.redis", "drain.window", "telemetry.log"] {
        assert!(text.contains(key), "{key}");
    }
}

/// `UPDATE=1` regenerates the page.
#[test]
fn documentation_page_is_up_to_date() -> Tested {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, document())?;
    }
    let page = fs::read_to_string(&path)?;
    assert!(page == document(), "docs/configuration.md is out of date; UPDATE=1 regenerates it");
    Ok(())
}
