"""The README's commands, executed as printed against a running system, and what it says they print."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.system import System

ROOT = Path(__file__).resolve().parents[2]
PRINTED_ADDRESS = "127.0.0.1:50051"
MARK = "=== end of block"


class Block(NamedTuple):
    """Commands, and lines that they have to print."""

    commands: str
    printed: list[str]


def blocks() -> Iterator[Block]:
    """Every `sh` block of the README with the `text` block that follows it."""
    fences = re.findall(r"^```(sh|text)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    for position, (kind, content) in enumerate(fences):
        if kind == "sh":
            follows = fences[position + 1] if position + 1 < len(fences) else ("", "")
            yield Block(content, follows[1].splitlines() if follows[0] == "text" else [])


def test_the_readmes_commands_print_what_it_says(system: System) -> None:
    system.directory.patients_file.unlink(missing_ok=True)  # the README's patient is the first of a new population
    system.kj("load", "--patients", "20")
    found = list(blocks())
    assert len(found) >= 10
    script = "\n".join(f"{block.commands}\necho '{MARK}'" for block in found)
    script = script.replace(PRINTED_ADDRESS, system.local.gateway_address)
    run = subprocess.run(
        ["bash", "-u"],
        input=script,
        cwd=ROOT,
        env={**os.environ, "KJ_DATA_DIR": str(system.local.directory.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    outputs = run.stdout.split(MARK)
    assert len(outputs) == len(found) + 1, run.stdout[-2000:]
    for block, output in zip(found, outputs, strict=False):
        position = 0
        for line in block.printed:
            at = output.find(line, position)
            assert at >= 0, f"not printed: {line!r}\nby:\n{block.commands}\nprinted:\n{output}"
            position = at + len(line)
