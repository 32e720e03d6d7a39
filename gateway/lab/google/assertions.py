"""Signed assertions: service accounts' JWTs are verified here, id tokens are made here."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.lab.core.errors import Refusal
from gateway.lab.core.identity import Account, Client, ServiceAccount

if TYPE_CHECKING:
    from gateway.lab.core.lab import Lab

REAL_TOKEN_ADDRESS = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
LONGEST_S = 3600
KEY_ID = "lab-key-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a verified assertion asks for."""

    service: ServiceAccount
    account: str
    scopes: list[str]
    own: bool
    """True when the service account acts for itself."""


def _part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _payload(assertion: str) -> dict[str, Any]:
    try:
        value = json.loads(_part(assertion.split(".")[1]))
    except (ValueError, IndexError):
        return {}
    return value if isinstance(value, dict) else {}


def subject(assertion: str) -> str | None:
    """Return the account that an unverified assertion names, for the journal and for faults."""
    payload = _payload(assertion)
    name = payload.get("sub") or payload.get("iss")
    return name if isinstance(name, str) else None


def verified(lab: Lab, assertion: str) -> Claim:
    """Return what an assertion asks for; raises Refusal 400 or 401 as Google's token address does."""
    payload = _payload(assertion)
    service = lab.identity.services.get(str(payload.get("iss", "")))
    if service is None:
        raise Refusal(400, "invalid_grant", "Invalid grant: account not found")
    _signature(service, assertion)
    now_s = time.time()
    issued_s, expires_s = payload.get("iat"), payload.get("exp")
    if not isinstance(issued_s, (int, float)) or not isinstance(expires_s, (int, float)):
        raise Refusal(400, "invalid_grant", "Invalid JWT: iat and exp are required.")
    skew_s = lab.settings.jwt_skew_s
    if expires_s - issued_s > LONGEST_S or issued_s > now_s + skew_s or expires_s < now_s - skew_s:
        raise Refusal(
            400,
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
        )
    if payload.get("aud") not in {REAL_TOKEN_ADDRESS, f"{lab.base_url}/token"}:
        raise Refusal(400, "invalid_grant", "Invalid JWT: wrong audience.")
    scopes = str(payload.get("scope", "")).split()
    if not scopes:
        raise Refusal(400, "invalid_scope", "Empty or missing scope not allowed.")
    person = payload.get("sub") or service.email
    own = person == service.email
    if not own:
        if not service.delegated_scopes or set(scopes) - set(service.delegated_scopes):
            raise Refusal(
                401,
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, "
                "or client not authorized for any "
                "of the scopes requested.",
            )
        account = lab.identity.accounts.get(str(person))
        if account is None or account.suspended:
            raise Refusal(400, "invalid_grant", "Invalid email or User ID")
    return Claim(service=service, account=str(person), scopes=scopes, own=own)


def _signature(service: ServiceAccount, assertion: str) -> None:
    try:
        head, body, signature = assertion.split(".")
        header = json.loads(_part(head))
        raw = _part(signature)
    except ValueError:
        raise Refusal(400, "invalid_grant", "Invalid JWT.") from None
    if header.get("alg") != "RS256":
        raise Refusal(400, "invalid_grant", "Invalid JWT: only RS256.")
    for key_id, pem in service.public_keys.items():
        key = serialization.load_pem_public_key(pem.encode())
        if header.get("kid") not in {None, key_id} or not isinstance(key, rsa.RSAPublicKey):
            continue
        try:
            key.verify(raw, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        return
    raise Refusal(400, "invalid_grant", "Invalid JWT Signature.")


def as_client(service: ServiceAccount) -> Client:
    """Return the client that a service account stands for."""
    return Client(
        client_id=service.client_id,
        client_secret="",
        redirect_uris=[],
        project=service.project,
    )


def own_account(service: ServiceAccount) -> Account:
    """Return the mailbox that a service account has of its own."""
    return Account(email=service.email, name=service.email.split("@", maxsplit=1)[0], service=True)


@lru_cache(maxsize=1)
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def id_token(lab: Lab, account: Account, client_id: str, nonce: str) -> str:
    """Return a signed id token; its times are real ones, as its reader's clock is."""
    now_s = int(time.time())
    header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
    payload = (
        {
            "iss": lab.base_url,
            "aud": client_id,
            "azp": client_id,
            "sub": account.subject_id,
            "email": account.email,
            "email_verified": True,
            "name": account.name,
            "iat": now_s,
            "exp": now_s + LONGEST_S,
        }
        | ({"nonce": nonce} if nonce else {})
        | ({"hd": account.domain} if account.domain else {})
    )
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, payload))
    return f"{signed}.{_encoded(_key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def key_set() -> dict[str, Any]:
    """Return the public key as a JSON Web Key Set."""
    numbers = _key().public_key().public_numbers()
    modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID, "n": _encoded(modulus), "e": "AQAB"}
    return {"keys": [key]}
