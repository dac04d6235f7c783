"""Signed statements in delivered pictures that a model made them (C2PA Content Credentials)."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from palitra.errors import InputError
from palitra.service.settings import Settings
from palitra.version import __version__

SOURCES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
FROM_WORDS: Final = SOURCES + "trainedAlgorithmicMedia"
FROM_A_PICTURE: Final = SOURCES + "compositeWithTrainedAlgorithmicMedia"
TEST_NAME: Final = "palitra TEST certificate - not trusted"
_DAYS: Final = 365


@dataclass(frozen=True)
class Credentials:
    """A certificate chain (leaf first) and its key, as PEM; `test` when made here and trusted by nobody."""

    chain: bytes
    key: bytes
    algorithm: str
    test: bool

    @classmethod
    def read(cls, certificate: Path, key: Path) -> Credentials:
        """The operator's own.

        Raises:
            InputError: a file cannot be read, or its key is of a kind that C2PA does not sign with.
        """
        try:
            chain, secret = certificate.read_bytes(), key.read_bytes()
        except OSError as error:
            raise InputError(f"`c2pa_key` must be readable, but {error.strerror or error}") from error
        return cls(chain, secret, _algorithm(secret), test=False)

    @classmethod
    def for_tests(cls, folder: Path) -> Credentials:
        """A pair that says in its name that nobody should trust it; made once and kept in `folder`."""
        chain, key = folder / "test-certificate.pem", folder / "test-key.pem"
        if not (chain.exists() and key.exists()):
            folder.mkdir(parents=True, exist_ok=True)
            made, secret = make_test_pair()
            chain.write_bytes(made)
            with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(secret)
        return cls(chain.read_bytes(), key.read_bytes(), "es256", test=True)


class Provenance:
    """Signs pictures, and reads what signed ones state."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    @classmethod
    def of(cls, settings: Settings) -> Provenance | None:
        """As the settings say; None where no manifests are wanted.

        Raises:
            InputError: the library is missing, or the operator's files cannot be used.
        """
        if not settings.c2pa:
            return None
        if find_spec("c2pa") is None:
            raise InputError("`c2pa` needs more libraries (c2pa-python): pip install 'palitra[provenance]'")
        if settings.c2pa_certificate is None or settings.c2pa_key is None:
            return cls(Credentials.for_tests(settings.folder / "c2pa"))
        return cls(Credentials.read(settings.c2pa_certificate, settings.c2pa_key))

    def sign(
        self, data: bytes, media_type: str, title: str, source: bytes | None = None, edited: bool = False
    ) -> bytes:
        """The same picture with a manifest: made by a model, from `source` (a PNG) where there was one.

        edited: the picture is the source, changed by a model, and not a new one made after it.
        Pixels and other metadata stay as they are. Cost: some milliseconds.
        """
        from c2pa import Builder, C2paSignerInfo, Context, Signer

        wanted = self.credentials
        info = C2paSignerInfo(wanted.algorithm, wanted.chain, wanted.key, None)
        out = io.BytesIO()
        manifest = _manifest(title, source is not None, edited)
        # no thumbnails: they would make a picture four times larger, and show what somebody handed in
        with (
            Context.from_dict({"builder": {"thumbnail": {"enabled": False}}}) as context,
            Signer.from_info(info) as signer,
            Builder(manifest, context) as builder,
        ):
            if source is not None:
                relationship = "parentOf" if edited else "inputTo"
                part = {"title": "input.png", "format": "image/png", "relationship": relationship}
                part["instance_id"] = _SOURCE
                builder.add_ingredient(json.dumps(part), "image/png", io.BytesIO(source))
            builder.sign(signer, media_type, io.BytesIO(data), out)
        return out.getvalue()


def trusted_anchors(settings: Settings) -> str | None:
    """The authorities that the operator vouches for, as PEM; None without any.

    Raises:
        InputError: the file cannot be read, or holds no certificates.
    """
    if settings.c2pa_anchors is None:
        return None
    from cryptography import x509

    try:
        found = settings.c2pa_anchors.read_bytes()
        x509.load_pem_x509_certificates(found)
    except OSError as error:
        raise InputError(f"`c2pa_anchors` must be readable, but {error.strerror or error}") from error
    except ValueError as error:
        raise InputError("`c2pa_anchors` must be a PEM file of certificates") from error
    return found.decode()


def read_manifest(data: bytes, media_type: str, anchors: str | None = None) -> dict[str, Any] | None:
    """What a picture's manifest states, None without one.

    `state` is "Trusted" (its signer's chain leads to one of `anchors`), "Valid" (whole, by a signer that
    nobody here vouches for) or "Invalid" (changed).
    """
    if find_spec("c2pa") is None:
        return None
    from c2pa import C2paError, Context, Reader

    trust = {"trust": {"trust_anchors": anchors}} if anchors else {}
    with Context.from_dict(trust) as context:
        try:
            found = Reader.try_create(media_type, io.BytesIO(data), context=context)
        except C2paError:
            return {"state": "Invalid", "signer": None, "made_by_a_model": False, "tool": None}
        if found is None:
            return None
        with found as reader:
            manifest = reader.get_active_manifest() or {}
            state = reader.get_validation_state()
    kinds = [
        action.get("digitalSourceType", "")
        for assertion in manifest.get("assertions", ())
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", ())
    ]
    tools = manifest.get("claim_generator_info") or [{}]
    return {
        "state": state,
        "signer": (manifest.get("signature_info") or {}).get("common_name"),
        "made_by_a_model": any(kind in (FROM_WORDS, FROM_A_PICTURE) for kind in kinds),
        "tool": tools[0].get("name"),
    }


_SOURCE = "xmp:iid:palitra-input"


def _manifest(title: str, from_a_picture: bool, edited: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "action": "c2pa.edited" if edited else "c2pa.created",
        "digitalSourceType": FROM_A_PICTURE if from_a_picture else FROM_WORDS,
        "softwareAgent": {"name": "palitra", "version": __version__},
    }
    actions = [made]
    if from_a_picture:
        source = {"parameters": {"ingredientIds": [_SOURCE]}}
        if edited:
            actions = [{"action": "c2pa.opened", **source}, made]
        else:
            made |= source
    return {
        "claim_generator_info": [{"name": "palitra", "version": __version__}],
        "title": title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


def _algorithm(key: bytes) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        loaded = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise InputError("`c2pa_key` must be a PEM key without a password") from error
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and loaded.curve.key_size in (256, 384, 521):
        return {256: "es256", 384: "es384", 521: "es512"}[loaded.curve.key_size]
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(loaded, rsa.RSAPrivateKey):
        return "ps256"
    raise InputError("`c2pa_key` must be an EC, Ed25519 or RSA key")


def make_test_pair() -> tuple[bytes, bytes]:
    """A leaf and its authority (PEM), both valid for a year, and the leaf's key (PEM)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(words: str) -> x509.Name:
        parts = ((NameOID.ORGANIZATION_NAME, "palitra test"), (NameOID.COMMON_NAME, words))
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])

    def begin(subject: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(TEST_NAME + " (authority)"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=_DAYS))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    def usage(signs: bool) -> x509.KeyUsage:
        return x509.KeyUsage(signs, False, False, False, False, not signs, False, False, False)

    top, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = (
        begin(TEST_NAME + " (authority)", top.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs=False), critical=True)
        .sign(top, hashes.SHA256())
    )
    signed = (
        begin(TEST_NAME, leaf.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(top.public_key()), critical=False)
        .sign(top, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return signed.public_bytes(pem) + authority.public_bytes(pem), key
