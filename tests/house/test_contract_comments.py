"""Every rpc's comment has one form and agrees with its access option; every proto is named in each language."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from kjernejournal.common.v1 import common_pb2 as common
from tests.house.test_contract import buf

KINDS = {
    "clinicians": common.CALLER_KIND_CLINICIAN,
    "citizens": common.CALLER_KIND_CITIZEN,
    "systems": common.CALLER_KIND_SYSTEM,
    "auditors": common.CALLER_KIND_AUDITOR,
}
INTERNAL = {"Callers: the gateway alone.", "Callers: the access log alone."}
LONGEST = 8
"""Lines of a paragraph."""
CODES = {code.name for code in grpc.StatusCode}
SERVICE, METHOD, ENUM, VALUE = 6, 2, 5, 2
"""Field numbers of descriptor.proto: a comment is found by the path to what it stands at."""


@cache
def protos() -> tuple[FileDescriptorProto, ...]:
    """Returns every proto of the contract, with its comments."""
    with TemporaryDirectory() as folder:
        image = Path(folder) / "contract.binpb"
        assert buf("build", "-o", str(image)) == ""
        files = FileDescriptorSet.FromString(image.read_bytes()).file
    return tuple(each for each in files if each.name.startswith("kjernejournal/"))


def comment(proto: FileDescriptorProto, *path: int) -> str:
    found = (each.leading_comments for each in proto.source_code_info.location if tuple(each.path) == path)
    return next(found, "")


def rpcs() -> Iterator[tuple[str, str, common.Access]]:
    """Yields name, comment and access option of every rpc."""
    for proto in protos():
        for number, service in enumerate(proto.service):
            for place, method in enumerate(service.method):
                name = f"{proto.package}.{service.name}.{method.name}"
                said = comment(proto, SERVICE, number, METHOD, place)
                yield name, said, method.options.Extensions[common.access]


@cache
def codes_of_reasons() -> dict[str, set[str]]:
    """Returns the gRPC codes that each reason goes with, as its comment says."""
    [proto] = [each for each in protos() if each.name.endswith("error_reason.proto")]
    return {
        value.name.removeprefix("ERROR_REASON_"): CODES
        & set(re.findall(r"[A-Z_]+", comment(proto, ENUM, 0, VALUE, at)))
        for at, value in enumerate(proto.enum_type[0].value)
    }


def faults(said: str, access: common.Access) -> list[str]:
    """Returns what is wrong with an rpc's comment."""
    paragraphs = [each.strip() for each in re.split(r"\n\s*\n", said.strip())]
    if len(paragraphs) < 3 or any(each.startswith(("Callers: ", "Errors: ")) for each in paragraphs[:-2]):
        return ["is not what it does, who may call it, errors"]
    *_, callers, errors = paragraphs
    if not callers.startswith("Callers: ") or not errors.startswith("Errors: "):
        return ["does not end with Callers: and Errors:"]
    found = [f"a paragraph of more than {LONGEST} lines" for each in paragraphs if each.count("\n") >= LONGEST]
    named = {KINDS[each] for each in re.findall("|".join(KINDS), callers)}
    if named != set(access.callers) or (callers in INTERNAL) != (access.action == common.ACTION_INTERNAL):
        found.append("names other callers than the access option")
    return found + error_faults(errors)


def error_faults(errors: str) -> list[str]:
    """Returns what is wrong with the paragraph of errors: each code has its reasons beside it, and they go together."""
    if errors == "Errors: those of every rpc.":
        return []
    text = errors.removeprefix("Errors: ").replace("\n", " ")
    pairs = re.findall(r"\b([A-Z_]{5,})\s+\(([A-Z_,\s]+)\):", text)
    named = [word for word in re.findall(r"\b[A-Z_]{5,}\b", re.sub(r"\([A-Z_,\s]+\)", "", text)) if word in CODES]
    found = [] if pairs and named == [code for code, _ in pairs] else ["a code without its reasons, or none"]
    given = [(reason, code) for code, reasons in pairs for reason in re.findall(r"[A-Z_]+", reasons)]
    known = codes_of_reasons()
    return found + [f"{reason} is no reason of {code}" for reason, code in given if code not in known.get(reason, ())]


def test_every_rpcs_comment_says_what_it_does_who_may_call_it_and_its_errors() -> None:
    wrong = {name: found for name, said, access in rpcs() if (found := faults(said, access))}
    assert wrong == {}


PLANTED = common.Access(action=common.ACTION_READ, callers=[common.CALLER_KIND_CLINICIAN, common.CALLER_KIND_CITIZEN])
GOOD = "Lists.\n\nCallers: clinicians, citizens.\n\nErrors: NOT_FOUND (ENTRY_NOT_FOUND): no such entry."


def test_a_comment_of_the_form_has_no_fault() -> None:
    assert faults(GOOD, PLANTED) == []


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("Lists.\n\n", "", "is not what it does"),
        ("Errors: ", "", "does not end with"),
        (", citizens", "", "other callers"),
        ("citizens", "citizens, systems", "other callers"),
        ("clinicians, citizens", "the gateway alone", "other callers"),
        (" (ENTRY_NOT_FOUND)", "", "without its reasons"),
        ("NOT_FOUND (", "ABORTED (", "ENTRY_NOT_FOUND is no reason of ABORTED"),
        ("ENTRY_NOT_FOUND", "GONE_FISHING", "GONE_FISHING is no reason"),
        ("Lists.", "Lists.\n" * 9, "more than 8 lines"),
    ],
)
def test_a_comment_that_leaves_the_form_is_found(old: str, new: str, fault: str) -> None:
    assert fault in " ".join(faults(GOOD.replace(old, new, 1), PLANTED))


def test_every_reason_says_its_code() -> None:
    assert [reason for reason, codes in codes_of_reasons().items() if not codes and reason != "UNSPECIFIED"] == []


@pytest.mark.parametrize("proto", protos(), ids=lambda proto: str(proto.name))
def test_every_proto_has_its_package_in_go_java_and_csharp(proto: FileDescriptorProto) -> None:
    options, words = proto.options, proto.package.split(".")
    file = proto.name.rsplit("/", 1)[-1].removesuffix(".proto")
    assert options.go_package == f"{'/'.join(words)};{''.join(words[1:]).replace('_', '')}"
    assert options.java_package == proto.package
    assert options.java_multiple_files
    assert options.java_outer_classname == f"{pascal(file)}Proto"
    assert options.csharp_namespace == ".".join(map(pascal, words))


def pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
