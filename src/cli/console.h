/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/cli.h"
#include "cli/websocket.h"

/* Gets a ticket and opens the console it is for. Takes request. One thread. */
SkWebSocket *sk_console_open(SkCli *self, const char *domain, json_t *request, SkWebSocketMessage message, gpointer data, GError **error);

/* A command whose first operation answers with bytes: to standard output. */
gboolean sk_run_bytes(SkCli *self, const SkArgs *args, GError **error);
