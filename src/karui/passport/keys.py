"""Keys to sign and verify with: Ed25519, or ECDSA on P-256, P-384 and P-521, as PEM files.

The latter are the keys that `model_signing sign key` and cosign take, so that one key signs a model's files
and its passport. Nothing here asks the network.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui.codec.disk import reading, writing
from karui.core.errors import InputError

_NEEDED = "Install it with the extra: pip install 'karui[passport]'."
PRIVATE, PUBLIC = "passport.key", "passport.pub"
"""What a new pair of keys is called."""


@dataclass(frozen=True)
class Signer:
    """A private key.

    Attributes:
        key: As the cryptography library has it.
    """

    key: Any

    def sign(self, data: bytes) -> bytes:
        """Returns the signature of data."""
        ec = _curves(self.key)
        signed: bytes = self.key.sign(data, ec) if ec is not None else self.key.sign(data)
        return signed

    @property
    def public(self) -> "Checker":
        """The public key that belongs to it."""
        return Checker(self.key.public_key())


@dataclass(frozen=True)
class Checker:
    """A public key.

    Attributes:
        key: As the cryptography library has it.
    """

    key: Any

    @property
    def id(self) -> str:
        """SHA-256 of the key as DER: what envelopes name it by."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return sha256(self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def valid(self, signature: bytes, data: bytes) -> bool:
        """Returns whether a signature is this key's of this data."""
        from cryptography.exceptions import InvalidSignature

        ec = _curves(self.key)
        try:
            self.key.verify(signature, data, ec) if ec is not None else self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def new_keys(folder: Path) -> tuple[Path, Path]:
    """Makes a pair of Ed25519 keys; the private one is for its owner alone.

    Raises:
        InputError: There is a key already, or the cryptography library is missing.
        StorageError: They cannot be written.
    """
    _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private, public = folder / PRIVATE, folder / PUBLIC
    for path in (private, public):
        if path.exists():
            raise InputError(f"{path} is there already.", remedy="Use it, or name another folder.")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with writing(private):
        folder.mkdir(parents=True, exist_ok=True)
        private.touch(mode=0o600)
        private.write_bytes(secret)
    with writing(public):
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def read_private(path: Path) -> Signer:
    """Reads a private key without a password.

    Raises:
        InputError: It is missing, needs a password, or is none of the known kinds.
    """
    _library()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    remedy = "Give a PEM file without a password: `karui passport new-key FOLDER` makes one."
    with reading(path, remedy, format="a private key", also=(TypeError,)):
        return Signer(_known(load_pem_private_key(path.read_bytes(), password=None), path))


def read_public(path: Path) -> Checker:
    """Reads a public key.

    Raises:
        InputError: It is missing, or is none of the known kinds.
    """
    _library()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    with reading(path, "Give the issuer's public key, a PEM file.", format="a public key"):
        return Checker(_known(load_pem_public_key(path.read_bytes()), path))


def _library() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as missing:
        raise InputError("Signing needs the cryptography library.", remedy=_NEEDED) from missing


def _known(key: Any, path: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    kinds = (
        ed25519.Ed25519PrivateKey,
        ed25519.Ed25519PublicKey,
        ec.EllipticCurvePrivateKey,
        ec.EllipticCurvePublicKey,
    )
    if not isinstance(key, kinds):
        raise InputError(
            f"{path} holds a key of another kind ({type(key).__name__}).",
            remedy="Use Ed25519, or an elliptic curve as model-signing does.",
        )
    curve = getattr(key, "curve", None)
    if curve is not None and not isinstance(curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)):
        raise InputError(
            f"{path} holds a key on another curve ({curve.name}).",
            remedy="Use Ed25519, or P-256, P-384 or P-521.",
        )
    return key


def _curves(key: Any) -> Any:
    """Returns the algorithm that an elliptic-curve key signs with; None for Ed25519, which has but one."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        return None
    sizes = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    return ec.ECDSA(sizes[key.key_size])
