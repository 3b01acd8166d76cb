"""What a browser calls itself, in few words: enough to tell one's own sessions from each other. Pure."""

from __future__ import annotations

from newsletter.words import Words

# The first that stands there counts: nearly every browser calls itself by the names of others as well.
BROWSERS = {
    "OPR/": "Opera",
    "Opera Mini": "Opera Mini",
    "Opera": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "UCBrowser": "UC Browser",
    "Edg": "Edge",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "KAIOS": "KaiOS",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Macintosh": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def named(words: Words, agent: str) -> str:
    """« Firefox, Android »."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    return ", ".join(one for one in (browser, system) if one) or words.say("another browser")
