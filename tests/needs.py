"""What a test needs of the system it runs on."""

from __future__ import annotations

import os
import shutil
import subprocess

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


def needs_root() -> None:
    """Skips where we are somebody else, under NEWSLETTER_TEST_ALL=1 as well. That forbids to skip what an installation
    would cure, and none makes anybody root, as Postfix's master must be. The machine that checks is root, so nothing
    is skipped there; who develops as somebody else runs all the rest, and is told what was skipped.
    """
    if os.getuid() != 0:
        pytest.skip("only root can run it")


def needs_namespaces() -> list[str]:
    """The words before a program that gives it network and files of its own; skips where the system allows no such."""
    words = [needs("unshare"), "--user", "--map-root-user", "--net", "--mount"]
    if subprocess.run([*words, "true"], check=False, capture_output=True).returncode == 0:
        return words
    if os.environ.get("NEWSLETTER_TEST_ALL") == "1":
        pytest.fail("namespaces (unshare) are not allowed here, and NEWSLETTER_TEST_ALL=1 allows no skipping")
    pytest.skip("namespaces (unshare) are not allowed here")
