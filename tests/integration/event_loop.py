# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's event loop on a thread of the test's."""
import threading

import libvirt

from skep import DEADLINE


class Loop:
    """The loop, and the events that came."""

    def __init__(self):
        libvirt.virEventRegisterDefaultImpl()
        self.events = []
        self.news = threading.Condition()
        threading.Thread(target=self.run, daemon=True).start()

    @staticmethod
    def run():
        while True:
            libvirt.virEventRunDefaultImpl()

    def add(self, *event):
        with self.news:
            self.events.append(event)
            self.news.notify_all()

    def wait(self, *event):
        """Waits for an event of this beginning: the whole of it."""
        def found():
            return next((e for e in self.events if e[:len(event)] == event), None)
        with self.news:
            assert self.news.wait_for(found, DEADLINE), (event, self.events)
            return found()

    def take(self):
        with self.news:
            taken, self.events = self.events, []
            return taken


LOOP = []


def the_loop():
    """One for the whole process: libvirt has no second."""
    if not LOOP:
        LOOP.append(Loop())
    LOOP[0].take()
    return LOOP[0]
