"""What the DNS says of the newsroom: SPF, DKIM, DMARC, PTR, and where bounces go."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.doctor import dmarc, signing, spf
from newsletter.doctor.domain import REWRITING, Ways, envelope_domain, include_for, ways_of
from newsletter.doctor.finding import Finding, Level, failure, ok, unknown, warning
from newsletter.doctor.mending import NOBODY, Mended, proposed
from newsletter.errors import ConfigError
from newsletter.lookup import Lookup
from newsletter.mail.dkim import record
from newsletter.newsroom import Newsroom

SPF, PTR, MX = "dns SPF", "dns PTR", "dns MX"
DMARC, ALIGNED = "dns DMARC", "dns alignment"
OWN_PATH = "that relay puts a return path of its own there, as a rule, for which SPF passes"
MONITOR = "write p=none, as in the record below, or what was meant: p=quarantine, p=reject"
PASTE = "put the SPF record below into the DNS"


# --- SPF ------------------------------------------------------------------------------------------


def look_at_spf(room: Newsroom) -> Iterator[Finding]:
    """Does the return path's domain let our relay send?"""
    lookup = room.lookup.remembering()  # each address of the relay is judged by the same questions
    yield judge_spf(lookup, envelope_domain(room.config), ways_of(room.config, lookup))


def judge_spf(lookup: spf.Dns, domain: str, ways: Ways | None) -> Finding:
    sender, made = f"lettre@{domain}", proposed(lookup, domain, ways)
    anybody = spf.check(lookup, NOBODY, domain, sender)
    if anybody.result is spf.Result.TEMPERROR:
        return unknown(SPF, f"SPF of {domain}", anybody.said)
    if anybody.result is spf.Result.NONE:
        return _no_spf(lookup, domain, ways, PASTE if made else _by_hand(ways))
    if anybody.result is spf.Result.PASS:
        cure = "end the record with ~all or -all" if anybody.said == "all" else "leave it out, or name less by it"
        return failure(SPF, f"{domain}: “{anybody.said}” lets everybody send", cure)
    judged = {one: spf.check(lookup, one, domain, sender) for one in (ways.addresses if ways else ())}
    passing = [one for one, found in judged.items() if found.result is spf.Result.PASS]
    if anybody.result is spf.Result.PERMERROR and not (judged and len(passing) == len(judged)):
        return failure(SPF, f"the record cannot be followed: {anybody.said}", _cure(anybody, made))
    silent = next((found for found in judged.values() if found.result is spf.Result.TEMPERROR), None)
    if silent:
        return unknown(SPF, f"SPF of {domain}", silent.said)
    found = _judge_ways(lookup, domain, ways, passing, anybody, made)
    if found.level is Level.OK and anybody.result is spf.Result.NEUTRAL:
        return warning(SPF, f"{found.said}; it says nothing against all others", "end the record with ~all")
    return found


def _no_spf(lookup: spf.Dns, domain: str, ways: Ways | None, remedy: str) -> Finding:
    spoiled = next((text for text in lookup.txt(domain).values if spf.spoiled(text)), None)
    if spoiled:
        said = f"the SPF record of {domain} does not count: {spf.spoiled(spoiled)}"
        return failure(SPF, said, remedy if remedy == PASTE else f"write it as {spf.bare(spoiled)}")
    said = f"{domain} has no SPF record: nobody is said to send for it"
    if ways and not ways.ours and include_for(ways.host) in REWRITING:
        return warning(SPF, f"{said}; {OWN_PATH}", remedy)
    return failure(SPF, said, remedy)


def _by_hand(ways: Ways | None) -> str:
    """Where no record can be made by us."""
    if ways is None:
        return "set delivery.via first: what belongs into the record is how the relay sends"
    return f"write v=spf1 ip4:… ~all into the DNS, with the public address of {ways.host}"


