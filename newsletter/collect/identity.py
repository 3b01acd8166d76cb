"""What an article is known by. Pure.

A post's id at its site outlives new titles, new addresses and a move to https; so identity is that id, where it is
known, written as the post's short permalink `https://host/?p=123`; else the canonical form of its address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

# Parameters that say how a reader came, not what he reads.
_TRACKING = re.compile(
    r"""^(?:utm_.+|mtm_.+|pk_.+|piwik_.+|hsa_.+|at_(?:medium|campaign|custom\d?)|ns_(?:mchannel|source|campaign|linkname|fee)
    |xtor|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|twclid|yclid|igshid|igsh|ttclid|mibextid|wt_mc|wt\.mc_id|wt_zmc
    |partner|emc|mc_cid|mc_eid|ncid|cmpid|cmp|smid|__twitter_impression|_hsenc|_hsmi|mkt_tok|oly_enc_id|oly_anon_id
    |spm|trk|fb_action_ids|fb_action_types|fb_source|action_object_map|share|amp_js_v|ref_src|at_format)$""",
    re.VERBOSE | re.IGNORECASE,
)
_TRACKING_FRAGMENT = re.compile(r"^(?:xtor|utm_|at_medium|ens_id|Echobox=|ref=)", re.IGNORECASE)
_POST = re.compile(r"^[^?#]*?(/?)(?:index\.php)?\?(?:[^#]*&)?p=([1-9]\d{0,11})(?:&[^#]*)?(?:#.*)?$")


def absolute(url: str, base: str = "") -> str:
    """An address as it can be followed: absolute, http or https; empty where it is none."""
    url = re.sub(r"[\t\r\n]+", "", url).strip().replace(" ", "%20")
    if not url:
        return ""
    try:
        joined = urljoin(base, url)
        parts = urlsplit(joined)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        return ""
    return _safe(joined) if usable and len(joined) <= 2000 else ""


def _safe(url: str) -> str:
    """Nothing in an address that could end an attribute or a line."""
    return re.sub(r"""[\x00-\x20"'<>\\^`{|}\x7f\ue000-\uf8ff\u2028\u2029]""", lambda m: quote(m[0], safe=""), url)


def clean(url: str) -> str:
    """An address without the parameters that only track."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and not _TRACKING.match(pair.partition("=")[0])]
    fragment = "" if _TRACKING_FRAGMENT.match(parts.fragment) else parts.fragment
    return urlunsplit(parts._replace(query="&".join(kept), fragment=fragment))


def canonical(url: str) -> str:
    """What two addresses of the same page have in common: for comparing, not for following."""
    parts = urlsplit(clean(url))
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/") or "/"
    return _encoded(urlunsplit(("https", host_of(url), path, parts.query, "")))


def _encoded(url: str) -> str:
    """Accents in one of the forms they have in addresses: `é`, `%c3%a9` and `%C3%A9` are the same page."""
    url = re.sub(r"[^\x00-\x7f]", lambda match: quote(match[0], safe="", errors="replace"), url)
    return re.sub(r"%[0-9a-fA-F]{2}", lambda match: match[0].upper(), url)


def host_of(url: str) -> str:
    """The host, with its port where that is not the usual one, without `www.`."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        pass  # no name that could be looked up: it still tells sites apart
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, 80, 443) else f"{host}:{parts.port}"


def is_front_page(url: str) -> bool:
    """Whether an address is just a site's first page."""
    if not absolute(url):
        return False
    parts = urlsplit(url)
    return parts.path.strip("/") in ("", "index.php", "index.html") and not urlsplit(clean(url)).query


def post_identity(url: str, guid: str, post: int | None = None) -> str | None:
    """The post's id at its site as `https://host/?p=123`; None where it is not known.

    The host is that of the article's own address: the guid of a WordPress post keeps the scheme and host it was
    written under (http, a staging host), or is relative on static copies. Only where several sites share one host
    by folder does the folder of the guid count.
    """
    match = _POST.match(guid.strip()) or _POST.match(url)
    if post is None and (match is None or not _is_short(match[0])):
        return None
    number = post if post is not None else int(match[2]) if match else 0
    return f"https://{host_of(url)}{_folder(url, guid)}?p={number}"


def _is_short(permalink: str) -> bool:
    """`/?p=1` and `/index.php?p=1` are WordPress; `/viewtopic.php?p=1` and `/forum?p=1` are something else's."""
    path = permalink.partition("?")[0]
    return path == "" or path.endswith(("/", "/index.php")) or bool(re.fullmatch(r"https?://[^/]+", path))


def _folder(url: str, guid: str) -> str:
    try:
        inside, ours = urlsplit(guid), urlsplit(url)
    except ValueError:
        return "/"
    folder = inside.path.removesuffix("index.php").rstrip("/") + "/"
    same_site = bool(inside.hostname) and host_of(guid) == host_of(url)
    return folder if same_site and _POST.match(guid) and ours.path.startswith(folder) else "/"


def guid_key(guid: str, url: str) -> str:
    """A guid as a key beside addresses. A short one (`123`) is only unique at its own site."""
    guid = " ".join(guid.split())
    if re.match(r"https?://", guid, re.IGNORECASE) and absolute(guid):
        return canonical(guid)
    if re.match(r"(?:tag|urn):", guid, re.IGNORECASE):
        return guid[:500]
    return f"guid:{host_of(url)}:{guid[:500]}"


def text_key(texts: Iterable[str]) -> str:
    """The last resort, for an article without address and guid: its words."""
    return "text:" + hashlib.sha256("\n".join(texts).encode("utf-8", "replace")).hexdigest()[:32]
