"""The log of a gateway that serves: one JSON object a line on standard error."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

_FIELDS = (
    "event",
    "actor",
    "operator",
    "key",
    "origin",
    "stage",
    "cause",
    "why",
    "request_id",
    "plan",
    "model",
    "correct",
)
"""What the gateway gives log records as `extra`."""


class JsonLines(logging.Formatter):
    """Writes a log record as one JSON object: time (UTC), level, logger, message, and its own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {
            name: getattr(record, name) for name in _FIELDS if getattr(record, name, "") not in {"", None}
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def log_json_lines(stream: TextIO = sys.stderr) -> logging.Handler:
    """Has what the gateway logs written to a stream; returns the handler, to be removed again."""
    log = logging.getLogger("karui.gateway")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return handler
