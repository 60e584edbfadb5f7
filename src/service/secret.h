/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/encryption.h"
#include "model/secret.h"
#include "service/service-private.h"

/*
 * Live secrets. Definitions are records of the store; a value is a file of its own, "secrets/UUID" in the daemon's directory,
 * that only root can read; ephemeral ones are in memory alone. Main thread.
 */

typedef struct {
    SkService *service;
    SkSecretSpec *spec;
    GBytes *value;          /* NULL: none was set */
} SkSecret;

/* By UUID; NO_SECRET. */
SkSecret *sk_service_secret(SkService *self, const char *uuid, GError **error);
/* By what it is for; NULL if there is none. */
SkSecret *sk_service_secret_for(SkService *self, gint usage_type, const char *usage);
void sk_secret_free(gpointer secret);

/* The value; NULL with DENIED if it is private and not wanted by the daemon itself, STATE if none was set. Borrowed. */
GBytes *sk_secret_value(const SkSecret *self, gboolean inside, GError **error);

/*
 * The passphrase of something encrypted at path: of the secret that is named, or the one whose usage is that path. NO_SECRET if there is
 * none or it has no value; what ("disk \"vda\"") begins the message. out_uuid (may be NULL): which secret it is; free with g_free(). A reference.
 */
GBytes *sk_service_passphrase(SkService *self, const SkEncryption *encryption, const char *path, const char *what, char **out_uuid, GError **error);

/* At start-up. */
gboolean sk_service_load_secrets(SkService *self, GError **error);

gboolean sk_handle_secret_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_secret_show(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_secret_value(SkService *self, SkCall *call, GError **error);

extern const SkJobKind sk_secret_create_job, sk_secret_set_job, sk_secret_delete_job;
