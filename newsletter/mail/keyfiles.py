"""DKIM keys in files: PEM (PKCS #8), readable for their owner alone. Touches those files, nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from newsletter.errors import BadData, ConfigError

if TYPE_CHECKING:
    from newsletter.mail.dkim import Key

Kind = Literal["rsa", "ed25519"]
RSA_BITS = 2048  # what the large services advise; a longer one costs five times as much for nothing
LEAST, MOST = 1024, 4096  # what others must be able to check, and do not refuse (RFC 8301, 3.2)
KEYGEN = "`newsletter dkim keygen` makes one"


def read(path: Path, kind: Kind) -> Key:
    """The key in a file. Raises ConfigError, one line, where it is not there, cannot be read or is another kind."""
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; {KEYGEN}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ConfigError(f"{path}: is locked by a password: write it without one, readable for you alone") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: is no private key in PEM form; {KEYGEN}") from None
    if kind == "ed25519" and isinstance(key, Ed25519PrivateKey):
        return key
    if kind == "rsa" and isinstance(key, RSAPrivateKey):
        if LEAST <= key.key_size <= MOST:
            return key
        raise ConfigError(f"{path}: has {key.key_size} bits; mail services take {LEAST} to {MOST}, best {RSA_BITS}")
    raise ConfigError(f"{path}: is no {'RSA' if kind == 'rsa' else 'Ed25519'} key")


def make(path: Path, kind: Kind) -> Key:
    """A new key, written into a new file. Raises BadData where there is one already, or none can be written."""
    key: Key = generate_private_key(65537, RSA_BITS) if kind == "rsa" else Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise BadData(f"{path} exists already, and a key is never overwritten: name another --selector") from None
    except OSError as error:
        raise BadData(f"{path}: {error.strerror}") from None
    return key
