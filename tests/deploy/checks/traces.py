"""Checks the example configuration of the OpenTelemetry collector."""

import yaml

from .report import DEPLOY, check, expect


@check
def pipelines():
    """every part that a pipeline names exists, and the collector listens on the port to which nodes send"""
    config = yaml.safe_load((DEPLOY / "otel" / "collector.yaml").read_text())
    for name, pipeline in config["service"]["pipelines"].items():
        for kind in ("receivers", "processors", "exporters"):
            for part in pipeline[kind]:
                expect(part in config[kind], f"pipeline {name}: {kind} has no {part}")
    expect(
        config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318"),
        "the collector does not listen on port 4318",
    )
