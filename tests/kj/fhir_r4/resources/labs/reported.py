"""Laboratory answers of a bundle, as the register is sent them."""

from typing import Any

from kjernejournal.labs.v1 import labs_pb2 as pb
from tests.kj.fhir_r4.bundles import observation, record_of

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
VOLVEN = "urn:oid:2.16.578.1.12.4.1.1."
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def held(*names: str) -> list[dict[str, str]]:
    return [{"reference": f"Observation/{each}"} for each in names]


def reported(*resources: Any) -> pb.LabReport:
    [made] = record_of(*resources).labs.reports
    return made


def result(**fields: Any) -> pb.Result:
    [made] = reported(observation(**{"valueQuantity": None, **fields})).results
    return made
