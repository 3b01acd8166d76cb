"""MJML → HTML, by mrml. Pure.

mrml's parser is XML-like and says little when it stops: a byte range, or nothing at all. So the markup around the
place, or around the likeliest place, goes into the error.

mrml 6.0.1 writes attributes the way Rust writes strings for debugging: a no-break space becomes `\\u{a0}`, a backslash
two, and `title='say "a"'` ends after `say \\`. So attributes are armoured before: ASCII only, in double quotes.
"""

from __future__ import annotations

import re

AROUND = 2  # lines before and after
LONGEST_LINE = 120  # characters
# What mrml refuses without saying where (1.4.2): a "<" that begins no tag, control characters, CDATA.
SUSPECTS = re.compile(
    "<(?![A-Za-z/!])|<!\\[CDATA|[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|<!(?!--|doctype)", re.IGNORECASE
)
# What no mail may hold; and what mrml does not know, which it passes on as it is.
FOREIGN = re.compile(r"<(script|iframe|object|embed|form|input|mj-[a-z-]+)\b", re.IGNORECASE)
# mrml hides the preheader and writes it white besides, which SpamAssassin takes for a trick on a light ground: 0.7
# points for HTML_FONT_LOW_CONTRAST (4.0.1).
WHITENED = re.compile(r'(<div style="display:none;font-size:1px;)color:#ffffff;')
# A tag, or the title, which mrml makes an attribute too.
TAGS = re.compile(r"<mj-title>.*?</mj-title>|<[A-Za-z][^<>]*>", re.DOTALL)
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
VOID = {"br", "hr", "img", "meta", "wbr", "link", "input"}
SLOT_MARKS = re.compile(r"&#(\d{5});")


def html_from(markup: str) -> str:
    """The HTML of an MJML document.

    Raises ValueError: its first line says what is wrong and shows the place, the following ones number the lines
    around it.
    """
    from mjml import mjml2html

    markup = TAGS.sub(_armoured, markup)
    try:
        # fonts={}: by default any text in MJML's default font makes the mail load fonts.googleapis.com.
        html = str(mjml2html(markup, fonts={}, disable_comments=True))
    except ValueError as error:
        raise ValueError(_explained(markup, str(error))) from error
    foreign = FOREIGN.search(html)
    if foreign:
        raise ValueError(f"<{foreign[1]}> must not be in a mail: mail programs take it out, or the mail for a trap")
    return SLOT_MARKS.sub(_slot_mark, WHITENED.sub(r"\1", html, count=1))


def _armoured(tag: re.Match[str]) -> str:
    text = QUOTED.sub(_double_quoted, tag[0]) if not tag[0].startswith("<mj-title") else tag[0]
    text = re.sub(r"[\t\r\n]+", " ", text).replace("\\", "&#92;")
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _double_quoted(value: re.Match[str]) -> str:
    return '"' + value[0][1:-1].replace('"', "&#34;") + '"'


def _slot_mark(reference: re.Match[str]) -> str:
    """The private-use characters of slots in links, made what they were; cleaned texts have none."""
    number = int(reference[1])
    return chr(number) if 0xE000 <= number <= 0xF8FF else reference[0]


def _explained(markup: str, reason: str) -> str:
    line = _line_number(markup, reason)
    if line is None:
        line = _unclosed(markup) if "end of stream" in reason else None
    if line is None:
        return f"MJML refuses it ({reason}), and does not say where"
    lines = markup.splitlines()
    first = max(line - 1 - AROUND, 0)
    numbered = [f"{i:5} | {text[:LONGEST_LINE]}" for i, text in enumerate(lines[first : line + AROUND], first + 1)]
    return "\n".join([f"MJML refuses line {line} of what it gives ({reason}): {_shown(lines, line)}", *numbered])


def _line_number(markup: str, reason: str) -> int | None:
    """Where mrml stopped: it counts bytes."""
    position = re.search(r"position (\d+):\d+", reason)
    suspect = SUSPECTS.search(markup)
    if position:
        before = markup.encode("utf-8", "replace")[: int(position[1])].decode("utf-8", "ignore")
    elif suspect:
        before = markup[: suspect.start()]
    else:
        return None
    return len((before + "|").splitlines())


def _unclosed(markup: str) -> int | None:
    """The line of the first tag that is not closed before the one around it is."""
    open_ones: list[tuple[str, int]] = []
    for tag in re.finditer(r"<(/?)([A-Za-z][\w-]*)[^<>]*?(/?)>", markup):
        name = tag[2].lower()
        if tag[3] or name in VOID:
            continue
        if not tag[1]:
            open_ones.append((name, len((markup[: tag.start()] + "|").splitlines())))
        elif any(one == name for one, _ in open_ones):
            closed, line = open_ones.pop()
            if closed != name:
                return line
    return open_ones[-1][1] if open_ones else None


def _shown(lines: list[str], number: int) -> str:
    text = re.sub(r"[\x00-\x1f]", "\ufffd", lines[number - 1]).strip() if number <= len(lines) else ""
    return text[:LONGEST_LINE]
