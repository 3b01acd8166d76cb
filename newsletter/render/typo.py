"""French typography for text that was typed in a hurry: no-break spaces, apostrophes, guillemets. Pure.

After the rules of the Imprimerie nationale, but with U+00A0 throughout: the narrow U+202F is missing from the fonts
of old Android phones. Applying it twice changes nothing more. Addresses, times and code are left as they are.
"""

from __future__ import annotations

import re

NBSP = "\u00a0"
PASSES = 4
SPACES = "[ \u00a0\u202f]"
MONTHS = "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"

LEFT_ALONE = re.compile(
    r"(`[^`]*`"  # code
    r"|\b[a-z][a-z0-9+.-]{1,20}://[^\s\u00a0»]+|\bwww\.[^\s\u00a0»]+|\bmailto:[^\s\u00a0»]+"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![\w.-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.(?:com|org|net|info|fr|tg|bj|gh|ci|sn|example)\b(?:/[^\s\u00a0»]*)?"
    r"|\b\d{1,2}:\d{2}(?::\d{2})?\b"  # 12:30
    r"|&\#?\w+;)",  # a character reference that was escaped twice
    re.IGNORECASE,
)

# In this order: what makes guillemets and dots comes before what puts spaces beside them.
RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("\u202f", NBSP),
        (r"\.{3,}", "…"),
        (r"(?<=\w)['\u02bc\u2018](?=[\w«“\"])", "’"),
        (r"<<([^<>]*)>>", r"«\1»"),
        (r"(?<![\w\"])\"(?=[^\s\"\u00a0])([^\"]*[^\s\"\u00a0])\"(?![\w\"])", r"«\1»"),
        (rf"«{SPACES}*(?=[^\s\u00a0])", f"«{NBSP}"),
        (rf"(?<=[^\s\u00a0«]){SPACES}*»", f"{NBSP}»"),
        (rf"(?<=[^\s\u00a0(\[«!?…]){SPACES}*(?=[!?]+(?:[\s\u00a0»”)\],.…:;]|$))", NBSP),
        (rf"(?<=…){SPACES}+(?=[!?])", NBSP),
        (rf"(?<=[^\s\u00a0(\[«:;!?]){SPACES}*(?=[;:](?:[\s\u00a0»]|$))", NBSP),
        (rf"(?<=[\w»’)]){SPACES}+,(?!\d)", ","),
        (rf"(?<=\d){SPACES}*(?=%(?!\w))", NBSP),
        (rf"(?<=\d){SPACES}+(?=(?:€|\$|F{SPACES}CFA|francs?)(?!\w))", NBSP),
        (rf"\bF{SPACES}CFA\b", f"F{NBSP}CFA"),
        (rf"(?<=\d)(?<![.,:/]\d)(?<!\d{{4}}){SPACES}(?=\d{{3}}(?!\d))", NBSP),  # thousands; a year is none
        (rf"(?<=\d){SPACES}h{SPACES}(?=\d\d\b)", f"{NBSP}h{NBSP}"),
        (r"\b1i?[èe]re(?!\w)", "1re"),
        (r"\b1(?: ?er|ier)\b", "1er"),
        (r"\b(\d+)(?:i?[èe]me)\b", r"\1e"),
        (rf"(?<![\d.,:/-])(?<!\d{SPACES})1 (?=(?:{MONTHS})\b)", "1er "),
        (rf"\b([nN])[°º]{SPACES}*(?=\d)", rf"\1°{NBSP}"),
    )
)


def typo(text: str) -> str:
    """`text` set as a French newspaper sets it."""
    # Where one rule makes room for another (« "a"? »), a second pass finds it.
    for _ in range(PASSES):
        text, before = _typo_once(text), text
        if text == before:
            break
    return text


def _typo_once(text: str) -> str:
    parts = LEFT_ALONE.split(text)
    return "".join(part if i % 2 else _set(part) for i, part in enumerate(parts))


def _set(text: str) -> str:
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text
