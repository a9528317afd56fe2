//! Peers that `benches/peers/<name>/install` puts into `target/peers/<name>`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Context, Failure, Result};
use crate::peer::RunConfig;

/// Returns this repository's folder of a peer: its `install`, its configuration or our server.
pub(super) fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// Returns the folder into which `install` puts it, whatever the target folder of this build.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers").join(name)
}

/// Installs a peer unless it is installed.
pub(super) fn install(name: &str) -> Result<()> {
    let status = Command::new(sources(name).join("install")).status().context(|| format!("installing {name}"))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("cannot install {name}: {status}"))) }
}

/// Returns the output of a program.
pub(super) fn printed(program: &mut Command) -> Result<String> {
    let output = program.output().context(|| format!("running {}", program.get_program().display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Sets the environment of our servers: in Node.js on `ws` and `socket.io`, in Go on `centrifuge`.
pub(super) fn environment(program: &mut Command, config: &RunConfig) {
    let (algorithm, key) = match (config.issuer.secret(), config.issuer.public()) {
        (Some(secret), _) => ("HS256", secret),
        (None, public) => ("ES256", public.unwrap_or_default()),
    };
    program
        .env("PORT", config.clients.to_string())
        .env("REDIS_URL", format!("redis://127.0.0.1:{}", config.redis))
        .env("JWT_ALGORITHM", algorithm)
        .env("JWT_KEY", key)
        .env("HEARTBEAT", config.heartbeat.to_string());
}

/// Returns the command of a server in Node.js.
pub(super) fn node(name: &str, config: &RunConfig) -> Command {
    let mut program = Command::new("node");
    program.arg(folder(name).join("server.js")).env("NODE_ENV", "production");
    environment(&mut program, config);
    program
}

/// Returns the versions of these packages of a server in Node.js, and of Node.js.
pub(super) fn node_versions(name: &str, packages: &[&str]) -> Result<String> {
    let mut versions = Vec::new();
    for package in packages {
        let path = folder(name).join("node_modules").join(package).join("package.json");
        let text = std::fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
        let manifest: serde_json::Value = serde_json::from_str(&text)?;
        versions.push(format!("{package} {}", manifest["version"].as_str().unwrap_or("?")));
    }
    versions.push(format!("Node.js {}", printed(Command::new("node").arg("--version"))?));
    Ok(versions.join(", "))
}
