"""Holds spans as plain records, and the current one of each task.

Ours and not the SDK's, since several are made for each query on the way of every request: the SDK's cost at least 7
times as much (17 us and more against 2.4). The ids and the kinds are OpenTelemetry's.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic_ns, time_ns
from types import TracebackType
from typing import NamedTuple, Self, overload

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanKind

from shared.telemetry.attributes import ALLOWED_ATTRIBUTES, Value, check_key

_ids = RandomIdGenerator()


class SpanContext(NamedTuple):
    """Names a span to the world: 32 and 16 lower-case hex digits."""

    trace_id: str
    span_id: str


class Span:
    """One timed step. Opened by `span(...)`, recorded when its `with` block ends.

    `start_ns` and `end_ns` are nanoseconds since 1970; `end_ns` is 0 while the span is open. The duration is
    measured on the monotonic clock, so a step of the wall clock cannot make it negative.
    """

    __slots__ = (
        "_monotonic",
        "attributes",
        "context",
        "end_ns",
        "kind",
        "links",
        "name",
        "outer",
        "parent_id",
        "start_ns",
        "status_ok",
    )

    context: SpanContext
    start_ns: int
    _monotonic: int

    def __init__(self, name: str, kind: SpanKind, parent: SpanContext | None, attributes: dict[str, Value]) -> None:
        outer = _current.get()
        self.outer = outer
        if parent is None and outer is not None:
            parent = outer.context
        span_id = f"{_ids.generate_span_id():016x}"
        if parent is None:
            self.parent_id = ""
            self.context = SpanContext(f"{_ids.generate_trace_id():032x}", span_id)
        else:
            self.parent_id = parent.span_id
            self.context = SpanContext(parent.trace_id, span_id)
        self.name = name
        self.kind = kind
        self.attributes = attributes
        self.links: list[SpanContext] = []
        self.status_ok = True
        self.end_ns = 0
        self.start_ns = time_ns()
        self._monotonic = monotonic_ns()

    def set(self, key: str, value: Value) -> None:
        """Adds an attribute. ValueError for a key not in ALLOWED_ATTRIBUTES; an unfit value leaves as `[refused]`."""
        check_key(key)
        self.attributes[key] = value

    def fail(self, code: str) -> None:
        """Marks the span as an error with a gRPC code or an SQLSTATE; never give it an exception's text."""
        self.status_ok = False
        self.attributes["error.type"] = code

    def __enter__(self) -> Self:
        _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end_ns = self.start_ns + monotonic_ns() - self._monotonic
        if kind is not None and self.status_ok:
            self._fail_from(kind)
        # No ContextVar.reset: a generator may be closed in another context than it began in, where its token is
        # foreign, and may end after the span around it, whose ghost must not become current again.
        outer = self.outer
        while outer is not None and outer.end_ns:
            outer = outer.outer
        self.outer = outer
        if _current.get() is self:
            _current.set(outer)
        _on_end(self)

    def _fail_from(self, kind: type[BaseException]) -> None:
        if issubclass(kind, GeneratorExit):
            return  # a stream that its reader closed early is no error
        self.fail("CANCELLED" if issubclass(kind, asyncio.CancelledError) else "ERROR")


_current: ContextVar[Span | None] = ContextVar("kj_span", default=None)


# Without the first two, the type checker tries the values of `**{"rpc.method": ...}` on `kind` and `parent` as well.
@overload
def span(name: str, kind: SpanKind = ..., /, **attributes: Value) -> Span: ...
@overload
def span(name: str, kind: SpanKind = ..., /, *, parent: SpanContext | None, **attributes: Value) -> Span: ...
@overload
def span(name: str, kind: SpanKind = ..., *, parent: SpanContext | None = ..., **attributes: Value) -> Span: ...
def span(  # type: ignore[misc] # attribute keys hold a dot: none is called kind or parent
    name: str, kind: SpanKind = SpanKind.INTERNAL, *, parent: SpanContext | None = None, **attributes: Value
) -> Span:
    """Makes a span for a `with` block, current inside it: a child of `parent` or of the current span, else a root.

    An exception marks it failed and goes on. ValueError for an attribute that is not in ALLOWED_ATTRIBUTES.
    `name` is fixed by the code (`SELECT entries`), never made from a request's values.
    """
    if not attributes.keys() <= ALLOWED_ATTRIBUTES:
        for key in attributes:
            check_key(key)
    return Span(name, kind, parent, attributes)


def current() -> Span | None:
    """Returns the innermost open span of this task."""
    return _current.get()


def _discard(ended: Span) -> None:
    pass


_on_end: Callable[[Span], None] = _discard


def on_end(receiver: Callable[[Span], None] | None) -> Callable[[Span], None]:
    """Hands every ended span to `receiver`, on the thread that ended it; None discards. Returns the one before it."""
    global _on_end
    before, _on_end = _on_end, receiver or _discard
    return before
