"""Which mailbox provider an address's domain belongs to: the large ones under the name that people know. Pure."""

from __future__ import annotations

import re

# Each with its domains; a name that ends in a dot stands for every country's: yahoo.fr, yahoo.co.uk.
PROVIDERS = {
    "Gmail": ("gmail.com", "googlemail.com"),
    "Yahoo": ("yahoo.", "ymail.com", "rocketmail.com", "aol.", "myyahoo.com"),
    "Outlook, Hotmail": ("outlook.", "hotmail.", "live.", "msn.com", "windowslive.com", "passport.com"),
    "iCloud": ("icloud.com", "me.com", "mac.com"),
    "Orange": ("orange.", "wanadoo.", "voila.fr"),
    "Free": ("free.fr", "freesbee.fr", "libertysurf.fr", "online.fr", "aliceadsl.fr", "alicepro.fr", "infonie.fr"),
    "SFR": ("sfr.fr", "neuf.fr", "cegetel.net", "9online.fr", "club-internet.fr", "numericable.fr", "noos.fr"),
    "Bouygues": ("bbox.fr",),
    "La Poste": ("laposte.net",),
    "Proton": ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    "GMX": ("gmx.", "web.de", "mail.com"),
    "Zoho": ("zoho.com", "zohomail.com", "zohomail.eu"),
    "Yandex": ("yandex.", "ya.ru"),
    "Tutanota": ("tutanota.com", "tutanota.de", "tuta.io", "tuta.com", "tutamail.com", "keemail.me"),
    "Skynet, Proximus": ("skynet.be", "proximus.be"),
    "Bluewin": ("bluewin.ch",),
    "Videotron": ("videotron.ca",),
}
COUNTRY = re.compile(r"(?:com?\.)?[a-z]{2,3}")  # what may follow a name that ends in a dot

EXACT = {domain: name for name, domains in PROVIDERS.items() for domain in domains if not domain.endswith(".")}
OF_MANY_COUNTRIES = {domain: name for name, domains in PROVIDERS.items() for domain in domains if domain.endswith(".")}


def of(domain: str) -> str:
    """The provider's name; of one that is none of the large ones, the domain itself."""
    domain = domain.strip().lower().rstrip(".")
    if domain in EXACT:
        return EXACT[domain]
    first, _, rest = domain.partition(".")
    if f"{first}." in OF_MANY_COUNTRIES and COUNTRY.fullmatch(rest):
        return OF_MANY_COUNTRIES[f"{first}."]
    return domain
