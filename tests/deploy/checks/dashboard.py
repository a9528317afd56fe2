"""Checks the dashboard's layout and queries; `live` runs the queries."""

import json

import yaml

from . import rules
from .report import DEPLOY, check, expect, expect_failure

FILE = DEPLOY / "grafana" / "dashboard.json"
ROWS = ["At a glance", "Sessions and rejections", "Events and deliveries", "Latency", "Bus", "Overflow", "Process"]


def load():
    return json.loads(FILE.read_text())


def panels():
    return [panel for panel in load()["panels"] if panel["type"] != "row"]


def queries():
    """Returns every query by its panel or annotation."""
    found = {f"{p['title']} ({p['id']}{t['refId']})": t["expr"] for p in panels() for t in p["targets"]}
    for note in load()["annotations"]["list"]:
        found[f"annotation {note['name']}"] = note["expr"]
    return found


def covers(panel, x, y):
    at = panel["gridPos"]
    return at["x"] <= x < at["x"] + at["w"] and at["y"] <= y < at["y"] + at["h"]


@check
def laid_out():
    """the rows are the expected ones; panels have unique ids, fill the width and do not overlap"""
    everything = load()["panels"]
    expect([panel["title"] for panel in everything if panel["type"] == "row"] == ROWS, "unexpected rows")
    expect(len({panel["id"] for panel in everything}) == len(everything), "an id is used twice")
    for y in range(max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in everything)):
        for x in range(24):
            count = sum(covers(panel, x, y) for panel in everything)
            expect(count == 1, f"{count} panels at column {x}, line {y}")


@check
def explained():
    """every panel has a description, a unit and the chosen data source"""
    for panel in panels():
        title = panel["title"]
        expect(panel["description"].endswith("."), f"{title} has no description")
        unit = panel["fieldConfig"]["defaults"].get("unit") or panel["options"].get("yAxis", {}).get("unit")
        expect(unit, f"{title} has no unit")
        for each in [panel, *panel["targets"]]:
            expect(each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, f"{title}: data source")


@check
def variables():
    """the variables are datasource, job and instance, and every query uses the last two"""
    document = load()
    expect(document["schemaVersion"] >= 39, "schemaVersion is below 39")
    expect([each["name"] for each in document["templating"]["list"]] == ["datasource", "job", "instance"], "variables")
    for name, query in queries().items():
        for selector in query.split("{")[1:]:
            used = 'job=~"$job"' in selector and 'instance=~"$instance"' in selector
            expect(used, f"{name} does not use all variables: {query}")


@check
def metrics_exist():
    """queries name only metrics of the inventory, and an unknown name is found"""
    rules.unknown(queries().values(), rules.inventory())
    expect_failure(rules.unknown, ["wirebell_session"], rules.inventory())


@check
def provisioned():
    """the provisioned data source is the Prometheus of compose.yaml, with its scrape interval"""
    folder = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())["datasources"]
    expect(
        source["url"] == "http://prometheus:9090" and source["isDefault"],
        "the data source is not the Prometheus of compose.yaml",
    )
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())["global"]["scrape_interval"]
    expect(source["jsonData"]["timeInterval"] == scraped, "the data source's timeInterval is not the scrape interval")
