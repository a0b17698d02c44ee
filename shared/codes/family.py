"""Family relations: the codes of HL7 Norway's no-basis-family-relation.

Source: HL7Norway/basisprofiler-r4-fsh, NoBasisFamilyRelation.
"""

RELATIONS = {
    "mor": "Mor",
    "far": "Far",
    "medmor": "Medmor",
    "barn": "Barn",
    "søsken": "Søsken",
    "ektefelleEllerPartner": "Ektefelle eller partner",
    "dødfødtBarn": "Dødfødt barn",
}
"""Names by code."""
