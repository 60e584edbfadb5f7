/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fs.h"
#include "model/encryption.h"
#include "storage/context.h"

G_BEGIN_DECLS

/*
 * LUKS as QEMU does it: raw volumes with a header before the data, qcow2 volumes with one inside. Private to storage/. Workers.
 */

/* TRUE if a LUKS header of the version that QEMU reads is at the start of fd; out_offset (may be NULL): bytes before the data. */
gboolean sk_luks_look(gint fd, guint64 *out_offset);

/* The secret a volume was made with, kept where its guest cannot reach it (an extended attribute); "" if it has none of its own. */
void sk_luks_record(gint fd, const SkEncryption *encryption);
/* NULL: nothing is recorded. Free with sk_value_free(). */
SkEncryption *sk_luks_recorded(gint fd);

/* The passphrase for another program: in memory, by a descriptor of ours. */
typedef struct {
    SkFd fd;
    char *object;           /* for --object: "secret,id=ID,file=..." */
} SkLuksKey;

/* what is for messages. INVALID if there is no passphrase. */
gboolean sk_luks_key_open(SkLuksKey *self, const char *id, GBytes *passphrase, const char *what, GError **error);
void sk_luks_key_close(SkLuksKey *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkLuksKey, sk_luks_key_close)

/* Appends ",PREFIXkey-secret=ID,PREFIXcipher-alg=..." for qemu-img's -o. */
void sk_luks_options(GString *text, const SkEncryption *encryption, const char *prefix, const char *id);

G_END_DECLS
