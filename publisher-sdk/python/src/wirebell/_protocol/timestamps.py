"""Times in the format of RFC 3339."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse(text: str) -> datetime:
    """Parses a time. Digits beyond microseconds are cut off."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("expected RFC 3339, like `2026-11-21T10:00:00.123Z`")
    *numbers, fraction, utc, sign, hours, minutes = found.groups()
    offset = timedelta(0) if utc else timedelta(hours=int(hours), minutes=int(minutes))
    if not utc and (int(hours) > 23 or int(minutes) > 59):
        raise ValueError("expected an offset of less than a day")
    zone = timezone(-offset if sign == "-" else offset)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    year, month, day, hour, minute, second = (int(number) for number in numbers)
    return datetime(year, month, day, hour, minute, second, micros, zone)


def write(at: datetime) -> str:
    """Returns UTC with exactly three fractional digits: texts of one length sort by time."""
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError("expected a time with a zone, as in `datetime.now(timezone.utc)`")
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_millis(at: datetime) -> int:
    """Returns milliseconds since the Unix epoch; 0 for earlier times."""
    return max(0, (at - _EPOCH) // timedelta(milliseconds=1))
