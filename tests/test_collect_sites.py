"""Sources where they are: a WordPress site over a real socket, its feed where the API is shut, a folder; and a last
look before sending."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from newsletter.collect import Rules, collect, gone
from newsletter.config import Source
from newsletter.fetch import Fetcher
from newsletter.model import Article, Harvest, Validators
from tests.site import Handler, Site, serving

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)
RULES = Rules(ZoneInfo("Africa/Lome"), "fr", "https://journal.example", (), DATA, NOW)
POSTS = json.loads((DATA / "wordpress" / "posts.json").read_text(encoding="utf-8"))
FEED = (DATA / "feeds" / "wordpress.xml").read_bytes()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as server:
        yield server


def fetcher() -> Fetcher:
    return Fetcher("essai/1", sleep=lambda seconds: None)


def harvest(site: Site, kind: str = "wordpress", path: str = "", validators: Validators = Validators()) -> Harvest:  # noqa: B008
    values = {"kind": kind, "url": site.url(path), "allow_private_network": True}
    return collect(Source.model_validate(values), RULES, fetcher(), validators)


def post(number: int, **values: object) -> dict[str, object]:
    when = (NOW - timedelta(minutes=number)).replace(tzinfo=None).isoformat()
    link = f"https://journal.example/p{number}/"
    made = {"id": number, "date": when, "date_gmt": when, "link": link, "status": "publish"}
    return made | {"title": {"rendered": f"Titre {number}"}, "excerpt": {"rendered": "<p>Chapô.</p>"}} | values


def api(site: Site, posts: list[dict[str, object]], sticky: list[dict[str, object]] | None = None) -> None:
    """An API at the usual place, which knows `sticky` and `page`."""

    def answer(handler: Handler) -> None:
        if "sticky=true" in handler.path.replace("ignore_sticky=true", ""):
            handler.give(200, json.dumps(sticky or []).encode(), Content_Type="application/json")
        elif "page=2" in handler.path.replace("per_page=", ""):
            handler.give(400, b'{"code": "rest_post_invalid_page_number"}', Content_Type="application/json")
        else:
            handler.give(200, json.dumps(posts).encode(), Content_Type="application/json")

    site.answers["/wp-json/wp/v2/posts"] = answer


def says(status: int, body: bytes, content_type: str = "application/json") -> Callable[[Handler], None]:
    return lambda handler: handler.give(status, body, Content_Type=content_type)


# --- WordPress ------------------------------------------------------------------------------------


def test_the_api_gives_what_a_feed_lacks(site: Site) -> None:
    api(site, POSTS, [one for one in POSTS if one.get("sticky")])
    found = harvest(site)
    assert found.error is None
    expected = json.loads((DATA / "wordpress" / "posts.json.expected").read_text(encoding="utf-8"))
    assert [one.title for one in found.articles] == [one["title"] for one in expected if one["title"]]
    assert found.articles[0].lead
    query = site.seen[0][1]
    assert all(part in query for part in ("per_page=50", "ignore_sticky=true", "_embed=", "_links", "_embedded"))


def test_a_sticky_post_leads_even_where_it_is_old(site: Site) -> None:
    api(site, [post(1), post(2)], [post(900, sticky=True)])
    assert {one.title: one.lead for one in harvest(site).articles} == {
        "Titre 1": False,
        "Titre 2": False,
        "Titre 900": True,
    }


def test_a_server_that_knows_nothing_of_sticky_marks_nothing(site: Site) -> None:
    site.answers["/wp-json/wp/v2/posts"] = says(200, json.dumps([post(1), post(2)]).encode())
    assert [one.lead for one in harvest(site).articles] == [False, False]


def test_a_busy_day_needs_a_second_page_and_its_end_is_no_error(site: Site) -> None:
    api(site, [post(number) for number in range(1, 51)])
    found = harvest(site)
    assert (len(found.articles), found.error) == (50, None)
    assert sum("page=2" in path.replace("per_page=", "") for _, path, _ in site.seen) == 1


def test_co_authors_are_asked_for_where_only_their_ids_are_given(site: Site) -> None:
    api(site, [post(1, coauthors=[7, 8]), post(2, coauthors=[7])])
    people = [{"display_name": "Ama Kpodzo"}, {"display_name": "Kodjo Agbéli"}]
    site.answers["/wp-json/coauthors/v1/coauthors"] = says(200, json.dumps(people).encode())
    assert harvest(site).articles[0].authors == ("Ama Kpodzo", "Kodjo Agbéli")


def test_log_in_names_are_asked_for_too(site: Site) -> None:
    terms = [{"name": name, "slug": f"cap-{name}", "taxonomy": "author"} for name in ("akpodzo", "k-agbeli")]
    api(site, [post(1, coauthors=[7, 8], _embedded={"wp:term": [terms]})])
    assert harvest(site).articles[0].authors == ("akpodzo", "K Agbeli")
    people = [{"display_name": "Ama Kpodzo"}, {"display_name": "Kodjo Agbéli"}]
    site.answers["/wp-json/coauthors/v1/coauthors"] = says(200, json.dumps(people).encode())
    assert harvest(site).articles[0].authors == ("Ama Kpodzo", "Kodjo Agbéli")


@pytest.mark.parametrize("path", ["/journal", "/journal/", "/journal/wp-json/wp/v2/posts", "/journal/?rest_route=/"])
def test_a_site_in_a_folder(site: Site, path: str) -> None:
    listing = says(200, json.dumps([post(1)]).encode())
    if "rest_route" in path:
        site.answers["/journal/"] = listing
    else:
        site.answers["/journal/wp-json/wp/v2/posts"] = listing
    assert [one.title for one in harvest(site, path=path).articles] == ["Titre 1"]


def test_an_answer_that_was_cut_off_gives_what_is_whole(site: Site) -> None:
    body = json.dumps([post(1), post(2)]).encode()[:-60]
    site.answers["/wp-json/wp/v2/posts"] = says(200, body)
    assert [one.title for one in harvest(site).articles] == ["Titre 1"]


@pytest.mark.parametrize("where", ["header", "link", "plain"])
def test_the_api_is_found_where_the_site_says_it_is(site: Site, where: str) -> None:
    listing = says(200, json.dumps([post(1)]).encode())
    page, header = b"<html><head></head></html>", {}
    if where == "header":
        header = {"Link": f'<{site.url("/blog/api/")}>; rel="https://api.w.org/"'}
        site.answers["/blog/api/wp/v2/posts"] = listing
    elif where == "link":
        page = b'<html><head><link rel="https://api.w.org/" href="/blog/api/"></head></html>'
        site.answers["/blog/api/wp/v2/posts"] = listing

    def front(handler: Handler) -> None:
        if "rest_route=" in handler.path and where == "plain":
            listing(handler)
        else:
            handler.give(200, page, Content_Type="text/html", **header)

    site.answers["/"] = front
    assert [one.title for one in harvest(site, path="/").articles] == ["Titre 1"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says(401, b'{"code": "rest_not_logged_in"}'), "401"),
        (says(403, b"<html>pare-feu</html>", "text/html"), "403"),
        (says(404, b'{"code": "rest_no_route"}'), "404"),
        (says(200, b"<html><form>Connexion</form></html>", "text/html"), "HTML page"),
        (says(200, b'{"code": "rest_forbidden"}'), "rest_forbidden"),
    ],
)
def test_where_the_api_is_shut_the_feed_serves_and_it_is_said(
    site: Site, answer: Callable[[Handler], None], why: str
) -> None:
    site.answers["/wp-json/wp/v2/posts"] = answer
    site.answers["/feed/"] = lambda handler: handler.give(200, FEED, ETag='"f1"', Content_Type="application/rss+xml")
    found = harvest(site)
    assert found.articles
    assert found.error is None
    assert why in found.notes[0]
    assert found.validators.etag == '"f1"'
    site.answers["/feed/"] = says(304, b"")
    assert harvest(site, validators=found.validators).unchanged


def test_a_warning_of_php_before_the_json_is_read_over(site: Site) -> None:
    body = b"<br />\n<b>Notice</b>: x in /a.php on line 3<br />\n" + json.dumps([post(1)]).encode()
    site.answers["/wp-json/wp/v2/posts"] = says(200, body, "text/html")
    assert [one.title for one in harvest(site).articles] == ["Titre 1"]


def test_protected_and_unpublished_posts_are_left_out(site: Site) -> None:
    hidden = {"content": {"rendered": "", "protected": True}, "title": {"rendered": "Protégé : secret"}}
    api(site, [post(1, **hidden), post(2, status="draft"), post(3)])
    assert [one.title for one in harvest(site).articles] == ["Titre 3"]


def test_the_api_and_the_feed_name_one_article_alike(site: Site) -> None:  # F08
    api(site, [post(7, guid={"rendered": "http://staging.example/?p=7"})])
    by_api = harvest(site).articles[0]
    item = (
        "<item><title>Titre 7</title><link>https://www.journal.example/p7/?utm_source=rss</link>"
        '<guid isPermaLink="false">https://journal.example/?p=7</guid></item>'
    )
    site.answers["/rss"] = says(200, f"<rss version='2.0'><channel>{item}</channel></rss>".encode(), "text/xml")
    by_feed = harvest(site, "feed", "/rss").articles[0]
    assert by_api.identity == by_feed.identity == "https://journal.example/?p=7"


def test_a_site_that_is_down_is_one_line(site: Site) -> None:
    site.answers["/wp-json/wp/v2/posts"] = site.answers["/"] = says(500, b"")
    found = harvest(site)
    assert found.articles == ()
    assert found.error
    assert "\n" not in found.error


# --- A feed over a real socket --------------------------------------------------------------------


def test_a_feed_that_has_not_changed_says_so(site: Site) -> None:
    site.answers["/feed/"] = lambda handler: handler.give(200, FEED, ETag='"a"')
    first = harvest(site, "feed", "/feed/")
    assert first.articles
    site.answers["/feed/"] = says(304, b"")
    again = harvest(site, "feed", "/feed/", first.validators)
    assert (again.unchanged, again.articles, again.error) == (True, (), None)


@pytest.mark.parametrize(
    ("status", "body", "says_it"),
    [
        (200, b"<html><body>Maintenance</body></html>", "HTML"),
        (200, b"", "empty"),
        (503, b"", "503"),
        (410, b"", "410"),
    ],
)
def test_what_is_no_feed_is_an_error_in_the_harvest(site: Site, status: int, body: bytes, says_it: str) -> None:  # F07
    site.answers["/feed/"] = says(status, body, "text/html")
    found = harvest(site, "feed", "/feed/")
    assert found.error is not None
    assert says_it in found.error


def test_the_source_s_section_goes_before_the_article_s(site: Site) -> None:
    site.answers["/feed/"] = says(200, FEED, "text/xml")
    values = {"kind": "feed", "url": site.url("/feed/"), "section": "Monde", "allow_private_network": True}
    found = collect(Source.model_validate(values), RULES, fetcher(), Validators())
    assert {one.section for one in found.articles} == {"Monde"}


def test_a_private_address_is_refused_unless_it_is_meant(site: Site) -> None:  # F01
    source = Source.model_validate({"kind": "feed", "url": site.url("/feed/")})
    found = collect(source, RULES, fetcher(), Validators())
    assert found.error is not None
    assert "allow_private_network" in found.error
    assert site.seen == []


# --- A folder -------------------------------------------------------------------------------------


def folder_harvest(path: str = "folder", rules: Rules = RULES) -> Harvest:
    return collect(Source.model_validate({"kind": "folder", "path": path}), rules, fetcher(), Validators())


def test_a_folder_of_markdown_is_read_with_french_names_too() -> None:
    found = folder_harvest()
    by_title = {one.title: one for one in found.articles}
    bridge = by_title["Le pont rouvre : enfin !"]
    assert bridge.authors == ("Afi Mensah", "Kossi Adjavon")
    assert (bridge.section, bridge.lead, bridge.summary) == ("Société", True, "Dix mois de travaux s’achèvent lundi.")
    assert bridge.picture is not None
    assert (bridge.picture.url, bridge.picture.alt) == ("https://journal.example/images/pont.jpg", "Le pont au matin")
    assert bridge.published == datetime(2026, 10, 12, 6, tzinfo=UTC)
    assert "Pas encore" not in by_title
    assert by_title["L’été à Bè"].url == "https://journal.example/ete-a-be"
    assert by_title["L’été à Bè"].published is None


def test_a_broken_file_is_left_out_and_named() -> None:
    notes = folder_harvest().notes
    assert any(note.startswith("casse.md: its front matter is no YAML") for note in notes)
    assert any(note.startswith("vide.md: ") for note in notes)


def test_a_picture_beside_an_article_lies_on_the_site_and_has_a_size(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(b"x" * 1234)
    front = "---\ntitle: A\nurl: https://journal.example/economie/a/\nimage: pictures/a.jpg\n---\nTexte."
    (tmp_path / "a.md").write_text(front, encoding="utf-8")
    [article] = folder_harvest(str(tmp_path)).articles
    assert article.picture is not None
    assert (article.picture.url, article.picture.size) == ("https://journal.example/pictures/a.jpg", 1234)


def test_a_folder_that_is_not_there_is_an_error() -> None:
    assert "no such folder" in (folder_harvest("nowhere").error or "")


# --- A last look ----------------------------------------------------------------------------------


def test_only_what_is_certainly_gone_is_gone(site: Site) -> None:
    source = Source.model_validate({"kind": "feed", "url": site.url("/feed/"), "allow_private_network": True})
    for status in (200, 403, 404, 410, 500, 503):
        site.answers[f"/{status}"] = says(status, b"")
    articles = [Article(f"a{status}", site.url(f"/{status}"), "T") for status in (200, 403, 404, 410, 500, 503)]
    articles.append(Article("nowhere", "http://127.0.0.1:9/x", "T"))
    found = gone([(article, source) for article in articles], RULES, fetcher())
    assert found == {"a404": "its page answers 404", "a410": "its page answers 410"}


def test_a_file_that_has_gone_or_become_a_draft_is_gone(tmp_path: Path) -> None:
    rules = replace(RULES, folder=tmp_path)
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.md").write_text(f"---\ntitle: {name}\n---\nTexte.", encoding="utf-8")
    source = Source.model_validate({"kind": "folder", "path": "."})
    articles = collect(source, rules, fetcher(), Validators()).articles
    (tmp_path / "a.md").unlink()
    (tmp_path / "b.md").write_text("---\ntitle: b\nstatus: draft\n---\nTexte.", encoding="utf-8")
    found = gone([(article, source) for article in articles], rules, fetcher())
    assert sorted(found) == ["https://journal.example/a", "https://journal.example/b"]
    (tmp_path / "away").mkdir()
    elsewhere = replace(rules, folder=tmp_path / "nowhere")
    assert gone([(article, source) for article in articles], elsewhere, fetcher()) == {}
