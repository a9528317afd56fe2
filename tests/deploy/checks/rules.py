"""Checks Prometheus' configuration and alerts with promtool.

Also checks that their metrics exist, and that each alert has a test and a section in the runbook.
"""

import re
import tempfile
from pathlib import Path

import yaml

from . import compose
from .report import DEPLOY, ROOT, check, command, expect, expect_failure
from .settings import DEFAULTS

FOLDER = DEPLOY / "prometheus"
INVENTORY = ROOT / "gateway" / "src" / "telemetry" / "metrics.rs"
# The metrics of the process collector on Linux; `live` compares them with a node's.
PROCESS = {"cpu_seconds_total", "open_fds", "max_fds", "virtual_memory_bytes", "resident_memory_bytes"}
PROCESS |= {"start_time_seconds", "threads"}


def alerts():
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def inventory():
    """Returns every series name that the source registers; a histogram has three."""
    found = {f"process_{name}" for name in PROCESS} | {"up"}
    registered = re.findall(r"new\s*\.\s*(\w+)\(\s*\"(\w+)\"", INVENTORY.read_text())
    expect(len(registered) > 20, "metrics.rs registers metrics in another form than this check expects")
    for kind, name in registered:
        ends = ("_bucket", "_sum", "_count") if kind.startswith("histogram") else ("",)
        found |= {f"wirebell_{name}{end}" for end in ends}
    return found


def metrics(expression):
    """Returns the metric names in an expression."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    return set(re.findall(r"\b(?:wirebell|process)_\w+|\bup\b", bare))


def unknown(expressions, known):
    missing = {name for each in expressions for name in metrics(each)} - known
    expect(not missing, f"no such metrics: {sorted(missing)}")


def changed(old, new, action):
    """Runs the action on a folder with a copy of the rules in which `old` is replaced by `new`."""
    with tempfile.TemporaryDirectory() as folder:
        for file in FOLDER.glob("*.yaml"):
            text = file.read_text()
            if file.name == "alerts.yaml":
                expect(old in text, f"{old} is not in the rules")
                text = text.replace(old, new)
            (Path(folder) / file.name).write_text(text)
        action(Path(folder))


def tested(folder=FOLDER):
    command("promtool", "test", "rules", folder / "alerts.test.yaml")


@check
def config():
    """promtool accepts both configurations and the rules"""
    command("promtool", "check", "config", FOLDER / "prometheus.yaml")
    command("promtool", "check", "rules", "--lint=all", "--lint-fatal", FOLDER / "alerts.yaml")
    # Debian's promtool is built without Kubernetes' discovery, so that block is replaced; the rest is checked.
    document = yaml.safe_load((FOLDER / "prometheus-kubernetes.yaml").read_text())
    for job in document["scrape_configs"]:
        expect(job.pop("kubernetes_sd_configs") == [{"role": "pod"}], "the discovery is not for pods")
        job["static_configs"] = [{"targets": ["a:1"]}]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "alerts.yaml").write_text((FOLDER / "alerts.yaml").read_text())
        (Path(folder) / "p.yaml").write_text(yaml.safe_dump(document))
        command("promtool", "check", "config", Path(folder) / "p.yaml")


@check
def fire_and_stay_quiet():
    """each alert fires on its failure and not before, and a changed threshold is found"""
    tested()
    for old, new in (("> 17100", "> 17101"), ("> 0.9", "> 0.8"), ("for: 2m", "for: 20m"), ("[30m]) > 2", "[30m]) > 1")):
        changed(old, new, lambda folder: expect_failure(tested, folder))


@check
def every_alert_is_tested():
    """each alert fires in a unit test"""
    text = (FOLDER / "alerts.test.yaml").read_text()
    fired = set(re.findall(r'alertname="(\w+)", alertstate="firing"', text))
    missing = set(alerts()) - fired - {"WirebellNodeDown"}
    expect(not missing, f"alerts that fire in no test: {sorted(missing)}")
    expect("alertname: WirebellNodeDown" in text, "WirebellNodeDown fires in no test")


@check
def every_alert_helps():
    """each alert names the problem and the action, and links to a section of docs/operations.md"""
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text(), re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for name, rule in alerts().items():
        annotations = rule["annotations"]
        expect({"summary", "description", "action", "runbook_url"} <= set(annotations), f"{name} lacks an annotation")
        expect(rule["labels"]["severity"] in ("critical", "warning"), f"{name}: severity")
        page, anchor = annotations["runbook_url"].split("#")
        expect(
            page.endswith("/docs/operations.md") and anchor == name.lower(),
            f"{name} does not link to its section of docs/operations.md",
        )
        expect(anchor in anchors, f"docs/operations.md has no section {name}")
    sections = {heading for heading in headings if heading.startswith("Wirebell")}
    expect(sections == set(alerts()), f"sections without alert: {sorted(sections - set(alerts()))}")


@check
def links_in_the_document():
    """the targets of all links in docs/operations.md exist"""
    text = (ROOT / "docs" / "operations.md").read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        exists = target[1:] in anchors if target.startswith("#") else (ROOT / "docs" / target).exists()
        expect(exists, f"{target} does not exist")


@check
def metrics_exist():
    """alerts name only metrics of the inventory, and an unknown name is found"""
    unknown([rule["expr"] for rule in alerts().values()], inventory())
    expect_failure(unknown, ["rate(wirebell_deliverys_total[5m])"], inventory())


@check
def thresholds_fit():
    """thresholds that depend on clients.max_connections fit its default and the deployed settings"""
    limit = int(DEFAULTS["WIREBELL_CLIENTS_MAX_CONNECTIONS"])
    rules = alerts()
    expect(
        rules["WirebellNearMaxConnections"]["expr"].endswith(f"> {limit * 9 // 10}"),
        "the threshold is not 90 % of the limit",
    )
    files = int(rules["WirebellFileDescriptorLimitLow"]["expr"].split("<")[1])
    expect(files >= limit + 1000, "the threshold allows fewer descriptors than connections")
    for name, node in compose.nodes(compose.load()).items():
        expect(int(node["environment"]["WIREBELL_CLIENTS_MAX_CONNECTIONS"]) == limit, f"{name} has another limit")
    settings = (DEPLOY / "kubernetes" / "base" / "settings.env").read_text()
    expect(f"WIREBELL_CLIENTS_MAX_CONNECTIONS={limit}\n" in settings, "the base has another limit")


@check
def scraped_by_name():
    """Prometheus scrapes every node of compose.yaml, with the job name of the alerts"""
    (job,) = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
    targets = {target for each in job["static_configs"] for target in each["targets"]}
    expect(targets == {f"{name}:9090" for name in compose.nodes(compose.load())}, f"Prometheus scrapes {targets}")
    for name, rule in alerts().items():
        for metric in re.findall(r"(?:(?:wirebell|process)_\w+|\bup)(\{[^}]*\})?", rule["expr"]):
            expect(f'job="{job["job_name"]}"' in metric, f"{name} does not select the job: {metric}")
