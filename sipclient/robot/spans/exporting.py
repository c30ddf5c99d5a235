"""Spans on their way to a collector, by OTLP over HTTP: `[otel]`."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from sipclient import __version__
from sipclient.config import OtelConfig
from sipclient.errors import InvalidValue
from sipclient.robot.spans.spans import Spans

FLUSH = 1.0  # seconds that the last spans get to leave at the end
PATH = "/v1/traces"


@asynccontextmanager
async def exported(config: OtelConfig, tell: Callable[[str], None]) -> AsyncIterator[Spans]:
    """An observer whose spans leave in a thread of their own; leaving gives the last of them FLUSH seconds.

    `tell` hears, in the loop, once that the collector does not take them, and once that it does again. Raises
    InvalidValue where the OTEL_* variables of the environment cannot be used.
    """
    loop = asyncio.get_running_loop()

    def tell_from_thread(text: str) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, text)

    with _quiet():
        provider = provider_of(config, tell_from_thread)
        spans = Spans(provider.get_tracer("sipclient", __version__))
        try:
            yield spans
        finally:
            await spans.aclose()
            last = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
            last.start()
            await asyncio.to_thread(last.join, FLUSH)


def provider_of(config: OtelConfig, tell: Callable[[str], None]) -> TracerProvider:
    """What `[otel]` says, and for all that it does not say what the environment says.

    `tell` is called from the exporting thread. Raises InvalidValue.
    """
    try:
        exporter = OTLPSpanExporter(endpoint=_traces_at(config.endpoint) or None)
        processor = BatchSpanProcessor(Reporting(exporter, tell))
        provider = TracerProvider(resource=_resource(config), shutdown_on_exit=False)
    except (ValueError, OSError) as error:
        raise InvalidValue(f"[otel] an OTEL_* variable of the environment cannot be used: {error}") from error
    provider.add_span_processor(processor)
    return provider


class Reporting(SpanExporter):
    """Says when spans begin to be lost, and when they arrive again, rather than each time."""

    def __init__(self, exporter: SpanExporter, tell: Callable[[str], None]) -> None:
        self._exporter = exporter
        self._tell = tell
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        try:
            result = self._exporter.export(spans)
        except Exception:  # such as a header of the environment that no request can carry
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            if not self._lost:
                self._tell("[otel] the collector does not take spans: they are lost meanwhile; it goes on without")
            self._lost += len(spans)
        elif self._lost:
            self._tell(f"[otel] the collector takes spans again; {self._lost} or more did not reach it")
            self._lost = 0
        return result

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._exporter.shutdown()


def _traces_at(endpoint: str) -> str:
    """Where spans go below a collector's URL, which may name that place already."""
    return f"{endpoint.rstrip('/').removesuffix(PATH)}{PATH}" if endpoint else ""


def _resource(config: OtelConfig) -> Resource:
    found = Resource.create({SERVICE_VERSION: __version__})
    unnamed = str(found.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service")
    name = config.service_name or ("sipclient" if unnamed else "")
    return found.merge(Resource({SERVICE_NAME: str(name)})) if name else found


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenTelemetry logs each batch that it could not send: of that Reporting tells."""
    logger = logging.getLogger("opentelemetry")
    handler, propagates = logging.NullHandler(), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = propagates
        logger.removeHandler(handler)
