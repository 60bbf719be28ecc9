"""Strict decoding that does not lose count.

hiredis raises in the middle of a frame that it cannot decode and drops the frame, so that nobody can
tell whether it was a reply or a push message. Here the fault is noted instead, and the frame comes
through whole; whoever takes the frame looks at the notes.
"""

from __future__ import annotations

import codecs
import threading

_HANDLER = "ha_manager.noted"
_thread = threading.local()

Notes = list[UnicodeDecodeError]


def notes() -> Notes:
    """The faults noted on this thread; a wire lives on one thread, and takes its own out at once."""
    found: Notes | None = getattr(_thread, "notes", None)
    if found is None:
        found = _thread.notes = []
    return found


def _note(fault: UnicodeError) -> tuple[str, int]:
    if not isinstance(fault, UnicodeDecodeError):
        raise fault
    notes().append(fault)
    return "\ufffd", fault.end


codecs.register_error(_HANDLER, _note)


def noting(errors: str) -> str:
    """The name of the error handler to give to hiredis in place of ``errors``."""
    return _HANDLER if errors == "strict" else errors
