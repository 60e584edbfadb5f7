# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shortest way through everything: create, start, restart of the daemon, destroy, delete."""


def test_life_of_a_domain(daemon):
    daemon.do("POST", "/v1/domains", daemon.paused_domain("a"))
    assert daemon.state("a") == "shut off"
    daemon.do("POST", "/v1/domains/a/start?paused=true")
    assert daemon.state("a") == "paused"
    assert len(daemon.qemu_pids()) == 1

    daemon.kill()
    assert len(daemon.qemu_pids()) == 1
    daemon.start()
    daemon.wait_state("a", "paused")
    daemon.do("POST", "/v1/domains/a/resume")
    daemon.wait_state("a", "running")

    daemon.do("POST", "/v1/domains/a/destroy")
    assert daemon.state("a") == "shut off"
    assert daemon.qemu_pids() == []
    daemon.do("DELETE", "/v1/domains/a")
    assert daemon.items("/v1/domains") == []
