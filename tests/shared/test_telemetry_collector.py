"""Tests the collector's client against a real OTLP/gRPC receiver over real sockets."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import grpc
import pytest
import trustme
from opentelemetry.proto.trace.v1.trace_pb2 import SpanFlags, Status

from shared import telemetry
from shared.telemetry import SpanContext, SpanKind, span
from tests.support.telemetry.otlp_receiver import otlp_receiver
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    telemetry.stop()


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "http://127.0.0.1:{}", "http://localhost:{}/"])
def test_spans_arrive(form: str) -> None:
    with otlp_receiver() as receiver:
        telemetry.configure("gateway", directory=None, endpoint=form.format(receiver.port))
        with span("request", SpanKind.SERVER, **{"kj.section": "visits"}) as one:
            pass
        telemetry.stop()
    (sent,) = receiver.spans()
    assert (sent.trace_id.hex(), sent.span_id.hex()) == one.context
    assert (sent.name, sent.kind, sent.attributes[0].value.string_value) == ("request", 2, "visits")
    resource = receiver.requests[0].resource_spans[0].resource
    assert {pair.key: pair.value.string_value for pair in resource.attributes} == {
        "service.name": "gateway",
        "service.instance.id": str(os.getpid()),
    }


def test_the_parent_of_a_server_is_remote_and_no_other_is() -> None:
    with otlp_receiver() as receiver:
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        with span("rpc", SpanKind.SERVER, parent=SpanContext("ab" * 16, "cd" * 8)), span("query", SpanKind.CLIENT):
            pass
        telemetry.stop()
        query, rpc = receiver.spans()
    remote = SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
    assert (rpc.parent_span_id.hex(), rpc.flags & remote) == ("cd" * 8, remote)
    assert query.flags & remote == 0


def test_many_spans_arrive_in_few_calls() -> None:
    with otlp_receiver() as receiver:
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        for sent in range(1000, 6000, 1000):
            for _ in range(1000):
                with span("request"):
                    pass
            until(lambda sent=sent: len(receiver.spans()) == sent)  # type: ignore[misc]  # mypy: default argument
        telemetry.stop()
        assert receiver.calls <= 100


def test_an_endpoint_is_preferred_to_a_directory(tmp_path: Path) -> None:
    with otlp_receiver() as receiver:
        telemetry.configure("gateway", directory=tmp_path, endpoint=f"127.0.0.1:{receiver.port}")
        with span("request"):
            pass
        telemetry.stop()
        assert len(receiver.spans()) == 1
    assert not list(tmp_path.iterdir())


def test_a_collector_that_is_busy_is_asked_again() -> None:
    before = telemetry.dropped()
    with otlp_receiver() as receiver:
        receiver.refusals = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED]
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        with span("request"):
            pass
        until(lambda: len(receiver.requests) == 1)
        assert receiver.calls == 3
    assert telemetry.dropped() == before


def test_a_batch_is_given_up_when_its_time_is_over_and_the_next_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")  # shorter than the first wait between two attempts
    before = telemetry.dropped()
    with otlp_receiver() as receiver:
        receiver.refusals = [grpc.StatusCode.UNAVAILABLE]
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        with span("request"):
            pass
        until(lambda: telemetry.dropped() == before + 1)
        with span("request"):
            pass
        until(lambda: len(receiver.requests) == 1)
        assert receiver.calls == 2


def test_a_collector_that_is_away_gets_the_spans_when_it_comes_back() -> None:
    before = telemetry.dropped()
    with otlp_receiver() as receiver:
        port = receiver.port
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{port}")
        with span("before"):
            pass
        until(lambda: len(receiver.spans()) == 1)
    with span("meanwhile"):
        pass
    sleep(0.5)  # longer than spans are gathered: the first attempt finds nobody
    with otlp_receiver(port=port) as receiver:
        with span("after"):
            pass
        until(lambda: [one.name for one in receiver.spans()] == ["meanwhile", "after"])
    assert telemetry.dropped() == before


def test_stopping_ends_a_call_that_the_collector_never_answers() -> None:
    before = telemetry.dropped()
    with otlp_receiver() as receiver:
        receiver.held = True
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        for _ in range(500):
            with span("request"):
                pass
        until(lambda: receiver.calls == 1)
        begin = monotonic()
        telemetry.stop()
        assert monotonic() - begin < 2.6
        assert not [thread for thread in threading.enumerate() if thread.name == "telemetry"]
    assert telemetry.dropped() == before + 500


def test_headers_and_compression_come_from_opentelemetrys_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,x-tenant=kj")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    with otlp_receiver() as receiver:
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        with span("request"):
            pass
        telemetry.stop()
        assert len(receiver.spans()) == 1
    assert receiver.metadata[0].items() >= {"authorization": "Bearer abc", "x-tenant": "kj"}.items()


@pytest.mark.parametrize("name, value", [("COMPRESSION", "brotli"), ("TIMEOUT", "soon")])
def test_a_malformed_variable_is_refused_at_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    with pytest.raises(ValueError, match=r"COMPRESSION|soon"):
        telemetry.configure("gateway", directory=None, endpoint="127.0.0.1:4317")


def test_what_leaves_has_passed_the_allow_list() -> None:
    with otlp_receiver() as receiver:
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        with (
            span("call") as outer,
            span("SELECT 21875049123", SpanKind.CLIENT, **{"kj.section": "Kari 21875049123"}) as one,
        ):
            one.attributes["person"] = "Kari"  # as only a mistake in our code could
            one.set("kj.rows", 3)
            one.links.append(outer.context)
            one.fail("XX000")
        telemetry.stop()
        sent, parent = receiver.spans()
    assert sent.name == "[refused]"
    assert {pair.key: pair.value.string_value or pair.value.int_value for pair in sent.attributes} == {
        "kj.section": "[refused]",
        "kj.rows": 3,
        "error.type": "XX000",
    }
    assert (sent.parent_span_id, sent.links[0].span_id) == (parent.span_id, parent.span_id)
    assert (sent.status.code, parent.status.code) == (Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET)
    assert parent.end_time_unix_nano >= sent.end_time_unix_nano >= sent.start_time_unix_nano > 0


def test_the_exporter_is_loaded_where_a_collector_is_set_and_nowhere_else(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import services.visits.__main__, gateway.__main__\n"
        "from shared import telemetry\n"
        f"telemetry.configure('gateway', directory=Path({str(tmp_path)!r}), endpoint=None)\n"
        "telemetry.stop()\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.exporter', 'opentelemetry.proto'))])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_refusal_for_good_is_not_repeated() -> None:
    before = telemetry.dropped()
    with otlp_receiver() as receiver:
        receiver.refusals = [grpc.StatusCode.INVALID_ARGUMENT]
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        with span("request"):
            pass
        telemetry.stop()
        assert receiver.calls == 1
    assert telemetry.dropped() == before + 1


def test_a_collector_that_is_not_there_costs_spans_and_no_time() -> None:
    before = telemetry.dropped()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{taken.getsockname()[1]}")
        took = []
        for _ in range(10):
            begin = monotonic()
            for _ in range(10):
                with span("request"):
                    pass
            took.append(monotonic() - begin)
        assert min(took) < 0.01, "the best of ten: the machine may be busy in some"
        begin = monotonic()
        telemetry.stop()
        assert monotonic() - begin < 2.6
    assert telemetry.dropped() == before + 100


@pytest.mark.parametrize("endpoint", ["", "ftp://x:1", "http://", "host:port", "http://x:1/path", "a b:1"])
def test_what_is_no_endpoint_is_refused_at_start(endpoint: str) -> None:
    if not endpoint:
        telemetry.configure("gateway", directory=None, endpoint=endpoint)  # set but empty is not set
        return
    with pytest.raises(ValueError, match="OTLP endpoint"):
        telemetry.configure("gateway", directory=None, endpoint=endpoint)


@dataclass(frozen=True)
class Certificates:
    """A receiver's credentials, which ask for a client's certificate, and the files of a client that it takes."""

    server: grpc.ServerCredentials
    roots: Path
    chain: Path
    key: Path


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    authority = trustme.CA()
    server, client = authority.issue_cert("localhost"), authority.issue_cert("gateway.test")
    paths = [tmp_path / name for name in ("roots.pem", "chain.pem", "key.pem")]
    for path, pem in zip(paths, (authority.cert_pem, client.cert_chain_pems[0], client.private_key_pem), strict=True):
        pem.write_to_path(path)
    credentials = grpc.ssl_server_credentials(
        [(server.private_key_pem.bytes(), server.cert_chain_pems[0].bytes())],
        root_certificates=authority.cert_pem.bytes(),
        require_client_auth=True,
    )
    return Certificates(credentials, *paths)


def test_https_is_tls_with_the_certificates_of_opentelemetrys_variables(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = telemetry.dropped()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificates.roots))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", str(certificates.chain))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", str(certificates.key))
    # Says nothing where the endpoint has a scheme.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
    with otlp_receiver(certificates.server) as receiver:
        telemetry.configure("gateway", directory=None, endpoint=f"https://localhost:{receiver.port}")
        with span("request"):
            pass
        telemetry.stop()
        assert len(receiver.spans()) == 1
    assert telemetry.dropped() == before


def test_a_collector_of_another_authority_gets_nothing(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = telemetry.dropped()
    trustme.CA().cert_pem.write_to_path(tmp_path / "others.pem")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "others.pem"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    with otlp_receiver(certificates.server) as receiver:
        telemetry.configure("gateway", directory=None, endpoint=f"https://localhost:{receiver.port}")
        with span("request"):
            pass
        telemetry.stop()
        assert receiver.calls == 0
    assert telemetry.dropped() == before + 1
