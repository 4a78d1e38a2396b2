"""Who made a bundle: an Ed25519 signature over its manifest, and by the hashes in it over all that is there.

    openssl genpkey -algorithm ed25519 -out key.pem         stays with who exports
    openssl pkey -in key.pem -pubout -out public.pem        goes to whoever opens bundles

The file holds the 64 bytes of the signature and nothing else, so any other program can check them too. cryptography.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from edgegsr.errors import InputError, MissingExtra, shown
from edgegsr.files import read_file

SIGNATURE = "manifest.sig"
MOST_BYTES = 1 << 16  # of a key or a signature

Key = str | PathLike[str]  # a PEM file
Sign = Callable[[bytes], bytes]


def signer(key: Key) -> Sign:
    """What signs with the private key in a file."""
    content = _key(key)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(content, None)
    except TypeError as error:
        raise InputError(
            f"{shown(key)}: is encrypted, and nobody can be asked; run: openssl pkey -in {shown(key)} -out plain.pem"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _other_key(key, "private", "something else") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise _other_key(key, "private", type(found).__name__)
    sign: Sign = found.sign
    return sign


def check_signature(folder: Path, manifest: bytes, key: Key) -> None:
    """Refuses a bundle whose manifest, these bytes, was not signed with the other half of this public key."""
    content = _key(key)
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        found: Any = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _other_key(key, "public", "something else") from error
    if not isinstance(found, Ed25519PublicKey):
        raise _other_key(key, "public", type(found).__name__)
    path = folder / SIGNATURE
    try:
        found.verify(read_file(path, MOST_BYTES), manifest)
    except FileNotFoundError as error:
        raise InputError(f"{shown(path)}: no such file; the bundle is not signed, and a key was given") from error
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error
    except InvalidSignature as error:
        raise InputError(
            f"{shown(path)}: is not what the key of {shown(key)} signs this manifest with; the bundle is from somebody "
            "else, or was changed"
        ) from error


def _key(path: Key) -> bytes:
    if importlib.util.find_spec("cryptography") is None:
        raise MissingExtra("signatures (cryptography)", "sign")
    try:
        return read_file(Path(path), MOST_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _other_key(path: Key, half: str, got: str) -> InputError:
    made = "genpkey -algorithm ed25519" if half == "private" else "pkey -in key.pem -pubout"
    return InputError(
        f"{shown(path)}: wanted an Ed25519 {half} key in PEM, got {got}; run: openssl {made} -out {half}.pem"
    )
