"""Pseudonyms: salted hashes in the place of names."""

from hashlib import blake2b
from secrets import token_hex

from flmrcm.prepare.scan import FoundVolume


def draw_salt() -> str:
    """Return a random salt, 32 hex digits."""
    return token_hex(16)


def hash_subject(subject: str, salt: str) -> str:
    """Return the patient id of a subject, 12 hex digits.

    Without the salt nobody can find the subject by hashing all likely names.
    """
    return _hash_with_salt(subject, salt, 6)


def build_volume_name(volume: FoundVolume, salt: str) -> str:
    """Return the name of an output file without its suffix, such as `sub-0f1e2d3c4b5a_T1`."""
    scan = f"_{_hash_with_salt(volume.scan, salt, 3)}" if volume.scan else ""
    return f"sub-{hash_subject(volume.subject, salt)}_{volume.contrast}{scan}"


def parse_patient_id(name: str) -> str:
    """Return the patient id in the name of an output file; empty for other names."""
    head = name.split("_")[0]
    return head.removeprefix("sub-") if head.startswith("sub-") else ""


def _hash_with_salt(text: str, salt: str, size: int) -> str:
    # BLAKE2 accepts keys of at most 64 bytes
    return blake2b(text.encode(), key=salt.encode()[:64], digest_size=size).hexdigest()
