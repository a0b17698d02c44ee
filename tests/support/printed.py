"""Commands as a document prints them, executed against a running system, and what it says they print."""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from kj.local.programs import ROOT
from tests.support.system import System

PRINTED_ADDRESS = "127.0.0.1:50051"
MARK = "=== end of block"


class Block(NamedTuple):
    """Commands, and lines that they have to print."""

    commands: str
    printed: list[str]


def blocks(document: Path) -> list[Block]:
    """Returns every `sh` block of a Markdown document with the `text` block that follows it."""
    fences = re.findall(r"^```(sh|text)\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)
    following = [*fences[1:], ("", "")]
    return [
        Block(content, then.splitlines() if after == "text" else [])
        for (kind, content), (after, then) in zip(fences, following, strict=True)
        if kind == "sh"
    ]


def run_blocks(system: System, found: list[Block]) -> list[str]:
    """Returns what each block printed, both streams.

    All are run by one bash, in order. Fails when it ended early.
    """
    script = "\n".join(f"{block.commands}\necho '{MARK}'" for block in found)
    run = subprocess.run(
        ["bash", "-u"],
        input=script.replace(PRINTED_ADDRESS, system.local.gateway_address),
        cwd=ROOT,
        env={**os.environ, "KJ_DATA_DIR": str(system.local.directory.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    outputs = run.stdout.split(MARK)
    assert len(outputs) == len(found) + 1, run.stdout[-2000:]
    return outputs[:-1]


def prints_what_it_says(system: System, document: Path, *, at_least: int) -> None:
    """Runs a document's blocks. Fails unless each prints its lines, in order; other lines may stand between them."""
    found = blocks(document)
    assert len(found) >= at_least
    for block, output in zip(found, run_blocks(system, found), strict=True):
        position = 0
        for line in block.printed:
            at = output.find(line, position)
            assert at >= 0, f"not printed: {line!r}\nby:\n{block.commands}\nprinted:\n{output}"
            position = at + len(line)
