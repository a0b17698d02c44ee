"""The substances and code systems that the tests of the safety checks are about."""

WARFARIN, IBUPROFEN, NAPROXEN, DICLOFENAC, PARACETAMOL = "B01AA03", "M01AE01", "M01AE02", "M01AB05", "N02BE01"
PEN_V, AMOXICILLIN, CEFALEXIN = "J01CE02", "J01CA04", "J01DB01"
SNOMED, RXNORM = "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"
