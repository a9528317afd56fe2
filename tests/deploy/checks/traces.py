"""The collector's example: every part that a pipeline names is there, and every part is used or offered."""

import yaml

from .report import DEPLOY, check, expect


@check
def whole():
    """the pipeline's parts exist, and it listens where nodes send"""
    config = yaml.safe_load((DEPLOY / "otel" / "collector.yaml").read_text())
    for name, pipeline in config["service"]["pipelines"].items():
        for kind in ("receivers", "processors", "exporters"):
            for part in pipeline[kind]:
                expect(part in config[kind], f"pipeline {name}: no {kind} {part}")
    expect(config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318"), "not on 4318")
