"""Every rpc says how it may be used; an rpc that said nothing would be one that nobody decided about."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import MethodDescriptor

import kjernejournal
from kjernejournal.common.v1 import common_pb2 as common

UNAUDITED = {
    "kjernejournal.summary.v1.SummaryService.GetIndicator",
    "kjernejournal.critical_info.v1.CriticalInfoService.GetCriticalInfoStatus",
}


def methods() -> Iterator[MethodDescriptor]:
    for module in pkgutil.walk_packages(kjernejournal.__path__, "kjernejournal."):
        if module.name.endswith("_pb2"):
            services = importlib.import_module(module.name).DESCRIPTOR.services_by_name
            for service in services.values():
                yield from service.methods


def access(method: MethodDescriptor) -> common.Access:
    return method.GetOptions().Extensions[common.access]


EVERY = pytest.mark.parametrize("method", list(methods()), ids=lambda method: str(method.full_name))


@EVERY
def test_says_what_it_does_and_to_what(method: MethodDescriptor) -> None:
    assert method.GetOptions().HasExtension(common.access)
    assert access(method).action != common.ACTION_UNSPECIFIED
    assert access(method).section != common.SECTION_UNSPECIFIED or access(method).action == common.ACTION_ADMIN
    assert access(method).audit != common.AUDIT_LEVEL_UNSPECIFIED


@EVERY
def test_says_who_may_ask(method: MethodDescriptor) -> None:
    callers = list(access(method).callers)
    assert common.CALLER_KIND_UNSPECIFIED not in callers
    # Internal rpcs have no caller from outside to name.
    assert bool(callers) == (access(method).action != common.ACTION_INTERNAL)


@EVERY
def test_a_stream_has_a_longest_duration(method: MethodDescriptor) -> None:
    streams = method.client_streaming or method.server_streaming
    if access(method).action != common.ACTION_INTERNAL:
        assert access(method).HasField("longest_stream") == streams


def test_what_is_only_counted() -> None:
    counted = {method.full_name for method in methods() if access(method).audit == common.AUDIT_LEVEL_NONE}
    assert counted == UNAUDITED
