"""Names that tell volumes apart and nobody's name: salted hashes."""

from hashlib import blake2b
from secrets import token_hex

from flmrcm.prepare.scan import FoundVolume


def draw_salt() -> str:
    """Gives a random salt, 32 hex digits."""
    return token_hex(16)


def hash_subject(subject: str, salt: str) -> str:
    """Gives 12 hex digits; without the salt nobody can try names until one fits."""
    return _hash_with_salt(subject, salt, 6)


def build_volume_name(found: FoundVolume, salt: str) -> str:
    """Gives a file's name without its suffix, such as `sub-0f1e2d3c4b5a_T1`."""
    scan = f"_{_hash_with_salt(found.scan, salt, 3)}" if found.scan else ""
    return f"sub-{hash_subject(found.subject, salt)}_{found.contrast}{scan}"


def parse_patient_id(name: str) -> str:
    """Gives the hash in a file's name; empty where the name isn't of this kind."""
    head = name.split("_")[0]
    return head.removeprefix("sub-") if head.startswith("sub-") else ""


def _hash_with_salt(text: str, salt: str, size: int) -> str:
    return blake2b(text.encode(), key=salt.encode()[:64], digest_size=size).hexdigest()
