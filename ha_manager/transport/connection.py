"""One connection: the asyncio shell around :class:`Wire`.

All that callers queue during one turn of the event loop leaves in one ``write``. One timer, armed
only while replies are owed, watches for silence and late replies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, cast

from ha_manager.config import Credentials, Endpoint, NodeOptions
from ha_manager.transport import handshake
from ha_manager.transport.faults import ConnectionLostError, LossCause, ReplyOverdueError
from ha_manager.transport.liveness import Liveness, Pulse
from ha_manager.transport.packing import make_packer
from ha_manager.transport.rhythm import Rhythm
from ha_manager.transport.sockets import connect_socket, limit_unacknowledged, translate
from ha_manager.transport.wire import ProtocolViolationError, Reply, Wire

OnLost = Callable[["Connection", str, LossCause], None]
_PING = b"*1\r\n$4\r\nPING\r\n"
_ASKING = b"*1\r\n$6\r\nASKING\r\n"

LOOK = 0.003
"""Seconds between two looks whether a server that owes replies keeps silent for longer than it used to."""


class ConnectionState(Enum):
    """OPENING until the handshake is through, then READY, then CLOSED for good."""

    OPENING = auto()
    READY = auto()
    CLOSED = auto()


class Withdrawal(Enum):
    """Whether what the server still owes counts as not sent, if it closes the connection in good order.

    ASKED: somebody is finding out, and will say. GRANTED: it does.
    """

    NONE = auto()
    ASKED = auto()
    GRANTED = auto()


class Connection(Wire, asyncio.Protocol):
    """A connection to ``endpoint``; made by :func:`open_connection`.

    Args:
        endpoint: where it leads.
        options: how to speak there.
        liveness: judges silence; ``None`` on leased connections, where a server may be silent for
            as long as a blocking command blocks.
        on_lost: called once, when a connection that was READY ends for any reason but ``close()``.
        on_push: takes push frames.

    Attributes:
        client_id: the server's number for it, ``None`` while unknown.
        on_silent: called when the server owes replies and has been silent for longer than it used to be.
    """

    on_silent: Callable[[], None] | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        options: NodeOptions,
        *,
        liveness: Liveness | None,
        on_lost: OnLost | None = None,
        on_push: Callable[[list[Any]], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        super().__init__(
            create_future=self._loop.create_future,
            encoding=options.encoding if options.decode_responses else None,
            encoding_errors=options.encoding_errors,
            on_push=on_push,
        )
        self.endpoint = endpoint
        self.state = ConnectionState.OPENING
        self.client_id: int | None = None
        self._options = options
        self._liveness = liveness
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._call_soon = self._loop.call_soon
        self._paused = False
        self._flush_due = False
        self._heard = False
        self._timer: asyncio.TimerHandle | None = None
        self._rhythm = Rhythm()
        self._look: asyncio.TimerHandle | None = None
        self._closed = self._loop.create_future()
        self._withdrawal = Withdrawal.NONE
        self._ended = ("", LossCause.CLOSED)

    def __repr__(self) -> str:
        return f"<Connection {self.endpoint} {self.state.name} pending={self.pending}>"

    # The fast path

    def send(self, packed: bytes) -> Reply:
        """Queue a packed command; it leaves with everything else that this loop turn produces.

        Raises:
            ConnectionLostError: the connection is closed; nothing was sent.
        """
        if self._transport is None:
            raise ConnectionLostError("the connection is closed", sent=False, cause=LossCause.CLOSED)
        if not self._flush_due:
            self._flush_due = True
            self._call_soon(self._flush)
        self._outbox.append(packed)
        reply = self._create_future()
        self._pending.append(reply)
        return reply

    def send_asking(self, packed: bytes) -> Reply:
        """As :meth:`send`, with ASKING right before it: nothing of another caller comes between."""
        self.send(_ASKING).cancel()
        return self.send(packed)

    def ping(self) -> None:
        """Ask for a sign of life, ahead of what is held back; nobody waits for the reply."""
        if self._transport is not None and not self._paused:
            self.put_sent().cancel()
            self._transport.write(_PING)
            if self._timer is None and self._liveness is not None:
                self._watch(self._liveness)

    def _flush(self) -> None:
        self._flush_due = False
        if self._paused or self._transport is None or not self._outbox:
            return
        now = self._loop.time()
        if self._liveness is not None and self._rhythm.is_late(now):
            # It leaves with the next sign of life, or goes to another server.
            return
        self._rhythm.asked(now)
        output = self.take_output()
        self._transport.write(output[0] if len(output) == 1 else b"".join(output))
        if self._look is None and self._liveness is not None:
            self._look = self._loop.call_later(LOOK, self._look_for_silence)
            if self._timer is None:
                self._watch(self._liveness)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        try:
            self.feed(data)
        except ProtocolViolationError as fault:
            self._end(f"{self.endpoint} broke the protocol: {fault}", LossCause.PROTOCOL)
        self._rhythm.heard(self._loop.time(), owed=len(self._pending) > len(self._outbox))
        if not self._flush_due:
            # Queued behind the callers that this data wakes: their next commands leave in the same turn.
            self._flush_due = True
            self._call_soon(self._flush)

    # Silence and late replies

    @property
    def silence(self) -> float:
        """Seconds for which the server has owed replies and said nothing."""
        since = self._rhythm.quiet_since
        return self._loop.time() - since if since else 0.0

    @property
    def late(self) -> bool:
        """Whether it has been silent for longer than it used to be."""
        return self._rhythm.is_late(self._loop.time())

    def _look_for_silence(self) -> None:
        self._look = None
        if not self._pending:
            return
        self._look = self._loop.call_later(LOOK, self._look_for_silence)
        if self.on_silent is not None and self.late:
            self.on_silent()

    def _watch(self, liveness: Liveness) -> None:
        liveness.begin(self._loop.time(), self.replies + self.pending - self.unsent)
        self._timer = self._loop.call_later(liveness.period, self._tick, liveness)

    def _tick(self, liveness: Liveness) -> None:
        self._timer = None
        if not self._pending:
            return
        finding = liveness.tick(
            self._loop.time(),
            heard=self._heard,
            sent=self.replies + self.pending - self.unsent,
            replied=self.replies,
        )
        self._heard = False
        if finding.overdue:
            self.overdue(finding.overdue, lambda: ReplyOverdueError(f"no reply from {self.endpoint}"))
        if finding.pulse is Pulse.DEAD:
            self._end(f"{self.endpoint} owes replies and is silent", LossCause.SILENCE)
            return
        self._timer = self._loop.call_later(liveness.period, self._tick, liveness)
        if finding.pulse is Pulse.PING:
            self.ping()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        detail = f": {exc}" if exc else ""
        # An end without a fault lies behind all that the server ever wrote: no reply is still on its way.
        in_good_order = exc is None
        self._end(f"{self.endpoint} closed the connection{detail}", LossCause.PEER, in_good_order)
        if not self._closed.done():
            self._closed.set_result(None)

    # The ends of life

    async def greet(self, credentials: Credentials) -> None:
        """Say the handshake and wait for its replies; afterwards the connection is READY."""
        asked = handshake.steps(self._options, await _login(credentials))
        pack = make_packer("utf-8", "strict")
        answers = [self.send(pack(step.args)) for step in asked]
        replies = await asyncio.gather(*answers)
        handshake.check(self.endpoint, asked, replies)
        self.client_id = handshake.client_id(asked, replies)
        if self.state is ConnectionState.OPENING:
            self.state = ConnectionState.READY

    def limit_unacknowledged(self, seconds: float) -> None:
        """Have the kernel end the connection when sent data stays unacknowledged for so long."""
        if self._transport is not None:
            limit_unacknowledged(self._transport.get_extra_info("socket"), seconds)

    def close(self, reason: str, cause: LossCause = LossCause.CLOSED) -> None:
        """End the connection at once; commands under way learn whether they had been sent."""
        self._on_lost = None
        self._end(reason, cause)

    async def wait_closed(self) -> None:
        """Wait until the socket is released."""
        await asyncio.shield(self._closed)

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """Say what an end in good order means for the commands under way; see :class:`Withdrawal`.

        After ``ASKED`` there must come ``GRANTED`` or ``NONE``: until then, the callers of a connection
        that ended are told nothing.
        """
        self._withdrawal = withdrawal
        if self.state is ConnectionState.CLOSED and withdrawal is not Withdrawal.ASKED:
            self.fail(*self._ended, none_ran=withdrawal is Withdrawal.GRANTED)

    def _end(self, reason: str, cause: LossCause, in_good_order: bool = False) -> None:
        if self.state is ConnectionState.CLOSED:
            return
        was_ready = self.state is ConnectionState.READY
        self.state = ConnectionState.CLOSED
        for timer in (self._timer, self._look):
            if timer is not None:
                timer.cancel()
        self._timer = self._look = None
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        elif not self._closed.done():
            self._closed.set_result(None)
        self._ended = (reason, cause)
        if not in_good_order or self._withdrawal is not Withdrawal.ASKED:
            self.fail(reason, cause, none_ran=in_good_order and self._withdrawal is Withdrawal.GRANTED)
        on_lost, self._on_lost = self._on_lost, None
        if was_ready and on_lost is not None:
            on_lost(self, reason, cause)


async def _login(credentials: Credentials) -> tuple[str, ...]:
    """The username and password to send now; a provider is asked each time."""
    provider = credentials.provider
    if provider is not None:
        # redis-py's providers learnt to be asked asynchronously after 5.2.
        ask = getattr(provider, "get_credentials_async", None)
        return tuple(await ask()) if ask is not None else tuple(provider.get_credentials())
    if credentials.password is None:
        return ()
    return (credentials.username, credentials.password) if credentials.username else (credentials.password,)


async def open_connection(
    endpoint: Endpoint,
    options: NodeOptions,
    *,
    liveness: Liveness | None,
    on_lost: OnLost | None = None,
    on_push: Callable[[list[Any]], None] | None = None,
) -> Connection:
    """Connect and shake hands within ``options.connect_timeout``.

    Raises:
        redis.AuthenticationError: the server refused the credentials.
        redis.TimeoutError: no answer in time.
        redis.ConnectionError: anything else; the message names the address.
    """
    connection = Connection(endpoint, options, liveness=liveness, on_lost=on_lost, on_push=on_push)
    try:
        async with asyncio.timeout(options.connect_timeout):
            await connect_socket(endpoint, options, lambda: connection)
            await connection.greet(options.credentials)
    except BaseException as fault:
        connection.close("the connection could not be established")
        if isinstance(fault, Exception):
            raise translate(endpoint, fault, options.connect_timeout) from fault
        raise
    return connection
