"""What a process says of its settings at start: the variable's name, and never its value."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hemmeligheten"
GOOD = {"KJ_LISTEN": "unix:/tmp/kj-not-listened-at", "KJ_DATABASE_URL": f"postgresql://kj:{SECRET}@127.0.0.1:1/kj"}


def started(module: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Returns exit code and output of a process that does not get as far as serving."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KJ_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")])
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**inherited, "PYTHONPATH": path, **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "variable, value",
    [
        ("KJ_LISTEN", f"{SECRET}"),
        ("KJ_LISTEN", f"{SECRET}:99999"),
        ("KJ_HEALTH_LISTEN", f"{SECRET}:port"),
        ("KJ_POOL_SIZE", SECRET),
        ("KJ_POOL_SIZE", "0"),
        ("KJ_DRAIN_SECONDS", SECRET),
        ("KJ_REFLECTION", SECRET),
        ("KJ_ALLOWED_PEERS", f"[{SECRET}"),
        ("KJ_MAX_MESSAGE_BYTES", "-1"),
        ("KJ_TLS_CERT", f"/nowhere/{SECRET}"),
        ("KJ_TLS_KEY", str(Path(__file__))),
        ("KJ_DATABASE_URL", SECRET),
        ("KJ_DATABASE_URL", f"postgresql://kj:og/{SECRET}@127.0.0.1:1/kj"),
        ("KJ_DATABASE_URL", f"postgresql://kj:og@{SECRET}@127.0.0.1:{SECRET}/kj"),
        ("KJ_DATABASE_URL", f"postgresql://kj:{SECRET}@127.0.0.1:1"),
        ("KJ_DATABASE_URL", f"postgresql://kj:[{SECRET}@127.0.0.1:1/kj"),
        ("KJ_DATABASE_URL", ""),
        ("KJ_DOCUMENT_KEY_FILE", f"/nowhere/{SECRET}"),
        ("KJ_DOCUMENT_MAX_BYTES", SECRET),
    ],
)
def test_a_setting_that_is_wrong_is_named_and_its_value_is_not_printed(
    tmp_path: Path, variable: str, value: str
) -> None:
    key = tmp_path / "key"
    key.write_bytes(bytes(32))
    code, said = started("services.documents", **{**GOOD, "KJ_DOCUMENT_KEY_FILE": str(key), variable: value})
    assert code
    assert variable in said
    assert SECRET not in said
    assert "Traceback" not in said


def test_a_setting_that_is_missing_is_named_without_the_others_values() -> None:
    code, said = started("services.visits", KJ_DATABASE_URL=GOOD["KJ_DATABASE_URL"])
    assert code
    assert "KJ_LISTEN" in said
    assert SECRET not in said


@pytest.mark.parametrize("value", ["{", "[]", '{"audit": "nowhere"}', "{}"])
def test_the_gateways_services_are_named_as_the_variable_that_is_wrong(value: str) -> None:
    code, said = started("gateway", KJ_LISTEN="127.0.0.1:0", KJ_JWKS="jwks.json", KJ_SERVICES=value)
    assert code
    assert "KJ_SERVICES" in said
    assert "Traceback" not in said


def test_an_issuer_that_is_asked_in_plaintext_is_named_as_the_variable_that_is_wrong() -> None:
    code, said = started("gateway", KJ_LISTEN="127.0.0.1:0", KJ_JWKS=f"http://{SECRET}/", KJ_SERVICES="{}")
    assert code
    assert "KJ_JWKS" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "module, arguments",
    [
        ("gateway", ()),
        ("services.audit", ()),
        ("services.migrate", ("visits",)),
        ("services.rewrap", ("documents",)),
        ("kj", ("status",)),
        ("kj", ("serve", "audit")),
    ],
)
def test_a_variable_that_no_process_knows_is_refused(module: str, arguments: tuple[str, ...]) -> None:
    needed = {"KJ_DATABASE_OWNER_URL": "postgresql://kj@127.0.0.1:1/kj", "KJ_DOCUMENT_KEY_FILE": "key"}
    code, said = started(module, *arguments, **GOOD, **needed, KJ_DATABSE_URL=SECRET)
    assert code
    assert "KJ_DATABSE_URL is no setting of ours: did you mean KJ_DATABASE_URL?" in said
    assert SECRET not in said


def test_a_variable_of_another_process_is_let_pass() -> None:
    _, said = started("services.visits", KJ_LISTEN="nowhere", KJ_DATABASE_URL=GOOD["KJ_DATABASE_URL"], KJ_JWKS="x")
    assert said.startswith("KJ_LISTEN")
    assert "KJ_JWKS" not in said
