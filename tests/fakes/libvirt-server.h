/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/private.h"
#include "base/error.h"
#include "base/thread.h"

/*
 * The libvirt front door in front of a real service that touches nothing of the host, and a client on the same
 * thread. There is a domain "web1", off, of the UUID below, and no QEMU. Main thread.
 */

#define LV_UUID "0b3c9d42-3c8a-4f6e-9d5d-5b8a7f000001"

typedef struct {
    char *root;
    SkServiceSettings settings;
    SkService *service;
    SkAuth *auth;
    SkOps *ops;
    SkLibvirt *libvirt;
} LvServer;

void lv_server_start(LvServer *self);
void lv_server_stop(LvServer *self);

/* One end of a connection that has just come, blocking; role VIEWER: by a read-only socket. */
gint lv_connect(LvServer *self, SkRole role);
/* Lets the server work until it has nothing to do. */
void lv_settle(void);

/* Sends as much as the socket takes while the server reads. */
void lv_send(gint fd, const void *bytes, gsize length);
/* A whole message. */
void lv_send_message(gint fd, const SkLvHeader *header, const void *payload, gsize length);
/* The same as a call of the remote program. */
void lv_call(gint fd, guint procedure, guint serial, const GByteArray *payload);

typedef struct {
    SkLvHeader header;
    GByteArray *payload;
} LvMessage;
/* The next message, while the server works; NULL: the connection has ended, or the server has nothing to say. */
LvMessage *lv_receive(gint fd);
void lv_message_free(LvMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LvMessage, lv_message_free)
/* TRUE: the server has ended the connection, and what it had sent before is read. */
gboolean lv_has_ended(gint fd);

/* AUTH_LIST and CONNECT_OPEN. */
void lv_open(gint fd);
