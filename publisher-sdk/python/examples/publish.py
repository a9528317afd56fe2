"""Publishes a payment to user 42, and waits until a device acknowledges it.

python examples/publish.py redis://127.0.0.1:6379
"""

import sys

from wirebell import Event, NotAcknowledged, Publisher, WirebellError


def main(url: str) -> None:
    with Publisher(url) as wb:
        event = Event("user:42", "payment-status", {"status": "paid"}, receipt=True)
        published = wb.publish(event)
        print(f"{published.id}: {published.nodes} subscribed nodes")
        try:
            seen = published.acknowledged(timeout=10.0)
            print(f"seen on {seen.device}")
        except NotAcknowledged as error:
            print(error)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "redis://127.0.0.1:6379")
    except WirebellError as error:
        sys.exit(f"{error.code}: {error}")
