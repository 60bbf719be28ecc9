"""Everything that ``redis.asyncio.Redis`` can be told, over our ``execute_command``.

The fast path is here, in one function: a command that finds a ready connection and gets a plain
reply passes through no other code of ours than packing, ``Connection.send`` and its callback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Literal

from redis.asyncio import ConnectionPool
from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.commands import AsyncCoreCommands, AsyncRedisModuleCommands, AsyncSentinelCommands
from redis.exceptions import ResponseError

from ha_manager.commands.callbacks import StockFace
from ha_manager.commands.cluster_methods import ClusterMethods
from ha_manager.commands.context import Context
from ha_manager.commands.dispatch import Dispatch, Order
from ha_manager.commands.ensuring import Ensuring
from ha_manager.commands.nonatomic import NonAtomic
from ha_manager.commands.places import Places
from ha_manager.commands.scanning import Scanning
from ha_manager.commands.targets import Place
from ha_manager.delivery import Call, Policy, Taker
from ha_manager.errors import UnsafeCommandError
from ha_manager.routing import CommandSpec, describe, split_name
from ha_manager.transport import Connection, ConnectionLostError, ReplyOverdueError, make_packer

_PLAIN = frozenset({bool, int, float, str, bytes, list, dict, set, tuple, type(None)})
"""Types of callback results that are certainly not awaitable."""


class Plan:
    """What is known of a command before its arguments are: looked up once for each name."""

    __slots__ = ("callback", "prefix", "spec", "take")

    def __init__(
        self,
        spec: CommandSpec,
        take: Taker | None,
        callback: Callable[..., Any] | None,
        prefix: tuple[str | bytes, ...] | None,
    ) -> None:
        self.spec = spec
        self.take = take
        self.callback = callback
        self.prefix = prefix


class CommandAPI(  # type: ignore[misc]  # redis-py's mixins declare some methods twice
    Scanning,
    Ensuring,
    NonAtomic,
    Places,
    ClusterMethods,
    AsyncRedisModuleCommands,
    AsyncCoreCommands,
    AsyncSentinelCommands,
):
    """The command methods, the response callbacks, and one policy for how commands are treated.

    Args:
        context: where commands go, and how values are written and read.
        policy: how commands are treated.
    """

    _is_async_client: Literal[True] = True
    _event_dispatcher: Any = None  # declared by redis-py's protocols, used by its pools only

    def __init__(self, context: Context, policy: Policy) -> None:
        options = context.options
        self._context = context
        self._executor = context.executor
        self._lanes = context.lanes
        self._policy = policy
        self._pack = make_packer(options.encoding, options.encoding_errors)
        self._plans: dict[Any, Plan] = {}
        self._face = StockFace(options, self.execute_command, self._plans.clear)
        # The fast path of a cluster encodes keys itself, and only as UTF-8.
        self._plain_keys = options.encoding.lower() in _UTF_8 and options.encoding_errors == "strict"
        self._dispatch = Dispatch(
            context.lanes,
            context.executor,
            targets=context.targets,
            learned=context.learned,
            encode=self._key_bytes,
            cross_slot=context.cross_slot,
        )
        self._lanes.tell(self)

    def forget_plans(self) -> None:
        """Look every command up anew: the deployment turned out to be a cluster."""
        self._plans.clear()

    # What redis-py's mixins and users expect of a client

    @property
    def response_callbacks(self) -> dict[str, Callable[..., Any]]:
        """Command name to response callback, as in redis-py; case does not matter."""
        callbacks: Any = self._face.response_callbacks
        return callbacks  # type: ignore[no-any-return]

    def set_response_callback(self, command: str, callback: Callable[..., Any]) -> None:
        """Have the replies of ``command`` pass through ``callback``, as in redis-py."""
        self.response_callbacks[command] = callback

    @property
    def connection_pool(self) -> ConnectionPool:
        """A redis-py pool that carries the protocol and encoding; no connection of it is used."""
        pool: ConnectionPool = self._face.connection_pool
        return pool

    def get_encoder(self) -> Any:
        """redis-py's encoder for this encoding."""
        return self._face.get_encoder()

    def get_connection_kwargs(self) -> dict[str, Any]:
        """redis-py's connection options, as far as they concern values."""
        kwargs: dict[str, Any] = self._face.get_connection_kwargs()
        return kwargs

    def load_external_module(self, funcname: str, func: Any) -> None:
        """Add a command namespace of one's own, as in redis-py."""
        setattr(self, funcname, func)

    # The fast path

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command and return its reply, passed through its response callback.

        Args:
            args: the command's name and its arguments: bytes, strings or numbers.
            options: passed to the response callback, as in redis-py.

        Raises:
            redis.RedisError: the server's error replies, by redis-py's classes.
            OutcomeUnknownError: it was sent, was not answered, and may not be repeated.
            FailoverTimeoutError: no usable node within ``failover_timeout``; it did not run.
            PendingLimitError: too many commands wait for a node; it was not sent.
            UnsafeCommandError: it would change a connection that other callers share.
        """
        plan = self._plans.get(args[0])
        if plan is None:
            plan = self._plan(args)
        if options:
            options.pop("keys", None)
        take = plan.take
        if (
            take is None
            or self._ensuring
            or (connection := take(args)) is None
            or (options and not _SPECIAL.isdisjoint(options))
        ):
            return await self._carefully(plan, args, options)
        prefix = plan.prefix
        packed = self._pack(args if prefix is None else prefix + args[1:])
        try:
            reply = await connection.send(packed)
        except (ConnectionLostError, ReplyOverdueError) as fault:
            reply = fault
        if isinstance(reply, Exception):
            call = Call(plan.spec, packed, self._policy)
            if self._lanes.clustered:
                call.slot = self._dispatch.slot_of(plan.spec, args)
            reply = await self._settle(call, options, reply, connection)
        callback = plan.callback
        if callback is None:
            return reply
        if options:
            options.pop(EMPTY_RESPONSE, None)
        result = callback(reply, **options)
        if type(result) not in _PLAIN and isawaitable(result):
            return await result
        return result

    if not TYPE_CHECKING:

        @wraps(AsyncCoreCommands.set)
        async def set(self, name, value, *args, **kwargs):
            # redis-py's method spends more on its options than the round trip costs; the plain
            # form, which has none, is by far the most common.
            if args or kwargs:
                return await super().set(name, value, *args, **kwargs)
            return await self.execute_command("SET", name, value)

    # Everything else

    async def _carefully(self, plan: Plan, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """As :meth:`execute_command`, for what finds no ready connection or needs a closer look."""
        words = args if plan.prefix is None else plan.prefix + args[1:]
        spec = describe(words) if plan.spec.varies else plan.spec
        if spec.refusal is not None:
            raise UnsafeCommandError(f"{spec.name} was not sent: {spec.refusal}")
        targets = options.pop("target_nodes", None)
        # redis-py marks such commands by the option's presence; its value says nothing.
        undecoded = options.pop(NEVER_DECODE, None) is not None
        empty = EMPTY_RESPONSE in options
        instead = options.pop(EMPTY_RESPONSE, None)
        order = self._order(spec, words, plan.callback, options, undecoded=undecoded, targets=targets)
        try:
            result = await self._dispatch.run(order)
        except ResponseError:
            if not empty:
                raise
            result = order.finish(instead)
        return await result if isawaitable(result) else result

    def _order(
        self,
        spec: CommandSpec,
        words: Sequence[Any],
        callback: Callable[..., Any] | None,
        options: dict[str, Any],
        *,
        undecoded: bool = False,
        targets: Any = None,
    ) -> Order:
        def make(spec: CommandSpec, words: Sequence[Any]) -> Call:
            confirmation = None if spec.repeatable else self._confirmation()
            packed = self._pack(tuple(words))
            return Call(spec, packed, self._policy, undecoded=undecoded, confirmation=confirmation)

        def finish(reply: Any) -> Any:
            return reply if callback is None else callback(reply, **options)

        return Order(spec, words, make, finish, targets)

    def _key_bytes(self, key: Any) -> bytes:
        # redis-py's encoder leaves a memoryview or bytearray as it is.
        return bytes(self._face.get_encoder().encode(key))

    def _order_for(self, words: Sequence[Any]) -> Order:
        plan = self._plans.get(words[0]) or self._plan(tuple(words))
        return self._order(plan.spec, words, plan.callback, {})

    async def execute_at(self, place: Place, *args: Any, **options: Any) -> tuple[Any, object]:
        """As :meth:`execute_command`, at one place; returns the reply and who answered."""
        plan = self._plans.get(args[0]) or self._plan(args)
        spec = describe(args) if plan.spec.varies else plan.spec
        return await self._dispatch.run_at(self._order(spec, args, plan.callback, options), place)

    async def _settle(
        self, call: Call, options: dict[str, Any], outcome: Exception, connection: Connection
    ) -> Any:
        try:
            return await self._executor.run(call, outcome, connection.endpoint)
        except ResponseError:
            if EMPTY_RESPONSE in options:
                return options[EMPTY_RESPONSE]
            raise

    def _plan(self, args: tuple[Any, ...]) -> Plan:
        spec = describe(args)
        name = args[0]
        words = split_name(name)
        callback = self.response_callbacks.get(name) if isinstance(name, str) else None
        plan = Plan(spec, self._taker(spec), callback, words if len(words) > 1 else None)
        if len(words) <= _LONGEST_NAME and len(self._plans) < _PLAN_LIMIT:
            self._plans[name] = plan
        return plan

    def _taker(self, spec: CommandSpec) -> Taker | None:
        """Where the fast path gets its connection; ``None`` for what may not use it."""
        special = spec.varies or spec.blocking or spec.for_sentinel or spec.refusal is not None
        if special or self._policy.command_timeout is not None:
            return None
        if spec.on_replica and self._policy.preference is not None:
            return None
        if self._lanes.clustered and not self._plain_keys:
            return None
        return self._lanes.taker(spec)

    # Namespaces of redis-py's modules choose their callbacks by the type of their client.

    def json(self, *args: Any, **kwargs: Any) -> Any:
        """redis-py's JSON namespace."""
        return self._face.json(*args, **kwargs)

    def ft(self, *args: Any, **kwargs: Any) -> Any:
        """redis-py's search namespace."""
        return self._face.ft(*args, **kwargs)

    def ts(self) -> Any:
        """redis-py's time series namespace."""
        return self._face.ts()

    def bf(self) -> Any:
        """redis-py's Bloom filter namespace."""
        return self._face.bf()

    def cf(self) -> Any:
        """redis-py's cuckoo filter namespace."""
        return self._face.cf()

    def cms(self) -> Any:
        """redis-py's count-min sketch namespace."""
        return self._face.cms()

    def topk(self) -> Any:
        """redis-py's top-k namespace."""
        return self._face.topk()

    def tdigest(self) -> Any:
        """redis-py's t-digest namespace."""
        return self._face.tdigest()

    def vset(self) -> Any:
        """redis-py's vector set namespace (redis-py 6 and later)."""
        return self._face.vset()


_UTF_8 = frozenset({"utf-8", "utf8"})

_SPECIAL = frozenset({NEVER_DECODE, "target_nodes"})
"""Options that are for us, not for the callbacks."""

_LONGEST_NAME = 2
"""Words of a name that are remembered; whoever writes more has put arguments, or secrets, there."""

_PLAN_LIMIT = 4096
"""Names of commands that are remembered: enough for all there are, bounded against nonsense."""
