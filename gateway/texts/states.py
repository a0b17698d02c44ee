"""Texts about what a section of the summary is, and why one is not there: Norwegian, English.

The codes are the names of the values of SectionState and UnavailableReason that they explain.
"""

TEXTS: dict[str, tuple[str, str]] = {
    "STATE_UNSPECIFIED": (
        "Tilstanden er ukjent. Det betyr ikke at det ikke finnes noe.",
        "The state is unknown. That does not mean that there is nothing.",
    ),
    "STATE_DATA": ("Det finnes opplysninger.", "There are entries."),
    "STATE_NONE_RECORDED": (
        "Ingenting er registrert her. Det betyr ikke at pasienten ikke har noe.",
        "Nothing is registered here. That does not mean that the patient has none.",
    ),
    "STATE_NONE_SHOWN": (
        "Ingenting vises her: ingenting er registrert, eller pasienten har skjult det.",
        "Nothing is shown here: nothing is registered, or the patient has hidden it.",
    ),
    "NOTICE_DECEASED": ("Pasienten er død.", "The patient is dead."),
    "NOTICE_MAY_BE_HIDDEN": (
        "Deler av journalen kan være skjult av pasienten. At noe ikke vises, betyr ikke at det ikke finnes.",
        "The patient may have hidden parts of the record. What is not shown here may exist all the same.",
    ),
    "STATE_NIL_KNOWN": (
        "Ingen kjente: helsepersonell har oppgitt at pasienten ikke har noen.",
        "None known: health personnel have said that the patient has none.",
    ),
    "STATE_NOT_ASKED": (
        "Ingen har spurt pasienten om dette.",
        "It is on record that nobody has asked the patient about this.",
    ),
    "STATE_OLDER_ONLY": (
        "Ingenting i tidsrommet som vises. Eldre opplysninger finnes: {count}.",
        "Nothing in the time that is shown. Older entries exist: {count}.",
    ),
    "STATE_WITHHELD": (
        "Sperret av pasienten. Et forhøyet grunnlag åpner.",
        "Restricted by the patient. An elevated basis opens it.",
    ),
    "STATE_NOT_AUTHORIZED": ("Ikke tilgjengelig for denne brukeren.", "Not for this caller."),
    "UNAVAILABLE_UNSPECIFIED": ("Ikke hentet. Innholdet er ukjent.", "Not fetched. The content is unknown."),
    "UNAVAILABLE_TIMEOUT": (
        "Ikke hentet: registeret svarte ikke i tide. Innholdet er ukjent.",
        "Not fetched: the register did not answer in time. The content is unknown.",
    ),
    "UNAVAILABLE_ERROR": (
        "Ikke hentet: registeret feilet eller kan ikke nås. Innholdet er ukjent.",
        "Not fetched: the register failed or cannot be reached. The content is unknown.",
    ),
    "UNAVAILABLE_OVERLOADED": (
        "Ikke hentet: registeret er overbelastet. Innholdet er ukjent.",
        "Not fetched: the register is overloaded. The content is unknown.",
    ),
    "UNAVAILABLE_BREAKER_OPEN": (
        "Ikke hentet: registeret har ikke svart på de siste spørsmålene. Innholdet er ukjent. Prøv igjen snart.",
        "Not fetched: the register has not answered the latest questions. The content is unknown. Try again soon.",
    ),
    "UNAVAILABLE_TOO_LARGE": (
        "Utelatt: svaret er for stort for et sammendrag. Be om seksjonen alene.",
        "Left out: the answer is too large for a summary. Ask for the section by itself.",
    ),
}
