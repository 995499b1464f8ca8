"""What a site tells a coordinator of a failure: a word of this list, and no word of its own.

An error's own text may hold a path, a value of the environment or a patient's file name. So only a
kind travels; the coordinator puts the sentence to it, and the text stays in the site's log.
"""

from collections.abc import Mapping

from flmrcm.errors import ConfigErrors, DataLayoutError, NonFiniteLossError, SiteRefuses

_POLICY = "refused by its site policy:"

SENTENCES: Mapping[str, str] = {
    "policy_file": "its site policy can't be read; its own log says why.",
    "operation": f"{_POLICY} this operation isn't among those it allows.",
    "strategy": f"{_POLICY} this strategy isn't among those it allows.",
    "calls": f"{_POLICY} there were as many calls of this operation as it allows.",
    "size": f"{_POLICY} the message or the reply is larger than it allows.",
    "payload": f"{_POLICY} the reply holds a kind of payload that it keeps inside.",
    "slices": f"{_POLICY} the reply would rest on fewer slices than it asks for.",
    "steps": f"{_POLICY} the reply would rest on fewer optimizer steps than it asks for.",
    "learning_rate": f"{_POLICY} the learning rate is larger than it allows.",
    "latent": f"{_POLICY} the latents are wider than it allows.",
    "volumes": f"{_POLICY} the scores would rest on fewer volumes than it asks for.",
    "privacy": "its budget of differential privacy is spent, or nothing bounds its training.",
    "sum": f"{_POLICY} its weights would leave alone, or in a sum of fewer sites than it asks for.",
    "masking": "its keys of the round are used up, or the other sites' don't fit.",
    "range": "a weight is larger than secure_aggregation.largest, or isn't finite.",
    "version": "it has another version of flmrcm; install the same.",
    "config_hash": "it reads the run's config differently; install the same flmrcm.",
    "config": "the run's config holds what this site doesn't build; its own log says what.",
    "unknown_site": "the run has no site of its name.",
    "data": "its data aren't as the run needs them; its own log says which.",
    "loss": "its loss isn't finite; lower local.optimizer.lr, or set local.clip_norm=1.",
    "envelope": "the call can't be read.",
    "file": "it can't read or write a file; its own log says which.",
    "memory": "it ran out of memory.",
    "failed": "it failed; its own log says why.",
}
"""Kind → the sentence that the coordinator shows."""

_KINDS: Mapping[type[Exception], str] = {
    DataLayoutError: "data",
    NonFiniteLossError: "loss",
    ConfigErrors: "config",
    OSError: "file",
    MemoryError: "memory",
}


def find_kind(error: Exception) -> str:
    """Return the kind of an error that a site met; `failed` for one that is not on the list."""
    if isinstance(error, SiteRefuses):
        return error.kind if error.kind in SENTENCES else "failed"
    return next((kind for cls, kind in _KINDS.items() if isinstance(error, cls)), "failed")


def describe_kind(site: str, round_: int, kind: str) -> str:
    """Return the line that a coordinator shows for a kind, whatever a site sent as one."""
    return f"site {site}, round {round_}: {SENTENCES.get(kind, SENTENCES['failed'])}"
