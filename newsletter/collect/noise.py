"""What stands among an article's text and is not of it: share lines, calls to action, the site's own lines. Pure.

All patterns are matched against folded text: small letters, no accents, plain apostrophes. They are meant for whole
paragraphs, so that a sentence that merely begins alike (« La suite du procès … », « More than 200 … ») stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from newsletter.collect.text import folded

MAX_LINE = 1_500  # characters of a paragraph that are looked at: of a longer one the end is not shown
MAX_NOISE = 400  # no line that is longer is taken for noise
MAX_PARAGRAPHS = 30

# What WordPress (with Yoast) writes under each article of a feed, in the languages seen.
_APPEARED = re.compile(
    r"\b(?:est apparue? en premier (?:sur|dans|lieu)|est paru en premier sur|appeared first (?:on|at|in)"
    r"|was first published on|erschien zuerst (?:auf|bei)|sembra essere il primo su|proviene da|se publico primero en"
    r"|aparece primero en|apareceu primeiro em|verscheen eerst op)\b"
)
_APPEARED_START = re.compile(
    r"\b(?:l'article|cet article|l'actualite|la publication|le billet|the post|the article|this post|this article"
    r"|der beitrag|der artikel|l'articolo|la entrada|o post|het bericht)\b"
)
_MORE = (
    r"(?:lire la suite|lire plus|lire l'article|en savoir plus|continuer la lecture|poursuivre la lecture|read more"
    r"|read the rest|read full article|continue reading|keep reading|weiterlesen|leer mas|continua a leggere"
    r"|leia mais|lees verder|lees meer)"
)
_MORE_TAIL = re.compile(
    rf"(?:\s*(?:\.\.\.|…|\[…\]|\[\.\.\.\])\s*[\[(]?{_MORE}\b"
    rf"|[.!?»]\s+[\[(]?{_MORE}(?:\s*[→»›>.…:\])]|\s(?:de|sur|on)\b|\s*$)).{{0,160}}$"
)
_NETWORK = (
    r"(?:facebook|twitter|x|whats ?app|telegram|linkedin|pinterest|e-?mail|courriel|imprimer|print|messenger|tumblr"
    r"|reddit|instagram|tiktok|threads|skype|pocket|copier le lien|copy link|plus|bluesky|mastodon|youtube|google|sms"
    r"|tweet(?:er)?|enregistrer|epingler)"
)
# Behind a sentence, where the buttons are not a paragraph of their own.
_SHARE_TAIL = re.compile(
    rf"(?<=[.!?»])\s+(?:partage[rz]?|share)(?:\s+(?:sur|via|on))?[\s:]+{_NETWORK}(?:[\s\W]+{_NETWORK})*\W*$"
)
# « À lire aussi »: alone, it stands over the title of another article.
_ALSO = (
    r"\W*(?:(?:a lire|lire|a voir|voir|a ecouter|ecouter)(?: aussi| egalement| encore)|(?:read|see) also|also read)\b"
)
_OVER_A_TITLE = re.compile(rf"{_ALSO}\W*")
_SHARE_OBJECT = r"(?:cet? (?:article|page|publication|contenu)|ceci|l'article|l'info|cela|ca|le|sur|via|avec)"
_DAY = (  # « lundi 12 octobre 2026 à 8h30 », alone in its line
    r"(?:(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche),? )?"
    r"(?:\d{1,2}(?:er)? [a-z]{3,9}\.? \d{4}|\d{1,2}/\d{1,2}/\d{4})"
    r"(?:,? (?:a |- )?\d{1,2} ?[h:] ?(?:\d{2})?)?"
)
_LINES = (
    rf"(?:{_NETWORK}[\s\W]*)+",
    rf"partage[rz]?(?:-le|-la)?(?:\s+{_SHARE_OBJECT}\b.{{0,90}})?[\s\W]*",
    rf"(?:partage[rz]?|share)[\s\W]+(?:{_NETWORK}[\s\W]*)+",
    r"share(?:\s+(?:this|on|via)\b.{0,90})?[\s\W]*",
    r"(?:cliquez? pour (?:partager|envoyer|imprimer)|click to (?:share|email|print))\b.*",
    r"(?:j'aime (?:ca|chargement)|like this)\b.*",
    r"(?:wordpress:|chargement|loading)\W*",
    rf"{_ALSO}.*",
    r"\W*related\s*(?:posts?|articles?|stories|:).*",
    r"\W*(?:sur le meme (?:sujet|theme)|articles? (?:similaires|lies|connexes|associes)|dans la meme rubrique)\b.*",
    r"\W*(?:abonnez-vous|inscrivez-vous|suivez[- ]nous|rejoignez[- ](?:nous|notre))\b.{0,220}",
    r"\W*(?:telechargez (?:notre|l'app)|cliquez ici|click here)\b.{0,220}",
    r"\W*(?:subscribe (?:to|now)|follow us|join (?:our|us))\b.{0,220}",
    r"\W*recevez\b.{0,120}\b(?:e-?mail|courriel|newsletter|lettre|whatsapp|boite)\b.{0,80}",
    r"\W*(?:publicite|advertisement|annonce|sponsored|contenu sponsorise|ad)\W*",
    r"(?:a la une|recent posts|articles recents|commentaires?|laisser un commentaire|leave a (?:comment|reply))\W*",
    r"(?:il y a )?\d{1,2} (?:minutes?|heures?|jours?|hours?|days?)(?: ago)?",
    r"\W*suivez (?:toute )?(?:l'actualite|notre|nos)\b.{0,120}"
    r"\b(?:whatsapp|telegram|facebook|chaine|canal|reseaux)\b.{0,80}",
    r"(?:post )?(?:views?|vues?)\s*:?\s*[\d\s.,]+",
    r"\d+ (?:shares?|partages?|vues?|views?|comments?|commentaires?|likes?)",
    r"(?:comments?|no comments?|aucun commentaire)",
    r"(?:par|by|ecrit par|written by|publie par)(?: [^\s.!?:;\d]+){1,5}",
    rf"(?:publie |posted |mis a jour )?(?:le |on )?{_DAY}",
    r"(?:photos?|illustration|image|credits?(?: photos?)?|photo credit|copyright)\s*[:/©].{0,120}|©.{0,80}",
    r"(?:temps de lecture|reading time)\b.{0,40}",
    r"\d+ min(?:utes)? (?:de lecture|read)",
    rf"[\s\W]*{_MORE}\b.{{0,160}}",
    r"[\s\W]*(?:more|la suite|voir plus)[\s\W]*",
    r"https?://\S+",
)
_NOISE = tuple(re.compile(pattern) for pattern in _LINES)


def kept(lines: Iterable[str], title: str, strip: Sequence[str]) -> Iterator[str]:
    """The paragraphs that are the article's text; `strip` holds the house's own lines, to be dropped."""
    houses, named, over = [words for line in strip if (words := bare(line))], bare(title), False
    for line in islice(lines, MAX_PARAGRAPHS):
        line = _without_more(_without_appeared(_without_house(line[:MAX_LINE], houses), title))
        fold = folded(line[: MAX_NOISE + 1])
        another = over and len(fold) <= MAX_NOISE and not fold.endswith((".", "!", "?", "…", "»"))
        over = len(fold) <= MAX_NOISE and bool(_OVER_A_TITLE.fullmatch(fold))
        titled = len(line) <= len(title) + 20 and bare(line) == named
        if line and not another and not titled and not _is_noise(fold):
            yield line


def bare(line: str) -> str:
    """Its words alone, for comparing."""
    return " ".join(re.findall(r"\w+", folded(line)))


def _is_noise(fold: str) -> bool:
    return len(fold) <= MAX_NOISE and any(noise.fullmatch(fold) for noise in _NOISE)


def _without_house(line: str, houses: Sequence[str]) -> str:
    """Drop a house line: the whole paragraph, and one of three words or more also at the edges of a longer one,
    since WordPress runs all paragraphs together for an excerpt."""
    fold = folded(line)
    if not any(house.partition(" ")[0] in fold for house in houses):
        return line
    words = bare(line)
    if words in houses:
        return ""
    for house in houses:
        if house.count(" ") < 2 or house not in words:
            continue
        match = re.search(r"\W+".join(map(re.escape, house.split())) + r"[\s!.:»→>]*", fold)
        if match and (match.start() <= 3 or match.end() >= len(fold) - 3):
            line = (line[: match.start()] + " " + line[match.end() :]).strip()
            fold = folded(line)
    return line


def _without_appeared(line: str, title: str) -> str:
    """Cut off « L'article X est apparu en premier sur Y », also where it ends a paragraph of the text."""
    fold = folded(line)
    found = list(_APPEARED.finditer(fold, max(0, len(fold) - MAX_NOISE)))
    if not found or len(fold) - found[-1].end() > 160:
        return line
    starts = [match.start() for match in _APPEARED_START.finditer(fold, 0, found[-1].start())]
    # The text, and the title too, may hold « l'article »: the first before the title is meant, else the last.
    named = [start for start in starts if title and folded(title)[:30] in fold[start : start + 60]]
    return line[: named[0] if named else starts[-1]].rstrip() if starts else line


def _without_more(line: str) -> str:
    """Cut off « … Lire la suite → » behind text, and leave the mark that it was cut."""
    fold = folded(line)
    if share := _SHARE_TAIL.search(fold, max(0, len(fold) - MAX_NOISE)):
        return line[: share.start()]
    tail = _MORE_TAIL.search(fold, max(0, len(fold) - MAX_NOISE))
    if not tail:
        return line
    ended = tail[0][0] in ".!?»" and not tail[0].startswith("...")
    return line[: tail.start() + 1] if ended else line[: tail.start()].rstrip() + " […]"
