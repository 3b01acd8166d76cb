"""What an article is known by: the same under every dress (F08), and never the same as another."""

import json

import pytest

from newsletter.collect import read
from newsletter.collect.identity import absolute, canonical, clean, post_identity
from tests.test_collect_feeds import DATA, RULES, rss

POST = "https://journal.example/?p=12"


@pytest.mark.parametrize(
    ("link", "guid"),
    [
        ("https://journal.example/a/", "https://journal.example/?p=12"),
        ("https://journal.example/a/", "http://journal.example/?p=12"),
        ("https://journal.example/a/", "https://www.journal.example/?p=12"),
        ("https://www.journal.example/a/", "https://preprod.hebergeur.example/~journal/?p=12"),
        ("https://journal.example/a/", "https://journal.example/?post_type=article&p=12"),
        ("https://journal.example/a/", "https://journal.example/index.php?p=12"),
        ("https://journal.example/a/", "https://journal.example?p=12"),
        ("https://journal.example/a/", "?p=12"),
        ("https://journal.example/a/", "/?p=12"),
        ("https://journal.example/a/", "https://journal.example/wp/?p=12"),  # WordPress in a folder, its site is not
        ("https://journal.example/?p=12", ""),
        ("https://journal.example/?p=12&preview=1", "autre"),
    ],
)
def test_one_post_has_one_identity(link: str, guid: str) -> None:  # F08
    assert post_identity(link, guid) == POST
    assert post_identity(link, "", 12) == POST


@pytest.mark.parametrize(
    ("link", "guid"),
    [
        ("https://journal.example/viewtopic.php?p=12", ""),
        ("https://journal.example/forum?p=12", "https://journal.example/forum?p=12"),
        ("https://journal.example/a/", "https://journal.example/a/"),
        ("https://journal.example/a/", "12"),
        ("https://journal.example/?p=abc", ""),
        ("https://journal.example/?page=12", ""),
    ],
)
def test_what_only_looks_like_a_post(link: str, guid: str) -> None:
    assert post_identity(link, guid) is None


def test_sites_in_folders_of_one_host_are_told_apart() -> None:
    assert (
        post_identity("https://journal.example/ewe/a/", "https://journal.example/ewe/?p=12")
        == "https://journal.example/ewe/?p=12"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://journal.example/a", "http://journal.example/a/", "https://www.journal.example/a/", "HTTPS://Journal.Example:443/a/",
        "https://journal.example/a/?utm_source=x&utm_medium=y", "https://journal.example/a/#xtor=RSS-1", "https://journal.example/a/?xtor=RSS-1#suite",
        "https://journal.example/a/?fbclid=1&gclid=2&mc_cid=3&wt_mc=4&partner=rss&emc=rss", "https://journal.example//a/", "http://journal.example:80/a?",
    ],
)  # fmt: skip
def test_one_page_has_one_canonical_address(url: str) -> None:  # F08
    assert canonical(url) == "https://journal.example/a"


def test_parameters_that_tell_pages_apart_stay() -> None:
    assert canonical("https://journal.example/a?id=2&utm_source=x") == "https://journal.example/a?id=2"
    assert canonical("https://journal.example:8443/a") == "https://journal.example:8443/a"
    assert canonical("https://journal.example/été") == canonical("https://journal.example/%c3%a9t%C3%A9/")
    assert canonical("https://élan.example/a") == "https://xn--lan-9la.example/a"
    assert clean("https://journal.example/a/?id=2&utm_source=x#suite") == "https://journal.example/a/?id=2#suite"


def test_addresses_are_made_absolute_and_harmless() -> None:
    assert absolute(" /a b\n", "https://journal.example/x/") == "https://journal.example/a%20b"
    assert absolute('/"><script>', "https://journal.example/") == "https://journal.example/%22%3E%3Cscript%3E"
    assert absolute("//cdn.example/i.jpg", "https://journal.example/") == "https://cdn.example/i.jpg"
    assert absolute("http://[::1", "https://journal.example/") == ""
    assert absolute("a", "") == ""


def test_the_feed_and_the_api_agree() -> None:  # F08: across two sources
    posts = json.loads((DATA / "wordpress" / "posts.json").read_text(encoding="utf-8"))[:1]
    (by_api,) = read(json.dumps(posts).encode(), "wordpress", "https://journal.example/", RULES)
    item = f"<item><title>A</title><link>{posts[0]['link']}?utm_source=rss</link><guid isPermaLink='false'>http://journal.example/?p=101</guid></item>"
    (by_feed,) = read(rss(item).encode(), "feed", "https://journal.example/feed/", RULES)
    assert by_api.identity == by_feed.identity == "https://journal.example/?p=101"
    assert by_api.aliases == by_feed.aliases == ("https://journal.example/2026/10/12/a101",)


def test_a_feed_without_ids_shares_a_key_with_one_that_has_them() -> None:
    with_id = (
        "<item><title>A</title><link>https://journal.example/a/</link><guid>https://journal.example/?p=3</guid></item>"
    )
    without = "<item><title>A</title><link>http://www.journal.example/a</link></item>"
    (one,) = read(rss(with_id).encode(), "feed", "f", RULES)
    (other,) = read(rss(without).encode(), "feed", "f", RULES)
    assert other.identity in one.aliases


def test_short_guids_count_at_their_own_site_only() -> None:
    keys = []
    for host in ("un.example", "deux.example"):
        item = f"<item><title>A</title><link>https://{host}/a/</link><guid isPermaLink='false'>12</guid></item>"
        (article,) = read(rss(item).encode(), "feed", "f", RULES)
        keys.append({article.identity, *article.aliases})
    assert not keys[0] & keys[1]
