"""Checks the alerts and the dashboard against nodes that run with the settings of deploy/."""

import json
import re
import time

from websockets.sync.client import connect

from . import compose, dashboard, rules
from .processes import FOLDER, free_port, http, start, until
from .report import check, command, expect
from .settings import DEFAULTS, seconds
from .testbed import binary, testbed

# Values for Grafana's variables. The scrape interval is one second.
GRAFANA = {"$__rate_interval": "10s", "$job": "wirebell", "$instance": ".*"}
# Matchers of series that exist only after a failure; `bus_lost` and `keys_lost` check them.
FAILURE_MATCHERS = ('outcome="failed"', 'outcome!="ok"', 'status="5xx"')
# Metrics that this traffic does not produce. Their names and labels are still compared with the source.
NOT_COVERED = {"wirebell_outbox_overflows_total"}


def substituted(query):
    for name, value in GRAFANA.items():
        query = query.replace(name, value)
    expect("$" not in query, f"the query has an unknown variable: {query}")
    return query


def selectors():
    """Returns every selector in the alerts, with an alert that uses it."""
    found = {}
    for name, rule in rules.alerts().items():
        for selector in re.findall(r"(?:(?:wirebell|process)_\w+|\bup)\{[^}]*\}", rule["expr"]):
            found.setdefault(selector, name)
    return found


def needs_failure(selector):
    return any(matcher in selector for matcher in FAILURE_MATCHERS)


@check
def starts():
    """nodes start and become ready with the environments of Kubernetes and Compose and with Compose's Redis"""
    for name in ("kubernetes", "compose", "jwks"):
        status, text = http(f"http://{testbed().address(name)}/livez")
        expect((status, text.strip()) == (200, "ok"), f"{name}: /livez returns {status} {text}")


@check
def defaults():
    """the defaults in settings.py are the binary's"""
    help_text = command(binary(), "serve", "--help")
    for variable, value in DEFAULTS.items():
        section, key = variable.removeprefix("WIREBELL_").lower().split("_", 1)
        found = re.search(rf"^\s*{section}\.{key} +\(default: ([^,)]+)", help_text, re.M)
        expect(found and found[1] == value, f"{section}.{key} is {found and found[1]}, not {value}")


@check
def delivers():
    """clients of every node get durable and volatile events, and publishers get the expected statuses"""
    for node in testbed().nodes:
        until(f"events on {node.name}: {node.received}", lambda n=node: {"payment-status", "price"} <= set(n.received))
    traffic = testbed().traffic
    until(f"every status: {traffic.statuses}", lambda: {202, 207, 401, 422} <= set(traffic.statuses))
    expect(not traffic.error, f"the traffic ended with {traffic.error!r}")


@check
def inventory_is_true():
    """/metrics has only metrics of the inventory, and the process metrics that the checks assume"""
    names, _ = testbed().metrics("kubernetes")
    own = {name for name in names if not name.startswith("process_")}
    expect(own <= rules.inventory(), f"not in the inventory: {sorted(own - rules.inventory())}")
    process = {f"process_{name}" for name in rules.PROCESS}
    expect(process <= names, f"the process collector lacks {sorted(process - names)}")


@check
def every_query():
    """every query of the dashboard returns data"""
    empty = {name: query for name, query in dashboard.queries().items() if not name.startswith("annotation")}
    count, deadline = len(empty), time.monotonic() + 40
    while empty and time.monotonic() < deadline:
        empty = {name: query for name, query in empty.items() if not testbed().query(substituted(query))}
        time.sleep(1)
    expect(not empty, "no data:\n" + "\n".join(f"{name}: {query}" for name, query in empty.items()))
    print(f"       {count} queries")


@check
def empty_is_noticed():
    """a query for a label that does not exist returns nothing"""
    query = 'sum by (class) (rate(wirebell_announced_total{job="wirebell", class="urgent"}[10s]))'
    expect(not testbed().query(query), "a query for an unknown label returns data")


@check
def every_selector():
    """every selector of an alert finds series, except those that need a failure"""
    for selector, alert in selectors().items():
        metric = selector.split("{")[0]
        if needs_failure(selector) or metric in NOT_COVERED:
            continue
        until(f"series for {selector} of {alert}", lambda s=selector: testbed().query(s))


