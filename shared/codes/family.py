"""Family relations: the codes of HL7 Norway's no-basis-family-relation.

Source: HL7Norway/basisprofiler-r4-fsh, NoBasisFamilyRelation.
"""

RELATIONS = frozenset({"mor", "far", "medmor", "barn", "søsken", "ektefelleEllerPartner", "dødfødtBarn"})
