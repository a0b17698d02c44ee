"""`kj reviews`, `kj reviews judge ID`: the accesses that wait for a review, and what a review found."""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated
from uuid import uuid4

import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.text import Text

from kj.calls.call import call
from kj.calls.gateway import Gateway
from kj.calls.options import CaOption, GatewayOption, TokenFileOption, open_gateway
from kj.errors import CommandError
from kj.local.data_directory import DEFAULT, DataDirOption
from kj.show import columns
from kj.show.access_table import basis, where, who
from kj.show.columns import Row
from kj.show.norwegian import day, words
from kjernejournal.audit.v1 import audit_pb2 as pb

SERVICE = "/kjernejournal.audit.v1.AuditService/"
READERS = ("auditor", "steward")
VERDICTS = {
    "justified": pb.REVIEW_VERDICT_JUSTIFIED,
    "unjustified": pb.REVIEW_VERDICT_UNJUSTIFIED,
    "inquiry": pb.REVIEW_VERDICT_INQUIRY,
}
LARGEST_PAGE = 500


def reviews(
    action: Annotated[str, typer.Argument(metavar="[judge ID]", help="Without it: lists what waits.")] = "",
    review_id: Annotated[str, typer.Argument(hidden=True)] = "",
    verdict: Annotated[str, typer.Option("--verdict", help=f"judge: {', '.join(VERDICTS)}.")] = "",
    comment: Annotated[str, typer.Option("--comment", help="judge: in words.")] = "",
    seen: Annotated[int, typer.Option("--seen", min=0, help="judge: how many verdicts the list showed.")] = 0,
    closed: Annotated[bool, typer.Option("--all", help="List reviewed ones too.")] = False,
    reader: Annotated[
        str | None, typer.Option("--as", help=f"Who asks: {', '.join(READERS)}. Default: an auditor.")
    ] = None,
    data_dir: DataDirOption = DEFAULT,
    gateway: GatewayOption = None,
    ca: CaOption = None,
    token_file: TokenFileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The reply as JSON.")] = False,
) -> None:
    """List the accesses that wait for a review, or say what a review of one found. Both are themselves on record."""
    if action not in ("", "judge") or (action == "judge") != bool(review_id):
        raise CommandError("What is to be done?", "kj reviews, or kj reviews judge ID --verdict VERDICT.")
    if reader is not None and reader not in READERS:
        raise CommandError(f"{reader} reviews no accesses.", f"Readers: {', '.join(READERS)}.")
    if action and verdict not in VERDICTS:
        raise CommandError("--verdict says what was found.", f"Verdicts: {', '.join(VERDICTS)}.")
    asked = open_gateway(data_dir, gateway, ca, token_file)
    token = asked.credentials.person(reader, usual="auditor").token
    if action:
        request = pb.ReviewAccessRequest(
            request_id=str(uuid4()),
            id=review_id,
            expected_version=seen,
            verdict=VERDICTS[verdict],
            comment=comment,
        )
        found = [asyncio.run(judge(asked, token, request))]
    else:
        found = asyncio.run(waiting(asked, token, closed_too=closed))
    if as_json or not sys.stdout.isatty():
        whole = MessageToDict(pb.ListReviewsResponse(reviews=found), preserving_proto_field_name=True)
        print(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    if not found:
        Console().print("Ingen innsyn venter på kontroll.")
        return
    columns.show(list(rows(found)), Console())


async def waiting(gateway: Gateway, token: str, *, closed_too: bool = False) -> list[pb.Review]:
    """Returns the whole queue, oldest first. Raises CommandError for any refusal."""
    request = pb.ListReviewsRequest(page_size=LARGEST_PAGE, include_closed=closed_too)
    found: list[pb.Review] = []
    while True:
        page = (await call(gateway, f"{SERVICE}ListReviews", request, pb.ListReviewsResponse, token=token)).reply
        found += page.reviews
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def judge(gateway: Gateway, token: str, request: pb.ReviewAccessRequest) -> pb.Review:
    """Returns the review with this verdict. Raises CommandError for any refusal."""
    answered = await call(gateway, f"{SERVICE}ReviewAccess", request, pb.ReviewAccessResponse, token=token)
    review: pb.Review = answered.reply.review
    return review


def rows(reviews: Iterable[pb.Review]) -> Iterator[Row]:
    """Yields one row a review: since when it waits, who, where, on what basis, why it is here, what was found, its id
    and how many verdicts it has had."""
    titles = ("venter siden", "hvem", "hvor", "grunnlag", "hvorfor", "funn", "kontroll", "vurderinger")
    yield tuple(Text(title, "dim") for title in titles)
    for review in reviews:
        why = ", ".join(words(pb.ReviewReason, reason) for reason in review.reasons)
        said = f": «{review.patient_text}»" if review.patient_text else ""
        note = f": {review.comment}" if review.comment else ""
        yield (
            day(review.opened_at),
            who(review.access),
            where(review.access),
            basis(review.access),
            why + said,
            words(pb.ReviewVerdict, review.verdict) + note,
            review.id,
            str(review.version),
        )
