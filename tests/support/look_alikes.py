"""What looks like an ATC code and is none, for every room that reads such codes."""

LOOK_ALIKES = (
    "J٠١CA٠٤",  # Arabic digits
    "J01CA0４",  # a full-width digit
    "Ј01CA04",  # a Cyrillic letter
    "ſ01",  # a letter whose capital is ASCII
    "J01CA04\u200b",  # a sign without width
)
