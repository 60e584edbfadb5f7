#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at and works a desktop program through its accessibility tree, as a screen reader does.

Usage: desktop_driver.py APPLICATION COMMAND [ARGUMENT...], on the session bus and display of the program.
    tree [WINDOW]              prints what there is
    wait WINDOW ROLE NAME      until it is shown (names are regular expressions, matched whole)
    gone WINDOW                until no such window is shown
    click WINDOW ROLE NAME     does its first action, as a click would
    select WINDOW NAME         clicks on a row or a tab with the mouse
    text WINDOW NAME TEXT      types into a field
    shot FILE                  a picture of the whole screen, PNG
"""
import re
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

DEADLINE = 60  # seconds: a bound on hanging, not a measure


def children(node):
    try:
        return [child for child in (node.get_child_at_index(i) for i in range(min(node.get_child_count(), 500))) if child is not None]
    except GLib.Error:  # it went while it was looked at
        return []


def walk(node, depth=0):
    yield node, depth
    for child in children(node):
        yield from walk(child, depth + 1)


def name(node):
    try:
        text = node.get_name() or ""
        if not text and node.get_role_name() in ("text", "label"):
            text = Atspi.Text.get_text(node, 0, -1) if node.get_text_iface() else ""
        return text
    except GLib.Error:
        return ""


def role(node):
    try:
        return node.get_role_name()
    except GLib.Error:
        return ""


def showing(node):
    try:
        return node.get_state_set().contains(Atspi.StateType.SHOWING)
    except GLib.Error:
        return False


def application(wanted):
    for app in children(Atspi.get_desktop(0)):
        if re.fullmatch(wanted, name(app)):
            return app
    return None


def windows(app, title):
    return [w for w in (children(app) if app else []) if re.fullmatch(title, name(w)) and showing(w)]


def find(app, title, kind, wanted, hidden=False):
    for window in windows(app, title):
        for node, _ in walk(window):
            if re.fullmatch(kind, role(node)) and re.fullmatch(wanted, name(node), re.S) and (hidden or showing(node)):
                return node
    return None


def wait(check, what):
    deadline = time.monotonic() + DEADLINE
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            sys.exit(f"waited {DEADLINE} s for {what}")
        time.sleep(0.1)


def tree(wanted, title=".*"):
    for window in windows(application(wanted), title):
        for node, depth in walk(window):
            if showing(node):
                print("  " * depth + f"{role(node)} {name(node)!r}")


def act(node):
    if not Atspi.Action.do_action(node, 0):
        sys.exit(f"{role(node)} {name(node)!r} cannot be clicked")


def select(wanted, title, row):
    node = wait(lambda: find(application(wanted), title, "table cell|tree item|list item|page tab", row), f"a row {row!r} in {title!r}")
    at = Atspi.Component.get_extents(node, Atspi.CoordType.SCREEN)
    Atspi.generate_mouse_event(at.x + at.width // 2, at.y + at.height // 2, "b1c")


def shot(path):
    gi.require_version("Gdk", "3.0")
    from gi.repository import Gdk
    root = Gdk.get_default_root_window()
    Gdk.pixbuf_get_from_window(root, 0, 0, root.get_width(), root.get_height()).savev(path, "png", [], [])


def main():
    wanted, command, *rest = sys.argv[1:]
    if command == "tree":
        tree(wanted, *rest)
    elif command == "shot":
        shot(*rest)
    elif command == "gone":
        wait(lambda: not windows(application(wanted), rest[0]), f"{rest[0]!r} to go")
    elif command == "select":
        select(wanted, *rest)
    elif command == "text":
        title, field, text = rest
        node = wait(lambda: find(application(wanted), title, "text", field), f"a field {field!r} in {title!r}")
        Atspi.EditableText.set_text_contents(node, text)
    else:
        title, kind, what = rest
        node = wait(lambda: find(application(wanted), title, kind, what), f"{kind} {what!r} in {title!r}")
        if command == "click":
            act(node)


if __name__ == "__main__":
    main()
