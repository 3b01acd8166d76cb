"""Amazon SNS: whose a message is. Pure; the certificate is fetched elsewhere.

The rules are AWS's “Verifying the signatures of Amazon SNS messages”: which fields are signed, in which order, by
which hash.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from newsletter.bounce.hooks import at, record, text
from newsletter.errors import BadData

SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
# Whose names end otherwise, by the beginning of the topic's ARN: China, and the European sovereign cloud.
ENDS = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
PEM = re.compile(r"/[A-Za-z0-9_-]{1,100}\.pem")
TOPIC = re.compile(r"arn:(aws(?:-[a-z]+)*):sns:([a-z]{2,4}(?:-[a-z]+)+-\d{1,2}):\d{12}:[A-Za-z0-9_.-]{1,256}")
RECENT = timedelta(days=1)  # SNS tries for hours, not for days


@dataclass(frozen=True, slots=True)
class Message:
    """A message of SNS, as it claims to be."""

    kind: str
    topic: str
    text: str
    fields: Mapping[str, Any]

    @property
    def certificate_url(self) -> str:
        """Where its certificate is; empty where that is no place of Amazon's, in the topic's region."""
        url = _field(self.fields, "SigningCertURL") or _field(self.fields, "SigningCertUrl")
        return url if _is_amazons(url, self.topic) and PEM.fullmatch(urlsplit(url).path) and "?" not in url else ""

    @property
    def confirmation_url(self) -> str:
        """What confirms the subscription when it is fetched; empty where that is no such place of Amazon's."""
        url = _field(self.fields, "SubscribeURL")
        if not _is_amazons(url, self.topic):
            return ""
        asked = parse_qs(urlsplit(url).query)
        right = asked.get("Action") == ["ConfirmSubscription"] and asked.get("TopicArn") == [self.topic]
        return url if right and urlsplit(url).path == "/" else ""

    def is_recent(self, now: datetime) -> bool:
        try:
            said = datetime.fromisoformat(_field(self.fields, "Timestamp"))
        except ValueError:
            return False
        return abs(now - said.replace(tzinfo=said.tzinfo or UTC)) <= RECENT

    def is_signed(self, certificate: bytes, now: datetime) -> bool:
        """Whether the holder of that certificate (PEM) signed it."""
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        kind = {"1": SHA1, "2": SHA256}.get(text(self.fields.get("SignatureVersion")))
        try:
            signature = base64.b64decode(_field(self.fields, "Signature"), validate=True)
            known = x509.load_pem_x509_certificate(certificate)
            key = known.public_key()
            if kind is None or not isinstance(key, RSAPublicKey):
                return False
            if not known.not_valid_before_utc <= now <= known.not_valid_after_utc:
                return False
            key.verify(signature, self.canonical(), PKCS1v15(), kind())
        except (ValueError, InvalidSignature):
            return False
        return True

    def canonical(self) -> bytes:
        """What is signed: names and values, line by line, in the order of their bytes."""
        present = [(name, self.fields[name]) for name in SIGNED[self.kind] if isinstance(self.fields.get(name), str)]
        return "".join(f"{name}\n{value}\n" for name, value in present).encode("utf-8", "surrogatepass")


def read(body: Any) -> Message:
    fields = record(body)
    kind, topic = _field(fields, "Type"), _field(fields, "TopicArn")
    if kind not in SIGNED or not isinstance(at(fields, "Message"), str):
        raise BadData("what was told is no message of Amazon SNS: let raw message delivery be off")
    return Message(kind, topic, fields["Message"], fields)


def _field(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _is_amazons(url: str, topic: str) -> bool:
    """https://sns.REGION.amazonaws.com/…, letter for letter, and the region is the topic's."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    known = TOPIC.fullmatch(topic)
    if parts.scheme != "https" or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return known is not None and parts.netloc == f"sns.{known[2]}.{ENDS.get(known[1], 'amazonaws.com')}"
