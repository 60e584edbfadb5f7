/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/rest/rest.h"
#include "base/fs.h"
#include "fake-service.h"

/* A REST server over the fakes, and clients that block on threads of their own while the main loop runs. */

typedef struct {
    char *dir, *path;       /* of everything; of the Unix socket */
    char *cert, *key;
    SkStore *store;
    SkAuth *auth;
    SkRest *rest;
    SkRestSettings settings; /* to be changed before server_start() */
    char *admin, *viewer;   /* secrets of tokens */
    gint plain_port;        /* HTTP without TLS, over TCP */
} Server;

void server_prepare(Server *self, gconstpointer data);
void server_start(Server *self);
void server_stop(Server *self, gconstpointer data);

/* Runs func(data) on a thread, the main loop meanwhile. */
void client_run(void (*func)(gpointer data), gpointer data);
/* Runs the main loop until *flag. */
void wait_until(gboolean (*is_so)(gpointer data), gpointer data);

/* -- on a client's thread ------------------------------------------------------------------------------ */

gint client_connect(Server *server);
gint client_connect_tcp(gint port);
void client_send(gint fd, const void *bytes, gsize length);
/* Reads exactly so many bytes; FALSE if the server closed before. */
gboolean client_read(gint fd, void *bytes, gsize length);
/* Reads to the end; free with g_free(). */
char *client_read_all(gint fd, gsize *out_length);
/* Reads a header up to its empty line; free with g_free(). */
char *client_read_head(gint fd);

/* -- on the main thread -------------------------------------------------------------------------------- */

typedef struct {
    guint status;
    char *head, *body;
    gsize body_length;
} Answer;

void answer_clear(Answer *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

/* Sends bytes on a new connection and takes what comes until the server closes. */
Answer ask_raw(Server *server, gboolean over_tcp, const char *bytes, gsize length);
/* "GET /v1/domains", with header lines ("A: b\r\n", or NULL) and a body or NULL, on the Unix socket. */
Answer ask(Server *server, const char *line, const char *headers, const char *body);
/* The same over TCP, where a token is needed. */
Answer ask_tcp(Server *server, const char *line, const char *headers, const char *body);
/* The value of a header of an answer, NULL if it is not there; free with g_free(). */
char *answer_header(const Answer *self, const char *name);
/* The code of the error it is. */
char *answer_code(const Answer *self);
