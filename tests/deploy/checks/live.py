"""The alerts and the dashboard against nodes that run with the settings of deploy/."""

import json
import re
import time

from websockets.sync.client import connect

from . import compose, dashboard, rules
from .processes import FOLDER, free_port, http, start, until
from .report import check, command, expect
from .settings import DEFAULTS, seconds
from .stage import binary, stage

# In these, `$__rate_interval` and the like; the scrape interval is a second.
GRAFANA = {"$__rate_interval": "10s", "$job": "wirebell", "$instance": ".*"}
# Matchers that hold only when something is wrong, which comes in `bus_lost` and `keys_lost`.
TROUBLE = ('outcome="failed"', 'outcome!="ok"', 'status="5xx"')
# What this traffic does not bring about. The name and the labels are still compared with the source.
NEVER = {"wirebell_outbox_overflows_total"}


def substituted(query):
    for name, value in GRAFANA.items():
        query = query.replace(name, value)
    expect("$" not in query, f"a variable that the check does not know: {query}")
    return query


def selectors():
    """Every selector of every alert, with the alert's name."""
    found = {}
    for name, rule in rules.alerts().items():
        for selector in re.findall(r"(?:(?:wirebell|process)_\w+|\bup)\{[^}]*\}", rule["expr"]):
            found.setdefault(selector, name)
    return found


def needs_trouble(selector):
    return any(matcher in selector for matcher in TROUBLE)


@check
def starts():
    """nodes start, and are ready, with the environments of Kubernetes and Compose and a Redis as Compose has it"""
    for name in ("kubernetes", "compose", "jwks"):
        status, text = http(f"http://{stage().address(name)}/livez")
        expect((status, text.strip()) == (200, "ok"), f"{name}: /livez answers {status} {text}")


@check
def defaults():
    """the defaults that the checks count with are the binary's"""
    told = command(binary(), "serve", "--help")
    for variable, value in DEFAULTS.items():
        section, key = variable.removeprefix("WIREBELL_").lower().split("_", 1)
        found = re.search(rf"^\s*{section}\.{key} +\(default: ([^,)]+)", told, re.M)
        expect(found and found[1] == value, f"{section}.{key} is {found and found[1]}, not {value}")


@check
def delivers():
    """clients of every node get durable and volatile events, and services the answers expected"""
    for node in stage().nodes:
        until(f"events on {node.name}: {node.received}", lambda n=node: {"payment-status", "price"} <= set(n.received))
    traffic = stage().traffic
    until(f"every answer: {traffic.statuses}", lambda: {202, 207, 401, 422} <= set(traffic.statuses))
    expect(not traffic.fault, f"the traffic has ended: {traffic.fault!r}")


@check
def inventory_is_true():
    """/metrics has nothing but the inventory's metrics, and the process' as the checks assume"""
    names, _ = stage().metrics("kubernetes")
    own = {name for name in names if not name.startswith("process_")}
    expect(own <= rules.inventory(), f"not in the inventory: {sorted(own - rules.inventory())}")
    process = {f"process_{name}" for name in rules.PROCESS}
    expect(process <= names, f"the process collector lacks {sorted(process - names)}")


@check
def every_query():
    """every query of the dashboard returns data"""
    empty = {name: query for name, query in dashboard.queries().items() if not name.startswith("annotation")}
    asked, deadline = len(empty), time.monotonic() + 40
    while empty and time.monotonic() < deadline:
        empty = {name: query for name, query in empty.items() if not stage().query(substituted(query))}
        time.sleep(1)
    expect(not empty, "no data:\n" + "\n".join(f"{name}: {query}" for name, query in empty.items()))
    print(f"       {asked} queries")


@check
def empty_is_noticed():
    """a query for a label that does not exist returns nothing"""
    query = 'sum by (class) (rate(wirebell_announced_total{job="wirebell", class="urgent"}[10s]))'
    expect(not stage().query(query), "data out of nothing")


@check
def every_selector():
    """every selector of an alert finds series, but for those that need trouble"""
    for selector, alert in selectors().items():
        metric = selector.split("{")[0]
        if needs_trouble(selector) or metric in NEVER:
            continue
        until(f"series for {selector} of {alert}", lambda s=selector: stage().query(s))


@check
def labels_exist():
    """labels that alerts group by and dashboards show are labels of the metric"""
    _, text = stage().metrics("jwks")
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
def all_quiet():
    """while all is well no alert fires"""
    firing = stage().query('ALERTS{alertstate="firing"}')
    expect(not firing, f"fires: {[each['metric'] for each in firing]}")


def welcomed(port, node):
    """Connects through the balancer with a token that only this kind of node accepts."""
    bearer = {"Authorization": f"Bearer {node.token('through-the-balancer')}"}
    with connect(f"ws://127.0.0.1:{port}/ws", additional_headers=bearer, proxy=None) as socket:
        return json.loads(socket.recv(5))["type"] == "wirebell.welcome"


@check
def balancer_passes_on():
    """WebSockets pass through the balancer, and a node that is not there is left out"""
    node, port = stage().nodes[0], free_port()
    gone = f"127.0.0.1:{free_port()}"
    file = compose.balancer(FOLDER, port, {"wirebell-1": node.clients, "wirebell-2": gone})
    start("balancer", [compose.NGINX, "-e", "stderr", "-c", file])
    until("the balancer listens", lambda: http(f"http://127.0.0.1:{port}/")[0])
    for _ in range(6):
        expect(welcomed(port, node), "no welcome")


@check
def keys_lost():
    """when the issuer's keys cannot be fetched, the alert's selectors find it"""
    stage().keys.shutdown()
    stage().keys.server_close()
    for selector in selectors():
        if "jwks" in selector:
            until(f"series for {selector}", lambda s=selector: stage().query(s), patience=90, every=1)


@check
def drain_shows():
    """a node that is told to stop shows up as draining, sends clients away and ends well within Compose's patience"""
    process = stage().processes["compose"]
    node = next(node for node in stage().nodes if node.name == "compose")
    patience = seconds(compose.load()["services"]["wirebell-1"]["stop_grace_period"])
    begun = time.monotonic()
    process.terminate()
    for name, query in dashboard.queries().items():
        if name.startswith("annotation"):
            until(f"data for {name}", lambda q=query: stage().query(substituted(q)), every=0.5)
    until("the node ends", lambda: process.poll() is not None, patience=patience)
    expect(process.returncode == 0, f"ended with {process.returncode}")
    until("clients are told and closed with 1012", lambda: "wirebell.reconnect" in node.received and 1012 in node.closed)
    print(f"       the drain took {time.monotonic() - begun:.0f} s")


@check
def bus_lost():
    """when Redis is gone, the selectors for failures find series, and WirebellBusDown fires for the nodes"""
    stage().redis.kill()
    stage().redis.wait()
    for selector, alert in selectors().items():
        if needs_trouble(selector) and "jwks" not in selector:
            until(f"series for {selector} of {alert}", lambda s=selector: stage().query(s), patience=60, every=1)
    firing = 'ALERTS{alertname="WirebellBusDown", alertstate="firing"}'
    until("WirebellBusDown fires on both nodes", lambda: len(stage().query(firing)) == 2, patience=90, every=1)
    expect(not stage().traffic.fault, f"the traffic has ended: {stage().traffic.fault!r}")
    _, text = stage().metrics("kubernetes")
    expect("wirebell_bus_up 0" in text, "bus_up stays")
    kept = re.search(r'^wirebell_sessions\{transport="websocket"\} (\d+)', text, re.M)
    expect(kept and int(kept[1]) >= 1, "the clients were sent away with it")
