/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Lines that a network adds to its dnsmasq's configuration: "address=/x.test/10.0.0.1". TRUE for those that only say what it answers
 * and hands out; INVALID for what is no such line, UNSUPPORTED, with the reason, for what would make it run programs, write files, be
 * somebody else or serve elsewhere. Any thread.
 */
gboolean sk_check_dnsmasq_option(const char *text, const char *what, GError **error);
