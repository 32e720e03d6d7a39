"""A program proves itself by a certificate: the signed assertion in place of a secret (RFC 7523 §2.2)."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.lab.core.errors import Refusal

if TYPE_CHECKING:
    from gateway.lab.microsoft.world import Microsoft

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _bad(text: str) -> Refusal:
    return Refusal(401, "invalid_client", f"AADSTS700027: The client assertion is not valid: {text}.")


def _read(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    try:
        header, payload, signature = assertion.split(".")
        return dict(json.loads(_part(header))), dict(json.loads(_part(payload))), _part(signature)
    except (ValueError, TypeError):
        raise _bad("it cannot be read") from None


def check(microsoft: Microsoft, client_id: str, path: str, assertion: str) -> None:
    """Verify an assertion for a program at a token address; raises Refusal 401.

    Its times are compared with real ones, as MSAL's clock is.
    """
    header, payload, signature = _read(assertion)
    registration = microsoft.state.registrations.get(client_id)
    if registration is None or not registration.certificate_key:
        raise _bad("no certificate is registered")
    key = serialization.load_pem_public_key(registration.certificate_key.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise _bad("the registered key is not RSA")
    signed = assertion.rpartition(".")[0].encode()
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
    try:
        if header.get("alg") == "PS256":
            key.verify(signature, signed, pss, hashes.SHA256())
        elif header.get("alg") == "RS256":
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise _bad("alg must be PS256 or RS256")
    except InvalidSignature:
        raise _bad("wrong signature") from None
    if {payload.get("iss"), payload.get("sub")} != {client_id}:
        raise _bad("iss and sub must be the client id")
    if payload.get("aud") != f"{microsoft.lab.base_url}{path}":
        raise _bad("aud must be the token address")
    if not isinstance(payload.get("exp"), (int, float)) or payload["exp"] < time.time():
        raise _bad("it has expired")
