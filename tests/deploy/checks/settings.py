"""Defaults and formats of Wirebell's settings that the checks need."""

import re

# The binary's defaults, which apply if a file does not set a value. `live` compares them with the binary.
DEFAULTS = {
    "WIREBELL_CLIENTS_MAX_CONNECTIONS": "19000",
    "WIREBELL_DRAIN_NOTICE": "5s",
    "WIREBELL_DRAIN_WINDOW": "20s",
    "WIREBELL_DRAIN_DEADLINE": "45s",
}
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(text):
    """Returns the seconds of a duration such as `45s` or `1m30s`."""
    parts = re.findall(r"(\d+)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text}")
    return sum(int(number) * UNITS[unit] for number, unit in parts)
