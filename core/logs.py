"""Log lines: one JSON object each, on stderr, never with the values of local variables.

structlog takes longer to load than most verifications take: it is loaded by the first line.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def configure(level: int) -> None:
    """Set up structlog; its own default would write between the lines of an answer."""
    import structlog  # noqa: PLC0415 - see above

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # asked for anew by each line: stderr may be another by then
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


def logger(name: str) -> FilteringBoundLogger:
    """Return a logger on stderr, also in a command that has set up none."""
    import structlog  # noqa: PLC0415 - see above

    if not structlog.is_configured():
        configure(logging.WARNING)
    found: FilteringBoundLogger = structlog.get_logger(name)
    return found
