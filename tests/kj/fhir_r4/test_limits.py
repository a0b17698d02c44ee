"""What our fields have no room for is counted: nothing is cut in silence."""

from tests.kj.fhir_r4.bundles import bundle, coded, mapped, observation, patient, report, resource

LAB = "http://terminology.hl7.org/CodeSystem/observation-category"


def test_what_lists_have_no_room_for_is_counted() -> None:
    named = [{"system": "http://x.example", "value": str(number)} for number in range(25)]
    kin = [{"system": "phone", "value": f"+47400000{number:02}"} for number in range(12)]
    made = mapped(
        bundle(
            patient(address=[{"line": [str(number) for number in range(7)], "city": "Kystbyen"}]),
            observation(category=[coded("laboratory", "", LAB)] * 12, identifier=named),
            report(conclusion="x", conclusionCode=[coded(str(number)) for number in range(53)]),
            resource("RelatedPerson", "rp", name=[{"text": "Kari"}], telecom=kin),
        )
    )
    assert made.cuts == {
        "category over 10": 2,
        "identifier over 20": 5,
        "address.line over 5": 2,
        "conclusionCode over 50": 3,
        "telecom and address over 10": 2,
    }
