"""Against a real OTLP/gRPC receiver over real sockets."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import grpc
import pytest
import trustme

from shared import telemetry
from shared.telemetry import SpanKind, span
from tests.support.otlp_receiver import otlp_receiver
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


def test_many_spans_arrive_in_few_calls() -> None:
    with otlp_receiver() as receiver:
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        for _ in range(5000):
            with span("request"):
                pass
        telemetry.stop()
        assert len(receiver.spans()) == 5000
        assert receiver.calls <= 25


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


def test_a_batch_is_given_up_after_four_refusals_and_the_next_one_goes() -> None:
    before = telemetry.dropped()
    with otlp_receiver() as receiver:
        receiver.refusals = [grpc.StatusCode.UNAVAILABLE] * 4
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        with span("request"):
            pass
        until(lambda: telemetry.dropped() == before + 1)
        with span("request"):
            pass
        until(lambda: len(receiver.requests) == 1)
        assert receiver.calls == 5


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


def test_spans_that_the_collector_rejects_are_counted() -> None:
    before = telemetry.dropped()
    with otlp_receiver() as receiver:
        receiver.rejects = 1
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{receiver.port}")
        with span("request"):
            pass
        telemetry.stop()
    assert telemetry.dropped() == before + 1


def test_a_collector_that_is_not_there_costs_spans_and_no_time() -> None:
    before = telemetry.dropped()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        telemetry.configure("gateway", directory=None, endpoint=f"127.0.0.1:{taken.getsockname()[1]}")
        begin = monotonic()
        for _ in range(100):
            with span("request"):
                pass
        assert monotonic() - begin < 0.1
        begin = monotonic()
        telemetry.stop()
        assert monotonic() - begin < 2.5
    assert telemetry.dropped() == before + 100


@pytest.mark.parametrize("endpoint", ["", "ftp://x:1", "http://", "host:port", "http://x:1/path", "a b:1"])
def test_what_is_no_endpoint_is_refused_at_start(endpoint: str) -> None:
    if not endpoint:
        telemetry.configure("gateway", directory=None, endpoint=endpoint)  # set but empty is not set
        return
    with pytest.raises(ValueError, match="OTLP endpoint"):
        telemetry.configure("gateway", directory=None, endpoint=endpoint)


def test_https_is_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "roots.pem")
    credentials = grpc.ssl_server_credentials(
        [(certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())]
    )
    with otlp_receiver(credentials) as receiver:
        program = (
            "from shared import telemetry\n"
            f"telemetry.configure('gateway', directory=None, endpoint='https://localhost:{receiver.port}')\n"
            "with telemetry.span('request'): pass\n"
            "telemetry.stop()\n"
            "print(telemetry.dropped())\n"
        )
        # gRPC reads its roots once a process, so the caller with roots of its own is another one.
        environment = os.environ | {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(tmp_path / "roots.pem")}
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert ran.stdout == "0\n", ran.stderr
        assert len(receiver.spans()) == 1