def _cure(found: spf.Spf, made: Mended | None) -> str:
    below = ", as in the record below" if made else ""
    if "SPF records at" in found.said:
        return f"make one record of them: one v=spf1 at the front, all terms behind it, one all at the end{below}"
    if "what is not there" in found.said:
        return f"leave out what names nothing any more{below}"
    if "more than" in found.said:
        by_number = "name networks by ip4: and ip6: in the place of include:"
        return f"leave out what you no longer send by{below}, or {by_number}"
    return f"mend that term, or leave it out{below}"


def _judge_ways(
    lookup: spf.Dns, domain: str, ways: Ways | None, passing: list[str], anybody: spf.Spf, made: Mended | None
) -> Finding:
    costs = f"{anybody.lookups} of {spf.MOST_LOOKUPS} lookups"
    if ways is None:
        return ok(SPF, f"{domain} has a record ({costs}); whether it names your relay is seen when there is one")
    if ways.trouble:
        return unknown(SPF, f"the address of {ways.host}", ways.trouble)
    wanted = None if ways.ours else include_for(ways.host)
    if wanted:
        if wanted in anybody.included:
            return ok(SPF, f"{domain} includes {wanted}, which {ways.host} sends by ({costs})")
        said = f"{domain} does not include {wanted}, by which {ways.host} sends"
        remedy = f"add include:{wanted} before all{', as in the record below' if made else ''}"
        if wanted in REWRITING:
            return warning(SPF, f"{said}; {OWN_PATH}", remedy)
        return failure(SPF, said, remedy)
    if not ways.addresses:
        return warning(SPF, f"{domain} has a record, and {ways.why_none}", "send a test, see --send-to")
    if len(passing) < len(ways.addresses):
        return _not_named(lookup, domain, ways, passing, anybody, made)
    if anybody.result is spf.Result.PERMERROR:
        said = f"passes for {', '.join(passing)}, and fails for all that come later: {anybody.said}"
        return warning(SPF, said, _cure(anybody, made))
    return ok(SPF, f"{domain} lets {', '.join(passing)} send, the relay {ways.host} ({costs})")


def _not_named(
    lookup: spf.Dns, domain: str, ways: Ways, passing: list[str], anybody: spf.Spf, made: Mended | None
) -> Finding:
    """A relay of ours sends by its own address; of another's we know only where it takes mail."""
    left = ", ".join(one for one in ways.addresses if one not in passing)
    said = f"{domain} does not let {left} send, the relay {ways.host} ({anybody.result})"
    alone = any(spf.says_nobody(text) for text in lookup.txt(domain).values)
    if ways.ours or alone:
        return failure(SPF, said, PASTE if made else _by_hand(ways))
    by = f"by {', '.join(anybody.included)}" if anybody.included else "by other addresses that it names"
    remedy = "ask your relay what to include, or send a test: --send-to"
    only = "; the record below names no more than the address at which it takes mail"
    return warning(SPF, f"{said}; it may go out {by}", f"{remedy}{only if made else ''}")


# --- DKIM -----------------------------------------------------------------------------------------


def look_at_dkim(room: Newsroom) -> Iterator[Finding]:
    """Does the DNS hold the keys we sign with?"""
    try:
        keys = room.dkim_keys
    except ConfigError:
        return  # told of already, beside the other files
    if not keys:
        said = "nothing is signed here ([dkim] names no key): then the relay must sign, for your own domain"
        yield warning("dns DKIM", said, "`newsletter dkim keygen` makes a key; or see “If the relay signs”")
    for selector, key in keys:
        ours, name = record(room.config.signing_domain, selector, key), f"dns DKIM {selector}"
        found = room.lookup.txt(ours.name)
        if found.trouble:
            yield unknown(name, ours.name, found.said)
            continue
        judged = signing.judge(name, found.values, ours)
        yield _twice_named(room, ours.name, judged) if found.nothing else judged


