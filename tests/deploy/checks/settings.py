"""What the checks must know of Wirebell's settings."""

import re

# The binary's own, which hold where a file says nothing. `live` compares them with the source.
DEFAULTS = {
    "WIREBELL_CLIENTS_MAX_CONNECTIONS": "19000",
    "WIREBELL_DRAIN_NOTICE": "5s",
    "WIREBELL_DRAIN_WINDOW": "20s",
    "WIREBELL_DRAIN_DEADLINE": "45s",
}
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(text):
    """`45s`, `1m30s` and the like."""
    parts = re.findall(r"(\d+)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text}")
    return sum(int(number) * UNITS[unit] for number, unit in parts)
