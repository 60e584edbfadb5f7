/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "repository/key.h"

G_BEGIN_DECLS

/*
 * Objects: what a repository consists of. An object is named by a keyed hash of what it has, packed by zstd where that makes it
 * smaller, and sealed (XChaCha20-Poly1305) together with its name and kind, so that one cannot stand for another. Bytes in, bytes
 * out; form: docs/reference/backup-format.md. Any thread.
 */

typedef enum {
    SK_REPO_DATA = 'd',     /* clusters of a disk */
    SK_REPO_LEAF = 'l',     /* part of a disk's map */
    SK_REPO_ROOT = 'r',     /* a disk's map: names of leaves */
    SK_REPO_FILE = 'f',     /* a whole small file: firmware variables, a TPM's state */
    SK_REPO_BACKUP = 'b',   /* what a backup has; named after itself, not after what is in it */
} SkRepoKind;

#define SK_REPO_OBJECT_MAX (64u * 1024 * 1024)

typedef struct {
    guint8 bytes[32];
} SkRepoId;

guint sk_repo_id_hash(gconstpointer id);
gboolean sk_repo_id_equal(gconstpointer a, gconstpointer b);
/* 64 hex digits; out has room for 65 bytes. */
void sk_repo_id_format(const SkRepoId *id, char *out);
gboolean sk_repo_id_parse(const char *text, SkRepoId *out);

/* The name of what is in bytes. */
void sk_repo_object_name(const SkRepoKeys *keys, SkRepoKind kind, const void *bytes, gsize length, SkRepoId *out);

/* The object as it is written. */
GByteArray *sk_repo_object_seal(const SkRepoKeys *keys, SkRepoKind kind, const SkRepoId *id, const void *bytes, gsize length);

/* What is in an object; what ("object \"ab…\"") is for messages. IO if it is cut, changed, another, or sealed with another key. */
GByteArray *sk_repo_object_open(const SkRepoKeys *keys, SkRepoKind kind, const SkRepoId *id, const void *sealed, gsize length, const char *what,
                                GError **error);

G_END_DECLS
