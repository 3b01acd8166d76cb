"""The look: whose templates go first, what is copied, and what is said of a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import TemplateError
from newsletter.render import Look, render
from newsletter.render.mjml import html_from
from tests.rendering import choices, edition, look, table


def own(folder: Path, name: str, text: str) -> Path:
    file = folder / "templates" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_newsrooms_own_template_goes_first(tmp_path: Path) -> None:
    own(tmp_path, "email/edition.txt", "Notre lettre : {{ lead.title }}\n")
    result = render(look(tmp_path), table(), edition(), choices(2))
    assert result.text.startswith("Notre lettre : À Kpalimé")
    assert "Se désinscrire" in result.html  # the rest is ours still


def test_a_single_partial_may_be_the_newsrooms_own(tmp_path: Path) -> None:
    shipped = (look(tmp_path).shipped / "email" / "palette.mjml").read_text(encoding="utf-8")
    own(tmp_path, "email/palette.mjml", shipped.replace("#94241d", "#0b4f6c"))
    html = render(look(tmp_path), table(), edition(), choices(2)).html
    assert "#0b4f6c" in html
    assert "#94241d" not in html


def test_text_does_not_escape_and_html_does(tmp_path: Path) -> None:
    own(tmp_path, "a.txt", "{{ x }} {{ say('By {names}', names=x) }}")
    own(tmp_path, "a.html", "{{ x }} {{ say('By {names}', names=x) }}")
    own(tmp_path, "a.mjml", "<mjml><mj-body><mj-raw><b>{{ x }}</b></mj-raw></mj-body></mjml>")
    assert look(tmp_path).text("a.txt", x="<&>") == "<&> Par <&>"
    assert look(tmp_path).text("a.html", x="<&>") == "&lt;&amp;&gt; Par &lt;&amp;&gt;"
    assert "<b>&lt;&amp;&gt;</b>" in look(tmp_path).html("a.mjml", x="<&>")


def test_copying_never_overwrites(tmp_path: Path) -> None:
    kept = own(tmp_path, "email/palette.mjml", "le nôtre")
    written = look(tmp_path).copy_to(tmp_path)
    assert tmp_path / "templates" / "email" / "edition.mjml" in written
    assert kept not in written
    assert kept.read_text(encoding="utf-8") == "le nôtre"
    assert look(tmp_path).copy_to(tmp_path) == ()


def test_copied_templates_render_the_same(tmp_path: Path) -> None:
    before = render(look(tmp_path), table(), edition(), choices(5))
    look(tmp_path).copy_to(tmp_path)
    assert render(Look(tmp_path, look(tmp_path).words), table(), edition(), choices(5)) == before


# --- What is said of a broken one -------------------------------------------------------------------


def complaint(room: Look, template: str = "email/edition.mjml", **values: object) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        room.html(template, **values) if template.endswith("mjml") else room.text(template, **values)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_missing_template_is_named_with_where_it_was_looked_for(tmp_path: Path) -> None:
    room = look(tmp_path)
    said = str(complaint(room, "email/nulle-part.txt"))
    assert said.startswith("templates/email/nulle-part.txt: not found; looked in ")
    assert str(tmp_path / "templates") in said
    assert str(room.shipped) in said


def test_a_missing_partial_is_named(tmp_path: Path) -> None:
    own(tmp_path, "a.txt", "{% include 'b.txt' %}")
    assert str(complaint(look(tmp_path), "a.txt")).startswith("templates/b.txt: not found")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{% if %}", "Expected an expression"),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ x.nothing }}", "no attribute 'nothing'"),
        ("{{ 1 // 0 }}", "ZeroDivisionError"),
        ("{{ 'a' | nofilter }}", "No filter named 'nofilter'"),
        ("{% endfor %}", "unknown tag 'endfor'"),
        ("{{ say('By {names}', name=x) }}", "KeyError: 'names'"),
    ],
)
def test_a_broken_template_is_named_with_line_and_excerpt(tmp_path: Path, line: str, reason: str) -> None:
    file = own(tmp_path, "a.txt", f"un\ndeux\n  {line}\nquatre\n")
    said = str(complaint(look(tmp_path), "a.txt", x="y"))
    assert said.startswith(f"{file}, line 3: ")
    assert reason in said
    assert said.endswith(f": {line}")


def test_a_fault_in_a_partial_is_told_of_the_partial(tmp_path: Path) -> None:
    own(tmp_path, "a.txt", "un\n{% include 'b.txt' %}\n")
    file = own(tmp_path, "b.txt", "\n\n\n{{ nothing }}\n")
    assert str(complaint(look(tmp_path), "a.txt")).startswith(f"{file}, line 4: 'nothing' is undefined")


def test_a_template_that_is_no_text(tmp_path: Path) -> None:
    own(tmp_path, "a.txt", "").write_bytes(b"\xe9t\xe9")
    assert str(complaint(look(tmp_path), "a.txt")).startswith("templates/a.txt: cannot be read")


@pytest.mark.parametrize(
    "line",
    ["<mj-text>a < b</mj-text>", "<mj-text><![CDATA[x]]></mj-text>", "<mj-text>\x07</mj-text>"],
)  # fmt: skip
def test_markup_that_mjml_refuses_is_shown(tmp_path: Path, line: str) -> None:
    markup = f"<mjml>\n<mj-body><mj-section><mj-column>\n<mj-text>bon</mj-text>\n{line}\n</mj-column></mj-section></mj-body>\n</mjml>"
    file = own(tmp_path, "a.mjml", markup)
    error = complaint(look(tmp_path), "a.mjml")
    assert str(error).startswith(f"{file}: MJML refuses line 4 of what it gives (")
    assert line.replace("\x07", "\ufffd") in str(error)
    assert "    3 | <mj-text>bon</mj-text>\n    4 | <mj-text>" in error.__notes__[0]


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("<p>un", "MJML refuses line 2 of what it gives (unexpected end of stream in root template): <mj-text><p>un"),
        ("un<script>x</script>", "<script> must not be in a mail"),
        ("un<mj-foo>x</mj-foo>", "<mj-foo> must not be in a mail"),
        ("un</p>", "MJML refuses line 2 of what it gives (unexpected token in root template at position "),
    ],
)
def test_markup_that_does_not_close(tmp_path: Path, markup: str, said: str) -> None:
    own(tmp_path, "a.mjml", f"<mjml><mj-body><mj-section><mj-column>\n<mj-text>{markup}</mj-text></mj-column></mj-section></mj-body></mjml>")  # fmt: skip
    assert said in str(complaint(look(tmp_path), "a.mjml"))


def test_a_broken_edition_stops_the_rendering_with_its_line(tmp_path: Path) -> None:
    own(tmp_path, "email/masthead.mjml", "<mj-text>\n{{ nothing }}</mj-text>\n")
    with pytest.raises(TemplateError, match=r"masthead\.mjml, line 2: 'nothing' is undefined: \{\{ nothing \}\}"):
        render(look(tmp_path), table(), edition(), choices(12))


def test_a_look_that_is_too_heavy_by_itself(tmp_path: Path) -> None:  # M10
    own(tmp_path, "email/masthead.mjml", f"<mj-text>{'lourd ' * 20_000}</mj-text>\n")
    with pytest.raises(TemplateError, match=r"even with one article it weighs \d+,\d+ bytes"):
        render(look(tmp_path), table(), edition(), choices(3))


# --- mrml, and what it does to attributes -----------------------------------------------------------


def in_text(markup: str) -> str:
    body = f"<mj-body><mj-section><mj-column><mj-text>{markup}</mj-text></mj-column></mj-section></mj-body>"
    return html_from(f"<mjml>{body}</mjml>")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('<a title="un\u00a0deux">x</a>', '<a title="un&#160;deux">x</a>'),
        ("<a title='dire \"oui\"'>x</a>", '<a title="dire &#34;oui&#34;">x</a>'),
        ('<a title="a\\b">x</a>', '<a title="a&#92;b">x</a>'),
        ('<a title="un\n  deux">x</a>', '<a title="un   deux">x</a>'),
        ('<a title="l\'été">x</a>', '<a title="l\'&#233;t&#233;">x</a>'),
        ('<a href="\ue000unsubscribe\ue001">x</a>', '<a href="\ue000unsubscribe\ue001">x</a>'),
        ("un\u00a0deux été \\ 👩🏾‍🌾", "un\u00a0deux été \\ 👩🏾‍🌾"),
        ("&amp;#57344;unsubscribe", "&amp;#57344;unsubscribe"),  # a text cannot make a slot
    ],
)
def test_attributes_are_armoured(given: str, expected: str) -> None:
    assert expected in in_text(given)


def test_no_font_is_fetched() -> None:
    assert "fonts.googleapis.com" not in in_text("texte")


def test_a_notice_to_the_editors(tmp_path: Path) -> None:
    class Report:
        problem = TemplateError("templates/email/edition.mjml: not found")
        said, status = "", "draft"
        audience, accepted = 1200, 0

    text = look(tmp_path).text(
        "email/notice.txt",
        paper=table(),
        day=edition().day,
        beside=None,
        report=Report(),
        unfit=(),
        subject="Pas d’édition",
    )
    assert "templates/email/edition.mjml: not found" in text
    assert "Acceptés par le serveur d’envoi\u00a0: 0 sur 1\u00a0200." in text
    assert "newsletter send --date 2026-11-23" in text