def _twice_named(room: Newsroom, name: str, judged: Finding) -> Finding:
    """Forms that complete names make a.b of a, and a.b.b of a.b: the usual way to lose a record."""
    doubled = f"{name}.{room.config.signing_domain}"
    if not room.lookup.txt(doubled).values:
        return judged
    short = name.removesuffix(f".{room.config.signing_domain}")
    said = f"it stands at {doubled}: the form has added the domain"
    return failure(judged.name, said, f"give the form only {short} as its name")


# --- DMARC ----------------------------------------------------------------------------------------


def look_at_dmarc(room: Newsroom) -> Iterator[Finding]:
    """Is there a policy, and does what we sign and what we send by speak for the From address's domain?"""
    author = dmarc.walk(room.lookup, room.config.newsletter.sender_domain)
    if author.trouble:
        yield unknown(DMARC, f"DMARC of {author.domain}", author.trouble)
        return
    judged, elsewhere = judge_dmarc(author), dmarc.doubled(room.lookup, author.domain) if author.is_bare else None
    if elsewhere:
        name = f"_dmarc.{author.domain}".removesuffix(elsewhere.removeprefix(f"_dmarc.{author.domain}"))
        said = f"the DMARC record stands at {elsewhere}: the form has added the domain"
        judged = failure(DMARC, said, f"give the form only {name} as its name")
    yield judged
    yield judge_alignment(room, author)


def judge_dmarc(author: dmarc.Walk) -> Finding:
    found = author.record
    if author.domain in author.crowded or (found is None and author.crowded):
        said = f"several DMARC records stand at _dmarc.{author.crowded[0]}: none of them counts"
        here = [one for one in author.rivals if one.domain == author.crowded[0]]
        return failure(
            DMARC, said, f"leave one of them, the strictest: {max(here, key=lambda one: one.strictness).text}"
        )
    if found is None and author.spoiled:
        spoiled = author.spoiled[0]
        said = f"the DMARC record at _dmarc.{spoiled.meant.domain} does not count: {spoiled.why}"
        return failure(DMARC, said, f"write it as {spoiled.meant.text}")
    if found is None:
        said = f"there is no DMARC record for {author.domain}: the large services want one"
        return failure(DMARC, said, "put the DMARC record below into the DNS")
    said = f"_dmarc.{found.domain}: p={found.policy_for(author.domain)}"
    gone = [tag for tag in dmarc.GONE if tag in found.tags]
    if "p" in found.tags and found.tags["p"].lower() not in dmarc.POLICIES:
        return warning(DMARC, f"{said}: p={found.tags['p']} is no policy, and counts as none", MONITOR)
    if gone:
        remedy = f"{', '.join(gone)}= are no tags any more (RFC 9989): they can go; for a trial there is t=y"
        return ok(DMARC, said, remedy)
    if found.policy == "none" and "rua" not in found.tags:
        return ok(DMARC, said, "rua=mailto:… sends you the reports by which to see who sends for you")
    if found.policy == "none" or found.tags.get("t", "n").lower() == "y":
        return ok(DMARC, said, "when the reports show that all your mail passes: p=quarantine, and no t=y")
    return ok(DMARC, said)


def judge_alignment(room: Newsroom, author: dmarc.Walk) -> Finding:
    """What passes must speak for the domain that readers see (RFC 9989, 3.2.10): one of both is enough."""
    config, record = room.config, author.record
    signs = config.signing_domain if config.dkim.key_file else None
    path = envelope_domain(config)
    by_dkim = signs and dmarc.aligned(room.lookup, author, signs, strict=bool(record and record.strict("adkim")))
    by_spf = dmarc.aligned(room.lookup, author, path, strict=bool(record and record.strict("aspf")))
    if (signs and by_dkim is None) or by_spf is None:
        return unknown(ALIGNED, "what aligns", "one of the walks had no answer")
    if by_dkim and by_spf:
        return ok(ALIGNED, f"both speak for {author.domain}: the signature's {signs}, the return path's {path}")
    if by_dkim:
        return ok(ALIGNED, f"the signature's {signs} speaks for {author.domain}; the return path's {path} does not")
    if by_spf:
        said = f"the return path's {path} speaks for {author.domain}, and no signature of ours does"
        return warning(ALIGNED, said, "sign for the From domain ([dkim]): SPF alone breaks where mail is forwarded")
    if signs is None:
        said = f"neither a signature of ours nor the return path's {path} speaks for {author.domain}"
        return warning(ALIGNED, said, "sign here ([dkim]), or be sure that the relay signs with d= that domain")
    said = f"neither the signature's {signs} nor the return path's {path} speaks for {author.domain}"
    return failure(ALIGNED, said, f'set dkim.domain = "{author.domain}", or change adkim=s in the DMARC record')


