"""Texts of replies that registers give: the register says a code, the gateway the words."""

import pytest

from kjernejournal.common.v1.common_pb2 import CodedText, PatientIdentifier
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.support.client import method
from tests.support.gateway import Front
from tests.support.scripted.services import saying


@pytest.mark.parametrize(
    "metadata, words",
    [((), "Utkastet har det som det sto."), ((("accept-language", "en"),), "The draft has it as it stood.")],
    ids=["norwegian by default", "english"],
)
async def test_a_reconciliation_comes_in_words_of_the_callers_language(
    front: Front, metadata: tuple[tuple[str, str], ...], words: str
) -> None:
    reply = pb.ReconcileMedicationsResponse(
        items=[pb.ReconciledItem(explanations=[CodedText(code="DRAFT_KEPT")])],
    )
    front.registers["medications"].unary(method("ReconcileMedications").path, saying(reply))
    request = pb.ReconcileMedicationsRequest(patient=PatientIdentifier(national_id=front.people.add()))
    got = await front.client.answer("ReconcileMedications", request, extra=metadata)
    assert [each.text for each in got.reply.items[0].explanations] == [words]
