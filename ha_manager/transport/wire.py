"""The protocol without I/O: which reply belongs to whom, and what was sent.

Invariants:

* ``_pending`` holds one future for each command, in the order in which the commands were given;
  the last ``len(_outbox)`` of them belong to commands of which no byte was handed out yet.
* A future that its caller cancelled keeps its place, so that its reply shifts nobody else's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
from redis.exceptions import ResponseError

from ha_manager.transport.decoding import notes, noting
from ha_manager.transport.faults import ConnectionLostError, LossCause
from ha_manager.transport.replies import error_reply

Reply = asyncio.Future[Any]

_INCOMPLETE = object()


class Wire:
    """One connection's queue of replies awaited.

    Args:
        create_future: makes the future for one command.
        encoding: decode replies with this encoding, or ``None`` to leave them as bytes.
        encoding_errors: how decoding treats errors.
        on_push: takes RESP3 push frames, and every reply once ``subscribed`` is set.
    """

    def __init__(
        self,
        *,
        create_future: Callable[[], Reply],
        encoding: str | None,
        encoding_errors: str,
        on_push: Callable[[list[Any]], None] | None = None,
    ) -> None:
        self._create_future = create_future
        self._pending: deque[Reply] = deque()
        self._outbox: list[bytes] = []
        self._undecoded: set[Reply] = set()
        self._patient: set[Reply] = set()
        self._on_push = on_push
        self._reader = hiredis.Reader(
            protocolError=ProtocolViolationError,
            replyError=error_reply,
            encoding=encoding,
            errors=noting(encoding_errors),
            notEnoughData=_INCOMPLETE,
        )
        self._notes = notes()
        self._fault: UnicodeDecodeError | None = None
        self.subscribed = False
        self.replies = 0

    @property
    def pending(self) -> int:
        """Commands given and not yet answered, cancelled ones included."""
        return len(self._pending)

    @property
    def unsent(self) -> int:
        """Commands given of which no byte was handed out."""
        return len(self._outbox)

    def put(self, packed: bytes) -> Reply:
        """Queue one packed command; the future gets its reply, errors as exception *values*."""
        reply = self._create_future()
        self._outbox.append(packed)
        self._pending.append(reply)
        return reply

    def put_sent(self) -> Reply:
        """A place for the reply to a command that is handed out now, ahead of everything queued."""
        reply = self._create_future()
        self._pending.insert(len(self._pending) - len(self._outbox), reply)
        return reply

    def leave_undecoded(self, reply: Reply) -> None:
        """Give this reply as bytes although the connection decodes; call right after :meth:`put`."""
        self._undecoded.add(reply)

    def be_patient(self, reply: Reply) -> None:
        """Never call this reply overdue: its caller watches the time itself."""
        self._patient.add(reply)
        reply.add_done_callback(self._patient.discard)

    def take_output(self) -> list[bytes]:
        """Everything queued since the last call; from now on it counts as sent."""
        output, self._outbox = self._outbox, []
        return output

    def feed(self, data: bytes) -> None:
        """Take bytes from the server and resolve the futures whose replies are complete.

        Raises:
            ProtocolViolationError: the bytes are no RESP, or a reply came that nobody awaits.
        """
        self._reader.feed(data)
        before = len(self._pending)
        try:
            if self.subscribed or self._undecoded or self._fault:
                self._resolve_carefully()
            else:
                self._resolve()
        except TypeError as fault:
            raise ProtocolViolationError(f"a reply that cannot be represented: {fault}") from None
        finally:
            self._notes.clear()
            self.replies += before - len(self._pending)

    def _resolve(self) -> None:
        """Resolve everything that is complete."""
        gets = self._reader.gets
        pending = self._pending
        notes = self._notes
        while (reply := gets()) is not _INCOMPLETE:
            if type(reply) is hiredis.PushNotification:
                notes.clear()
                self._push(reply)
                continue
            if not pending:
                raise ProtocolViolationError("a reply came that no command awaits")
            if notes:
                reply = self._take_fault()
            future = pending.popleft()
            if not future.done():
                future.set_result(reply)
        if notes:
            # The next part of this frame comes with other data; other wires share these notes.
            self._fault = self._take_fault()

    def _resolve_carefully(self) -> None:
        """As :meth:`_resolve`, where a reply may be raw, faulty, or belong to a subscription."""
        pending = self._pending
        while True:
            raw = bool(pending) and pending[0] in self._undecoded
            reply = self._reader.gets(not raw)
            fault = self._take_fault()
            if reply is _INCOMPLETE:
                self._fault = fault
                return
            if self.subscribed or type(reply) is hiredis.PushNotification:
                self._push(reply)
                continue
            if not pending:
                raise ProtocolViolationError("a reply came that no command awaits")
            future = pending.popleft()
            self._undecoded.discard(future)
            if not future.done():
                future.set_result(fault or reply)

    def _take_fault(self) -> UnicodeDecodeError | None:
        """The first fault in the frame that was just read, if any; the notes are clear afterwards."""
        fault = self._fault or (self._notes[0] if self._notes else None)
        self._fault = None
        self._notes.clear()
        return fault

    def _push(self, frame: Any) -> None:
        if self._on_push is not None:
            self._on_push(frame)

    def overdue(self, count: int, error: Callable[[], Exception]) -> None:
        """Tell the callers of the first ``count`` commands that their reply is late; places are kept."""
        for future, _ in zip(self._pending, range(count), strict=False):
            if not future.done() and future not in self._patient:
                future.set_exception(error())

    def recall(self, reason: str, cause: LossCause) -> None:
        """Give up what was not handed out yet: its callers may send it elsewhere."""
        unsent, self._outbox = len(self._outbox), []
        recalled = [self._pending.pop() for _ in range(unsent)]
        for future in reversed(recalled):
            self._undecoded.discard(future)
            if not future.done():
                future.set_exception(ConnectionLostError(reason, sent=False, cause=cause))

    def fail(self, reason: str, cause: LossCause, *, none_ran: bool = False) -> None:
        """Tell every caller that no reply will come, and whether its command had been handed out.

        Args:
            none_ran: the server said that it ran none of them, which is as good as not sent.
        """
        sent = 0 if none_ran else len(self._pending) - len(self._outbox)
        failed, self._pending = self._pending, deque()
        self._outbox = []
        self._undecoded.clear()
        for index, future in enumerate(failed):
            if not future.done():
                future.set_exception(ConnectionLostError(reason, sent=index < sent, cause=cause))


class ProtocolViolationError(ResponseError):
    """The server sent what no server may send; the connection cannot be used any further."""
