# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the integration tests: a private daemon for each test module or test.

Every daemon has a directory and a network namespace of its own, real QEMU and real
dnsmasq. Nothing sleeps: tests wait for what they need (Daemon.wait_until, events).
The directory is kept when a test fails, and its path printed.
"""
import os
import shutil
import tempfile

import pytest

from skep import Daemon, guest_files


def pytest_configure(config):
    config.addinivalue_line("markers", "root: needs root, for namespaces and links")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.session.skep_failed = True
        for name in ("daemon", "shared_daemon"):
            daemon = item.funcargs.get(name)
            if daemon is not None:
                daemon.keep = True
                report.sections.append(("skepd log", daemon.log_tail()))


def make_daemon(tmp_parent=None, **options):
    root = tempfile.mkdtemp(prefix="skep-test-", dir=tmp_parent or os.environ.get("SKEP_TEST_DIR"))
    return Daemon(root, **options)


@pytest.fixture
def daemon():
    """A fresh daemon, for a test that changes or kills it."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def shared_daemon():
    """One daemon for all tests of a module; each test uses names of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")
    with make_daemon() as running:
        running.start()
        yield running


@pytest.fixture(scope="session")
def tiny():
    """Kernel and initrd of the tiny guest (tests/guest/make-tiny): paths on the host."""
    files = guest_files()
    if files is None:
        pytest.skip("the tiny guest is not built: run tests/guest/make-tiny")
    return files


@pytest.fixture
def tmp_pool(tmp_path):
    yield str(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)
