"""Whether a mail by a person says no more than: take me off the list. Pure."""

from __future__ import annotations

import re

LONGEST = 300  # characters of their own words; who writes more has more to say, and a person reads it

_STOP = re.compile(
    r"(?:please |merci de (?:me |bien vouloir me )?|veuillez (?:me )?|svp |s'il vous plaît[, ]*|je (?:veux|"
    r"souhaite|voudrais|désire) (?:me |être )?|i (?:want|would like|wish) to |bonjour[,.! ]+|hello[,.! ]+|"
    r"demande (?:de |d')|me |cordialement[ ,]*)*"
    r"(?:stop(?: (?:mail|e-?mails?|newsletter|tout|pub|please|merci|svp))*|arr[êe]t(?:er|ez)?(?: (?:de m'envoyer|"
    r"l'envoi|les envois|vos|ces|les|de)\b.{0,60})?|d[ée]sabonn(?:er|ez|ement|é)(?:[- ]?moi)?|d[ée]sinscri(?:re|"
    r"ption|vez|t|s)(?:[- ]?moi)?|"
    r"unsubscribe(?: me)?|unsuscribe|unsubscription|remove(?: me)?|opt[ -]?out|cancel (?:my )?subscription|"
    r"(?:ne )?(?:veux |souhaite |désire )?(?:plus|ne plus) (?:rien )?recevoir|r[ée]sili(?:er|ation)|"
    r"retire[rz](?:[- ]moi)?|supprime[rz](?:[- ]moi)?|enleve[rz][- ]moi|enlevez[- ]moi|take me off|"
    r"no more (?:e-?)?mails?|"
    r"(?:je )?ne (?:veux|souhaite|désire|voudrais) plus (?:rien )?recevoir)"
    r"(?P<rest>.{0,120})",
    re.I | re.S,
)
# What may follow the word and still mean the same.
_AND_NO_MORE = re.compile(
    r"[\s.!,;:*-]*(?:(?:me|moi|mon|my|your|your|votre|vos|cette|la|le|les|de|du|des|d'|from|of|this|that|the|to|"
    r"à|a|ces|ce|cet|this|all|tous|toutes|any|more|please|svp|merci|thanks|thank you|thank|you|s'il vous plaît|"
    r"s'il vous plait|"
    r"list|liste|lists|mailing|newsletter|newsletters|lettre|lettres|lettre d'information|d'information|info|"
    r"e-?mails?|mails?|mailinglist|courriels?|messages?|envois?|articles?|subscription|abonnement|address|"
    r"adresse|quotidien\w*|immédiatement|now|cordialement|bonjour|subscribe|service|diffusion|and|et|plus|"
    r"recevoir|i|je|don't|want|it)\b[\s.!,;:*-]*){0,14}"
    r"(?:<?[\w.+-]{1,64}@[\w.-]{1,200}>?[\s.!]*)?",
    re.I,
)
_QUOTE = re.compile(
    r"^(?:>|\|).*$|^-{2,} ?(?:original|message|forwarded|mensaje|urspr).*|^_{5,}|^(?:le|on|am|"
    r"el) .{4,160}(?:a écrit|wrote|schrieb|escribió)\s?:.*|^(?:de|from|von) ?: .{3,}|^-- ?$|^(?:envoyé|sent|"
    r"gesendet|get|obtenez|télécharge\w*) (?:de|depuis|from|à partir|von|outlook).*|^(?:le |"
    r"on )?.{0,80}(?:a écrit|wrote) ?:",
    re.I | re.M,
)
_ANSWER = re.compile(r"^\s*(?:re|tr|fwd?|aw)\s*:", re.I)


def wants_to_leave(subject: str, text: str) -> bool:
    """By its subject, as a mailto: link makes it, or by the first of its own words."""
    own = own_words(text)
    if len(own) > LONGEST:
        return False
    if not _ANSWER.match(subject) and _says_stop(subject):
        return not own or len(own) < 80 or _says_stop(own.splitlines()[0])
    lines = [line.strip() for line in own.splitlines() if line.strip()]
    return bool(lines) and (
        _says_stop(lines[0])
        or _says_stop(" ".join(lines))
        or (len(lines) > 1 and _is_greeting(lines[0]) and _says_stop(lines[1]))
    )


def own_words(text: str) -> str:
    """Without what is quoted, and the signature."""
    cut = _QUOTE.search(text[:20_000])
    return (text[: cut.start()] if cut else text).strip()


def _says_stop(words: str) -> bool:
    words = " ".join(words.replace("’", "'").strip(" \t«»\"'*.!\u00a0\u202f").split())
    match = _STOP.match(words)
    return bool(match and _AND_NO_MORE.fullmatch(match["rest"]))


def _is_greeting(line: str) -> bool:
    return bool(re.fullmatch(r"(?:bonjour|bonsoir|salut|hello|hi|dear|madame|monsieur)\b.{0,40}", line, re.I))
