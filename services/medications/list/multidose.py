"""Multidose on the medication list: who packs, and which doctor is responsible. Pure functions.

One pharmacy at a time; the doctor who registers is responsible, and only that doctor changes or ends it. Where it is
not known who is responsible, as a feed may leave it, any doctor does. Source: SFM, sfm-PLL-info2 (M27.1).
"""

from kjernejournal.common.v1.common_pb2 import Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.errors import Denied, Invalid, Reason


def kept(before: pb.MedicationList, sent: pb.Multidose, author: Provenance) -> pb.Multidose:
    """Returns multidose after a list that names it: as it was, or registered anew. Raises Denied, Invalid.

    What the pharmacy states, when it packed and proposed, is not the sender's to change.
    """
    if not sent.pharmacy.number:
        raise Invalid("multidose.pharmacy.number", "is required: the pharmacy that packs")
    had = before.multidose
    same_doctor = sent.responsible.hpr_number in ("", had.responsible.hpr_number)
    if before.HasField("multidose") and sent.pharmacy.number == had.pharmacy.number and same_doctor:
        return had
    end(before, author)
    if sent.responsible.hpr_number not in ("", author.recorder.hpr_number):
        raise Invalid("multidose.responsible", "must be the doctor who registers it")
    return pb.Multidose(
        pharmacy=sent.pharmacy,
        responsible=author.recorder,
        responsible_organisation=author.organisation,
        since=author.recorded_at,
    )


def end(before: pb.MedicationList, author: Provenance) -> None:
    """Raises Denied when multidose is another doctor's."""
    if before.multidose.responsible.hpr_number not in ("", author.recorder.hpr_number):
        raise Denied(
            Reason.ERROR_REASON_ROLE_REFUSED, "only the doctor who is responsible for multidose changes or ends it"
        )
