"""What came back → what it says. In comes a mail's bytes, out goes what it is, whom it names and why. Pure but for
`inbox`, which fetches them."""


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
