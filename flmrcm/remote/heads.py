"""The heads of calls and responses: every field is checked before anything reads it.

Whoever is at the other end may be broken or hostile. pydantic parses the JSON itself, so that deep
nesting, infinite counts and fields of another form are one error each. It comes with wandb; msgspec
would be smaller, but one dependency more.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from flmrcm.errors import SiteRefuses

_MOST_METRICS = 1_000_000
_MOST_LETTERS = 2**28
"""Of a head; a site with a thousand test volumes needs some 2**20."""

Round = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Pixels = Annotated[int, Field(ge=1, le=2**16)]
Split = Literal["train", "val", "test"]
RunId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.+]{1,64}$")]
MetricName = Annotated[str, StringConstraints(pattern=r"^[\w./ +-]{1,200}$")]


class EnvelopeError(SiteRefuses):
    """What arrived is no call or no response of this package."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "envelope")


class _Head(BaseModel):
    # strict: a count is a number, not a text of digits or a truth value
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class VersionHead(_Head):
    """What every version of the package says first."""

    version: Version


class CallHead(VersionHead):
    """A call's head; see `CallHeader`."""

    op: Literal["join", "survey", "agree", "train", "unmask", "finetune", "validate", "test"]
    round: Round
    config_hash: Digest
    run_id: RunId
    memory_round: Round | None
    kept_rounds: Annotated[Sequence[Round], Field(max_length=10_000)]
    epochs: Annotated[int, Field(ge=1, le=10**6)]
    steps: Annotated[int, Field(ge=1, le=10**9)] | None
    splits: Annotated[Sequence[Split], Field(max_length=3)]


class FactsHead(_Head):
    """A site's facts; see `SiteFacts`."""

    n_examples: Count
    n_batches: Count
    splits: Annotated[Sequence[Split], Field(max_length=3)]
    sizes: Mapping[Split, Annotated[Sequence[tuple[Pixels, Pixels]], Field(max_length=10_000)]]
    n_bytes: Count
    fingerprint: Digest
    incomplete: Annotated[Sequence[Split], Field(max_length=3)] = ()
    unscored: Annotated[Sequence[Split], Field(max_length=3)] = ()
    needs_target: bool = True

    @model_validator(mode="after")
    def _check_training(self) -> "FactsHead":
        """Refuse a training split without a slice: work is divided by its batches."""
        if "train" in self.splits and 0 in (self.n_examples, self.n_batches):
            raise ValueError("a training split without a slice")
        return self


class ResponseHead(VersionHead):
    """A response's head; see `Response`."""

    n_examples: Count
    metrics: Annotated[Mapping[MetricName, float], Field(max_length=_MOST_METRICS)]
    error: Word | None
    memory_round: Round | None
    facts: FactsHead | None


Head = TypeVar("Head", bound=_Head)


def parse_head(kind: type[Head], text: object) -> Head:
    """Return a head that JSON describes.

    Raises:
        EnvelopeError: it is of another form; no value of it is repeated.
    """
    if not isinstance(text, str) or len(text) > _MOST_LETTERS:
        raise EnvelopeError("its head is no text, or a very long one.")
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        places = sorted({".".join(map(str, e["loc"][:1])) or "JSON" for e in error.errors()})
        raise EnvelopeError(f"its head is of another form: {', '.join(places[:5])}.") from None
