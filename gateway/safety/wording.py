"""What the checks say, in every language at once, until it is known who reads it."""

from typing import NamedTuple

from gateway.texts.catalogue import TEXTS
from gateway.texts.languages import Language
from kjernejournal.common.v1.common_pb2 import CodedText


class Phrase(NamedTuple):
    """Words in both languages, under a code; a name is the same in both and has none."""

    code: str
    norwegian: str
    english: str

    def __bool__(self) -> bool:
        return bool(self.norwegian)

    def said(self, language: Language) -> str:
        """Returns the words."""
        return self.english if language is Language.ENGLISH else self.norwegian

    def message(self, language: Language) -> CodedText:
        """Returns the phrase as a reply has it."""
        return CodedText(code=self.code, text=self.said(language))


NO_WORDS = Phrase("", "", "")


def named(name: str) -> Phrase:
    """Returns a name, which has no translation."""
    return Phrase("", name, name)


def of_catalogue(code: str, **values: Phrase) -> Phrase:
    """Returns a text of ours with these values in it. Raises KeyError for a code or a value that is not there."""
    norwegian, english = TEXTS[code]
    return Phrase(
        code,
        norwegian.format_map({name: value.norwegian for name, value in values.items()}),
        english.format_map({name: value.english for name, value in values.items()}),
    )


def coded_text(code: str, values: dict[str, Phrase], language: Language) -> CodedText:
    """Returns a text of ours as a reply has it, with what it names."""
    said = {name: value.said(language) for name, value in values.items()}
    return CodedText(code=code, text=of_catalogue(code, **values).said(language), values=said)
