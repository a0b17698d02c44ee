"""What is taken from a document: commands, and the lines that follow them."""

from pathlib import Path

from tests.support.printed import Block, blocks

DOCUMENT = """
```sh
echo one
```

Prose.

```text
one
```

```sh
true
```

```json
{}
```

```sh
echo two
echo three
```
"""


def test_commands_are_paired_with_the_text_that_follows_them(tmp_path: Path) -> None:
    document = tmp_path / "story.md"
    document.write_text(DOCUMENT)
    assert blocks(document) == [
        Block("echo one\n", ["one"]),
        Block("true\n", []),
        Block("echo two\necho three\n", []),
    ]
