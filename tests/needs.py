"""What a test needs of the system it runs on."""

from __future__ import annotations

import os
import shutil

import pytest

PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def needs(program: str) -> str:
    """The program's path. Where it is missing the test is skipped, by name; under NEWSLETTER_TEST_ALL=1 it fails."""
    path = shutil.which(program, path=PLACES)
    if path is None and os.environ.get("NEWSLETTER_TEST_ALL") == "1":
        pytest.fail(f"{program} is not installed, and NEWSLETTER_TEST_ALL=1 allows no skipping")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path
