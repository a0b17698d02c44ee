"""`kj audit prove INDEX`: asks for the proof that a record is in the signed log, and verifies it here."""

from kj.audit.keys import Keys
from kj.calls.call import call
from kj.calls.gateway import Gateway
from kj.errors import CommandError
from kjernejournal.audit.v1.audit_pb2 import GetInclusionProofRequest, GetInclusionProofResponse
from shared.transparency.checkpoints import parse_checkpoint
from shared.transparency.notes import NoteRefused, open_note
from shared.transparency.verify import ProofRefused, verify_inclusion

_PATH = "/kjernejournal.audit.v1.AuditService/GetInclusionProof"


async def prove(gateway: Gateway, keys: Keys, index: str) -> None:
    """Prints the checkpoint that holds the record. Raises CommandError when it is not proved."""
    if not index.isascii() or not index.isdigit():
        raise CommandError("Which record? Its index stands in its receipt.", "kj audit prove 17")
    caller = gateway.credentials.person(None, usual="auditor")
    request = GetInclusionProofRequest(index=int(index))
    got = (await call(gateway, _PATH, request, GetInclusionProofResponse, token=caller.token)).reply
    try:
        text, by = open_note(got.checkpoint, [keys.log, *keys.witnesses])
        stated = parse_checkpoint(text)
        verify_inclusion(int(index), stated.size, got.leaf_hash, list(got.hashes), stated.root)
    except (NoteRefused, ProofRefused) as error:
        raise CommandError(f"Record {index} is not proved to be in the log: {error}.", "kj audit verify") from error
    names = ", ".join(each.verifier.name for each in by)
    print(
        f"Record {index} is one of the {stated.size} that {names} signed; its hash is {got.leaf_hash.hex()}.\n\n{text}"
    )
