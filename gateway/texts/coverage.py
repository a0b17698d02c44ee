"""Texts about what feeds a section of the summary, and what is known not to be in it: Norwegian, English."""

TEXTS: dict[str, tuple[str, str]] = {
    "SOURCE_PERSONNEL": (
        "registrert i kjernejournal av helsepersonell",
        "registered in the record by health personnel",
    ),
    "SOURCE_PRESCRIPTION_REGISTER": ("reseptformidleren (e-resept)", "the prescription register (e-resept)"),
    "SOURCE_PHARMACIES": ("apotekene", "pharmacies"),
    "SOURCE_MEDICATION_LIST": ("pasientens legemiddelliste", "the patient's medication list"),
    "SOURCE_PATIENT_REGISTER": (
        "Norsk pasientregister (NPR): spesialisthelsetjenesten",
        "the patient register (NPR): specialist care",
    ),
    "SOURCE_DOCUMENT_SHARING": (
        "sykehus og kommuner som deler dokumenter",
        "hospitals and municipalities that share documents",
    ),
    "SOURCE_LABORATORIES": (
        "laboratorier, patologi- og bildeenheter som leverer til den nasjonale tjenesten",
        "laboratories, pathology and imaging units that report to the national service",
    ),
    "SOURCE_VACCINATION_REGISTER": ("vaksinasjonsregisteret (SYSVAK)", "the vaccination register (SYSVAK)"),
    "SOURCE_PATIENT": (
        "pasienten, eller noen på pasientens vegne",
        "the patient, or somebody at the patient's request",
    ),
    "SOURCE_POPULATION_REGISTER": ("folkeregisteret", "the population register"),
    "SOURCE_GP_REGISTER": ("fastlegeregisteret", "the general practitioner register"),
    "MISSING_MOST_CRITICAL_INFORMATION": (
        "de fleste som burde ha kritisk informasjon, har ingen registrert",
        "most of those who should have critical information have none registered",
    ),
    "MISSING_GIVEN_IN_INSTITUTIONS": (
        "legemidler gitt i institusjon",
        "medicines given inside institutions",
    ),
    "MISSING_WITHOUT_PRESCRIPTION": (
        "legemidler kjøpt uten resept eller i utlandet",
        "medicines bought without a prescription or abroad",
    ),
    "MISSING_PRIMARY_CARE": ("primærhelsetjenesten", "primary care"),
    "MISSING_TELEPHONE_AND_LETTER": ("kontakter på telefon og i brev", "telephone and letter contacts"),
    "MISSING_FILTERED_UNITS": ("enheter som registeret filtrerer bort", "units that the register filters out"),
    "MISSING_NOT_SHARING": ("virksomheter som ikke deler dokumenter", "businesses that do not share documents"),
    "MISSING_BEFORE_REPORTING": (
        "svar fra før et laboratorium eller en enhet begynte å levere",
        "answers from before a laboratory or unit began to report",
    ),
    "MISSING_ON_PAPER": (
        "svar gitt bare på papir eller telefon",
        "answers given on paper or by telephone alone",
    ),
    "MISSING_KEPT_OUT": (
        "svar som pasienten holder utenfor den nasjonale tjenesten",
        "answers that the patient keeps out of the national service",
    ),
    # Every vaccination, of all ages, has had to be reported since January 2011 (FHI).
    "MISSING_VACCINATIONS_BEFORE_2011": (
        "før 2011: vaksinasjoner som ikke måtte meldes, som de fleste av voksne",
        "before 2011: vaccinations that did not have to be reported, such as most of adults'",
    ),
    "MISSING_VACCINATIONS_ABROAD": (
        "vaksinasjoner i utlandet som ingen har meldt",
        "vaccinations abroad that nobody has reported",
    ),
    "MISSING_NOT_REGISTERED_BY_PATIENT": (
        "det pasienten ikke har registrert",
        "whatever the patient has not registered",
    ),
}
