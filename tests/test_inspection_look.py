"""The colours that our checks count with are those a browser shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from newsletter import preview
from newsletter.inspection.contrast import written
from newsletter.inspection.css import Screen
from newsletter.inspection.page import read
from newsletter.newsroom import Newsroom
from tests.browser import chromium

Seen = tuple[str, str, str, float, bool]  # text, ink, ground, px, bold
TEXTS = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const text = node.data.split(/\\s+/).filter(one => one).join(' ');
    let ground = null, hidden = !text;
    for (let one = node.parentElement; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      hidden ||= style.display === 'none' || style.visibility === 'hidden' || style.opacity === '0';
      if (!ground && style.backgroundColor !== 'rgba(0, 0, 0, 0)') ground = style.backgroundColor;
    }
    const style = getComputedStyle(node.parentElement);
    if (!hidden) found.push([text, style.color, ground, parseFloat(style.fontSize), parseInt(style.fontWeight) >= 600]);
  }
  return found;
}"""
HARD = """<!doctype html><html lang=fr><head><style>
  body { background: #fff; color: #222; font: 15px/1.4 serif }
  .a p, h2 > b { color: teal } #c { color: rgb(10, 20, 30) } p.k { color: maroon !important }
  .a .b p { background-color: #eee; font-size: 120% } td { background: navy none; color: white; font-weight: 700 }
  [dir=rtl] p { color: olive } small { font-size: .8em } p { font-size: 1.5em }
  @media (max-width: 480px) { h2 { font-size: 31px; color: #333 } }
  @media only screen and (min-width: 481px) { h2 { color: purple } }
  @media (prefers-color-scheme: dark) { body { background-color: #101010 } p, h2 { color: silver !important } }
</style></head><body><div class="a"><p id="c">un</p><p class="k" style="color:red">deux</p>
<div class="b"><p>trois <small>quatre <b>cinq</b></small></p></div></div>
<h2>six <b>sept</b></h2><div dir="rtl"><p>huit</p></div>
<table><tr><td>neuf <a href="https://journal.example" style="color:#fdfcf9">dix</a></td></tr></table>
<div style="display:none"><p>onze</p></div><font color="#123456">douze</font>
<p style="font:bold 2em/1 serif;background:transparent">treize</p></body></html>"""


@pytest.fixture(scope="module")
def open_page() -> Iterator[Callable[..., Any]]:
    with chromium() as opened:
        yield opened


def shown(page: Any, html: str) -> list[Seen]:
    page.set_content(html)
    return sorted(
        (text, _hex(ink), _hex(ground), round(size, 1), bold) for text, ink, ground, size, bold in page.evaluate(TEXTS)
    )


def _hex(rgb: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", rgb)[:3])


def counted(html: str, screen: Screen) -> list[Seen]:
    found = written(read(html), screen)
    return sorted((one.text, str(one.ink), str(one.ground), round(one.size, 1), one.bold) for one in found)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 800])
def test_what_is_counted_is_what_is_shown(
    room: Newsroom, add_article: Callable[..., Path], open_page: Callable[..., Any], width: int, dark: bool
) -> None:
    add_article("Le port rouvre", section="Économie")
    add_article("Le lycée ferme", section="Société")
    body = message_from_bytes(preview.preview(room, None).eml, policy=policy.default).get_body(("html",))  # type: ignore[attr-defined]
    page = open_page(width=width, dark=dark)
    for html in (body.get_content(), HARD):
        assert len(counted(html, Screen(dark, width))) > 10
        assert counted(html, Screen(dark, width)) == shown(page, html)
