"""An edition's HTML as it was mailed → the same as a page that can do nothing: for the archive's frame. Pure.

It was made harmless when it was rendered. It is made so once more when it is read: a newsroom's own template, or a
database from elsewhere, may hold what ours never writes.
"""

from __future__ import annotations

import re
from html import escape

TAGS = {
    *("a", "b", "br", "center", "div", "em", "h1", "h2", "h3", "hr", "i", "img", "li", "ol", "p", "span", "strong"),
    *("table", "tbody", "td", "th", "tr", "ul"),
}
EVERYWHERE = {
    *("align", "aria-label", "bgcolor", "border", "cellpadding", "cellspacing", "class", "dir", "height", "lang"),
    *("role", "style", "title", "valign", "width"),
}
STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.IGNORECASE | re.DOTALL)
# What in a style sheet fetches or runs something, or ends it early.
ACTIVE = re.compile(r"<|\\|@import|@charset|url\s*\(|expression|behavior|-moz-binding", re.IGNORECASE)
PROPERTIES = {"background-color", "border", "border-bottom", "border-left", "border-collapse", "border-radius"}
PROPERTIES |= {"border-spacing", "border-top", "color", "direction", "display", "float", "font", "font-family"}
PROPERTIES |= {"font-size", "font-weight", "height", "letter-spacing", "line-height", "margin", "max-height"}
PROPERTIES |= {"max-width", "min-width", "opacity", "outline", "overflow", "padding", "padding-bottom", "padding-left"}
PROPERTIES |= {"padding-right", "padding-top", "table-layout", "text-align", "text-decoration", "text-transform"}
PROPERTIES |= {"vertical-align", "visibility", "white-space", "width", "word-break", "margin-right", "margin-top"}


def harmless(html: str, *, title: str, language: str) -> str:
    """A whole page: the mail's elements without anything active, its style sheets as far as they only style."""
    import nh3

    body = nh3.clean(
        STYLE.sub("", html),
        tags=TAGS,
        clean_content_tags={"script", "style", "title"},
        attributes={"*": EVERYWHERE, "a": {"href"}, "img": {"alt", "src"}},
        url_schemes={"http", "https", "mailto"},
        filter_style_properties=PROPERTIES,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer",
    )
    styles = "\n".join(style for style in STYLE.findall(html) if not ACTIVE.search(style))
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{styles}</style></head>'
        f'<body class="page" style="margin:0">{body}</body></html>\n'
    )
