"""Starts what `live` checks: Redis as in Compose, three nodes, Prometheus as deployed, and traffic."""

import functools
import http.server
import json
import os
import re
import shutil
import threading
import urllib.parse
from pathlib import Path

import jwt
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from . import compose, kubernetes
from .processes import FOLDER, before_stop, free_port, http as request, listening, start, until
from .report import DEPLOY, ROOT, CheckFailure, expect
from .traffic import Node, Traffic

PASSWORD = "a-password-for-this-run-only"
SERVICE_KEY = "a-service-key-for-this-run-only"
SECRET = "a-secret-for-this-run-only-of-32-bytes"
ISSUER = "https://login.example.com"


def binary():
    path = Path(os.environ.get("WIREBELL_BIN", ROOT / "target/release/wirebell")).resolve()
    expect(path.is_file(), f"no binary at {path}: build it, or set WIREBELL_BIN")
    return path


class Testbed:
    """The running processes and threads."""

    def __init__(self):
        self.private = rsa.generate_private_key(65537, 2048)
        self.secrets = self._secrets()
        self.redis_port, self.redis = self._redis()
        (self.secrets / "redis-url").write_text(f"redis://:{PASSWORD}@127.0.0.1:{self.redis_port}\n")
        self.keys = self._keys()
        self.processes, self.nodes = {}, []
        for name, env in self._environments().items():
            self._node(name, env)
        self.traffic = Traffic(self.nodes, SERVICE_KEY)
        self.traffic.start()
        before_stop(self.traffic.stop)
        self.prometheus = self._prometheus()

    def _secrets(self):
        folder = FOLDER / "secrets"
        folder.mkdir()
        public = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for name, text in {
            "services-keys": f"{SERVICE_KEY}\n",
            "auth-secret": f"{SECRET}\n",
            "auth-public-key.pem": public.decode(),
            "redis-auth": f"requirepass {PASSWORD}\n",
        }.items():
            (folder / name).write_text(text)
        return folder

    def _redis(self):
        conf = (DEPLOY / "compose" / "redis.conf").read_text()
        for old, new in (("dir /data", f"dir {FOLDER}"), ("/run/secrets", str(self.secrets))):
            expect(old in conf, f"redis.conf no longer has {old}")
            conf = conf.replace(old, new)
        (FOLDER / "redis.conf").write_text(conf)
        port = free_port()
        redis = start("redis", ["redis-server", FOLDER / "redis.conf", "--port", port, "--bind", "127.0.0.1"])
        until("Redis is ready", lambda: "Ready to accept connections" in redis.log.read_text())
        return port, redis

    def _keys(self):
        """Serves the public key as a JWKS."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key()))
        text = json.dumps({"keys": [{**key, "kid": "1", "use": "sig", "alg": "RS256"}]}).encode()

        class Keys(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def _environments(self):
        """Returns the deployed environments, with the secret files in another folder."""
        cluster = kubernetes.environment(kubernetes.example())
        cluster = {key: value.replace("/etc/wirebell/secrets", str(self.secrets)) for key, value in cluster.items()}
        service = compose.nodes(compose.load())["wirebell-1"]
        composed = {k: v.replace("/run/secrets", str(self.secrets)) for k, v in service["environment"].items()}
        # The alternative that deployment.yaml describes: keys from a URL.
        keys = {key: value for key, value in cluster.items() if key != "WIREBELL_AUTH_PUBLIC_KEY_FILE"}
        keys["WIREBELL_AUTH_JWKS_URL"] = f"http://127.0.0.1:{self.keys.server_port}/jwks.json"
        keys["WIREBELL_AUTH_JWKS_REFRESH"] = "1s"
        return {"kubernetes": cluster, "compose": composed, "jwks": keys}

    def _node(self, name, env):
        listen = {"WIREBELL_CLIENTS_LISTEN": "127.0.0.1:0", "WIREBELL_SERVICES_LISTEN": "127.0.0.1:0"}
        process = start(name, [binary(), "serve"], {**env, **listen})
        clients, services = until(f"node {name} listens", lambda: listening(process))
        if name == "compose":
            sign = functools.partial(jwt.encode, key=SECRET, algorithm="HS256")
        else:
            sign = functools.partial(jwt.encode, key=self.private, algorithm="RS256", headers={"kid": "1"})
        self.processes[name] = process
        self.nodes.append(Node(name, clients, services, sign, ISSUER))
        until(f"node {name} is ready", lambda: request(f"http://{services}/readyz")[0] == 200)

    def _prometheus(self):
        config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["scrape_configs"][0]["static_configs"] = [{"targets": [node.services for node in self.nodes]}]
        shutil.copy(DEPLOY / "prometheus" / "alerts.yaml", FOLDER)
        (FOLDER / "prometheus.yaml").write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{free_port()}"
        start("prometheus", [
            shutil.which("prometheus"), f"--config.file={FOLDER}/prometheus.yaml",
            f"--storage.tsdb.path={FOLDER}/tsdb", f"--web.listen-address={address}",
        ])  # fmt: skip
        until("Prometheus is ready", lambda: request(f"http://{address}/-/ready")[0] == 200)
        return address

    def query(self, expression):
        """Returns the samples of an instant query."""
        words = urllib.parse.urlencode({"query": expression})
        status, text = request(f"http://{self.prometheus}/api/v1/query?{words}")
        if status != 200:
            raise CheckFailure(f"Prometheus rejects {expression}: {text}")
        result = json.loads(text)["data"]["result"]
        return [each for each in result if each["value"][1] != "NaN"]

    def address(self, name):
        return next(node.services for node in self.nodes if node.name == name)

    def metrics(self, name):
        """Returns the names in a node's /metrics, and its text."""
        status, text = request(f"http://{self.address(name)}/metrics")
        expect(status == 200, f"/metrics returns {status}")
        return set(re.findall(r"^([a-z_]+)", text, re.M)), text


@functools.cache
def built():
    """Returns the testbed, or the exception that kept it from starting."""
    try:
        return Testbed()
    except Exception as error:  # each check that needs the testbed reports it
        return error


def testbed():
    """Returns the testbed, which the first call starts."""
    found = built()
    if isinstance(found, Exception):
        raise CheckFailure(f"the testbed did not start: {found}") from found
    return found