# --- Who comes back, and where to -----------------------------------------------------------------


def look_at_ptr(room: Newsroom) -> Iterator[Finding]:
    """Does each address of a relay of our own have a name that leads back to it? Many servers ask for that."""
    ways = ways_of(room.config, room.lookup)
    if ways is None:
        return
    if not ways.ours:
        yield ok(PTR, f"{ways.host} is your relay's business")
    elif ways.trouble:
        yield unknown(PTR, f"the address of {ways.host}", ways.trouble)
    elif not ways.addresses:
        yield warning(PTR, ways.why_none, "ask who gives you your address whether it has a PTR record")
    for address in ways.addresses if ways.ours else ():
        yield judge_ptr(room.lookup, address)


def judge_ptr(lookup: Lookup, address: str) -> Finding:
    names = lookup.ptr(address)
    if names.trouble:
        return unknown(PTR, f"the name of {address}", names.said)
    if names.nothing:
        said = f"{address} has no name (PTR): many servers take no mail from such"
        return failure(PTR, said, "ask whoever gives you the address to set it to the relay's host name")
    troubles = []
    for name in names.values[:5]:
        back = lookup.addresses(name)
        if address in back.values:
            return ok(PTR, f"{address} is {name}, and {name} is {address}")
        troubles += [back.said] if back.trouble else []
    if troubles:
        return unknown(PTR, f"the address of {names.values[0]}", troubles[0])
    said = f"{address} is called {names.values[0]}, which does not lead back to it"
    return failure(PTR, said, f"give {names.values[0]} an A or AAAA record with {address}")


def look_at_mx(room: Newsroom) -> Iterator[Finding]:
    """Can what comes back reach us? The domains of the return path and of From must take mail, or be refused."""
    for domain in dict.fromkeys([envelope_domain(room.config), room.config.newsletter.sender_domain]):
        yield judge_mx(room.lookup, domain)


def judge_mx(lookup: Lookup, domain: str) -> Finding:
    name, wanted = f"{MX} {domain}", "put an MX record into the DNS that names the server which takes its mail"
    found = lookup.mx(domain)
    if found.trouble:
        return unknown(name, f"MX of {domain}", found.said)
    if found.values == ("",):
        return failure(name, f"{domain} says that it takes no mail (null MX): bounces and answers are lost", wanted)
    if found.nothing:
        itself = lookup.addresses(domain)
        if itself.trouble:
            return unknown(name, domain, itself.said)
        if itself.nothing:
            return failure(name, f"{domain} takes no mail: it has neither an MX record nor an address", wanted)
        return warning(name, f"{domain} has no MX record: mail goes to {itself.values[0]} itself", wanted)
    hosts = {host: lookup.addresses(host) for host in found.values[:5] if host}
    if any(one.values for one in hosts.values()):
        return ok(name, f"mail to {domain} goes to {', '.join(hosts)}")
    trouble = next((one.said for one in hosts.values() if one.trouble), None)
    if trouble:
        return unknown(name, f"the address of {next(iter(hosts))}", trouble)
    return failure(name, f"{domain}: none of its mail servers has an address ({', '.join(hosts)})", wanted)
