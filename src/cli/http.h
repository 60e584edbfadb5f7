/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/stream.h"

/*
 * A small HTTP/1.1 client: one connection kept alive, lengths and chunks, uploads from a
 * descriptor, downloads to a function. One thread, blocking.
 */

#define SK_HTTP_MAX_HEAD (64 * 1024)
#define SK_HTTP_MAX_BODY (64 * 1024 * 1024)

/* Which daemon. url NULL: the socket. */
typedef struct {
    char *socket, *url;
    char *token, *fingerprint, *ca;
} SkTarget;
void sk_target_clear(SkTarget *self);

typedef struct SkHttp SkHttp;

/* Bytes that went over the wire: done of total (0: not known). */
typedef void (*SkHttpProgress)(guint64 done, guint64 total, gpointer data);
/* A piece of a body. */
typedef gboolean (*SkHttpSink)(const void *bytes, gsize length, gpointer data, GError **error);

typedef struct {
    const char *method, *path;
    const char *const *headers;     /* "Name: value", NULL-terminated; may be NULL */
    const void *body;               /* may be NULL */
    gsize body_length;
    const char *body_type;          /* NULL: application/json */
    gint body_fd;                   /* 0: none; else body_length bytes are sent from it */
    SkHttpProgress progress;        /* of the upload or the download; may be NULL */
    SkHttpSink sink;                /* bodies of 2xx answers go there; NULL: kept in the answer */
    gpointer data;                  /* for both */
} SkHttpRequest;

/* Head of an answer. */
typedef struct {
    guint status;
    GHashTable *headers;            /* lower-case name to value */
    gint64 length;                  /* -1: not said */
    gboolean chunked, close;
} SkHttpHead;

typedef struct {
    SkHttpHead head;
    GString *body;
} SkHttpAnswer;

void sk_http_head_clear(SkHttpHead *self);
void sk_http_answer_free(SkHttpAnswer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkHttpAnswer, sk_http_answer_free)

/* Parses a head without its empty line. Never aborts on input. */
gboolean sk_http_parse_head(const char *text, gsize length, SkHttpHead *out, GError **error);

/* target must outlive it. Connects at the first request. */
SkHttp *sk_http_new(const SkTarget *target);
/* One that uses this connection and no other; takes it. For tests and fuzzing. */
SkHttp *sk_http_new_stream(SkStream *stream);
void sk_http_free(SkHttp *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkHttp, sk_http_free)

/* NULL if no answer came; an answer of any status is no error here. */
SkHttpAnswer *sk_http_ask(SkHttp *self, const SkHttpRequest *request, GError **error);

/*
 * Opens a WebSocket on a connection of its own; the stream is the caller's. An answer other than 101 is returned in
 * *out_refusal (free it) with NULL and no error.
 */
SkStream *sk_http_upgrade(SkHttp *self, const char *path, SkHttpAnswer **out_refusal, GError **error);

/* The host name of the URL, or NULL for a socket. */
const char *sk_http_host(const SkHttp *self);
