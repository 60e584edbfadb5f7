/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * A web server on the loopback that has one file and misbehaves on request. It answers from a thread of its own;
 * fields may be changed between requests.
 */
typedef struct {
    GSocketListener *listener;
    GCancellable *ended;
    GThread *thread;
    guint16 port;
    GBytes *file;
    const char *tag;        /* ETag, or NULL */
    gsize stop_after;       /* bytes of a body after which it hangs up; 0: never */
    gboolean no_ranges;     /* answers with the whole, whatever was asked */
    gboolean redirect_to_file; /* answers with a redirect to file:///etc/passwd */
    guint status;           /* instead of 200; 0: by the rules */
    gsize sent;             /* body bytes of the last answer */
    guint requests;
} Web;

void web_start(Web *self, GBytes *file);
void web_stop(Web *self);

/* "http://127.0.0.1:PORT/name"; freed with the test's end. */
const char *web_url(Web *self, const char *name);