@check
def labels_exist():
    """the labels that alerts and dashboards use are labels of the metric"""
    _, text = testbed().metrics("jwks")
    for metric, labels in {
        "wirebell_sessions": {"transport"},
        "wirebell_refusals_total": {"reason"},
        "wirebell_goodbyes_total": {"reason"},
        "wirebell_renewals_total": {"outcome"},
        "wirebell_client_frames_total": {"kind", "outcome"},
        "wirebell_published_total": {"class", "outcome"},
        "wirebell_requests_total": {"route", "status"},
        "wirebell_announced_total": {"class"},
        "wirebell_deliveries_total": {"class", "outcome"},
        "wirebell_publish_to_write_seconds_count": {"class"},
        "wirebell_jwks_fetches_total": {"outcome"},
    }.items():
        line = re.search(rf"^{metric}\{{(.*)\}} ", text, re.M)
        expect(line and set(re.findall(r'(\w+)="', line[1])) == labels, f"{metric}: {line and line[0]}")


@check
def no_alert_fires():
    """no alert fires on healthy nodes"""
    firing = testbed().query('ALERTS{alertstate="firing"}')
    expect(not firing, f"firing: {[each['metric'] for each in firing]}")


def welcomed(port, node):
    """Connects through the balancer with a token that only this node accepts; returns whether a welcome arrives."""
    bearer = {"Authorization": f"Bearer {node.token('through-the-balancer')}"}
    with connect(f"ws://127.0.0.1:{port}/ws", additional_headers=bearer, proxy=None) as socket:
        return json.loads(socket.recv(5))["type"] == "wirebell.welcome"


@check
def balancer_passes_on():
    """WebSockets pass through the balancer, and an unreachable node is skipped"""
    node, port = testbed().nodes[0], free_port()
    unreachable = f"127.0.0.1:{free_port()}"
    file = compose.balancer(FOLDER, port, {"wirebell-1": node.clients, "wirebell-2": unreachable})
    start("balancer", [compose.NGINX, "-e", "stderr", "-c", file])
    until("the balancer listens", lambda: http(f"http://127.0.0.1:{port}/")[0])
    for _ in range(6):
        expect(welcomed(port, node), "no welcome through the balancer")


@check
def keys_lost():
    """when the issuer's keys cannot be fetched, the alert's selectors find series"""
    testbed().keys.shutdown()
    testbed().keys.server_close()
    for selector in selectors():
        if "jwks" in selector:
            until(f"series for {selector}", lambda s=selector: testbed().query(s), timeout=90, every=1)


@check
def drain_shows():
    """a stopping node is shown as draining, asks its clients to reconnect and exits within Compose's grace period"""
    process = testbed().processes["compose"]
    node = next(node for node in testbed().nodes if node.name == "compose")
    timeout = seconds(compose.load()["services"]["wirebell-1"]["stop_grace_period"])
    start_time = time.monotonic()
    process.terminate()
    for name, query in dashboard.queries().items():
        if name.startswith("annotation"):
            until(f"data for {name}", lambda q=query: testbed().query(substituted(q)), every=0.5)
    until("the node exits", lambda: process.poll() is not None, timeout=timeout)
    expect(process.returncode == 0, f"the node exited with {process.returncode}")
    until(
        "clients get a reconnect notice and close code 1012",
        lambda: "wirebell.reconnect" in node.received and 1012 in node.closed,
    )
    print(f"       the drain took {time.monotonic() - start_time:.0f} s")


@check
def bus_lost():
    """when Redis is down, the selectors for failures find series, and WirebellBusDown fires for the nodes"""
    testbed().redis.kill()
    testbed().redis.wait()
    for selector, alert in selectors().items():
        if needs_failure(selector) and "jwks" not in selector:
            until(f"series for {selector} of {alert}", lambda s=selector: testbed().query(s), timeout=60, every=1)
    firing = 'ALERTS{alertname="WirebellBusDown", alertstate="firing"}'
    until("WirebellBusDown fires on both nodes", lambda: len(testbed().query(firing)) == 2, timeout=90, every=1)
    expect(not testbed().traffic.error, f"the traffic ended with {testbed().traffic.error!r}")
    _, text = testbed().metrics("kubernetes")
    expect("wirebell_bus_up 0" in text, "wirebell_bus_up is not 0")
    kept = re.search(r'^wirebell_sessions\{transport="websocket"\} (\d+)', text, re.M)
    expect(kept and int(kept[1]) >= 1, "the clients lost their sessions with the bus")
