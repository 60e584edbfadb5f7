/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes that QEMU encrypts. */
#include "storage/luks.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/bytes.h"

#define ENCRYPTION_ATTRIBUTE "user.skep.encryption"
#define HEADER_BYTES 112        /* LUKS 1: magic, version, three names, the offset of the data */
#define SECTOR_BYTES 512

gboolean
sk_luks_look(gint fd, guint64 *out_offset)
{
    guint8 head[HEADER_BYTES];
    if (pread(fd, head, sizeof head, 0) != sizeof head || memcmp(head, "LUKS\xba\xbe\0\1", 8) != 0)
        return FALSE;
    if (out_offset != NULL)
        *out_offset = (guint64) sk_be32(head + 104) * SECTOR_BYTES;
    return TRUE;
}

/* -- which secret ------------------------------------------------------------------------------------------------ */

void
sk_luks_record(gint fd, const SkEncryption *encryption)
{
    const char *secret = encryption->secret != NULL ? encryption->secret : "";
    if (fsetxattr(fd, ENCRYPTION_ATTRIBUTE, secret, strlen(secret), 0) < 0)
        g_debug("cannot record the secret of a volume: %s", g_strerror(errno));
}

SkEncryption *
sk_luks_recorded(gint fd)
{
    char secret[64] = "";
    if (fgetxattr(fd, ENCRYPTION_ATTRIBUTE, secret, sizeof secret - 1) < 0)
        return NULL;
    SkEncryption *self = sk_value_new(&sk_encryption_type);
    if (g_uuid_string_is_valid(secret))
        self->secret = g_strdup(secret);
    return self;
}

/* -- the passphrase ------------------------------------------------------------------------------------------------ */

gboolean
sk_luks_key_open(SkLuksKey *self, const char *id, GBytes *passphrase, const char *what, GError **error)
{
    *self = (SkLuksKey){ .fd = SK_FD_NONE };
    if (passphrase == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "volume \"%s\" is encrypted, and its secret was not given", what);
    gsize length;
    const char *bytes = g_bytes_get_data(passphrase, &length);
    g_auto(SkFd) fd = memfd_create("passphrase", MFD_CLOEXEC);
    if (fd < 0 || !sk_fd_write_all(fd, bytes, length, NULL))
        return sk_fail_errno(error, errno, "cannot keep the passphrase of volume \"%s\" in memory", what);
    /* The name of the descriptor is all that is on the command line. */
    self->object = g_strdup_printf("secret,id=%s,file=/proc/%d/fd/%d", id, getpid(), fd);
    self->fd = sk_fd_steal(&fd);
    return TRUE;
}

void
sk_luks_key_close(SkLuksKey *self)
{
    sk_fd_clear(&self->fd);
    g_clear_pointer(&self->object, g_free);
}

void
sk_luks_options(GString *text, const SkEncryption *encryption, const char *prefix, const char *id)
{
    const struct {
        const char *key, *value;
    } rows[] = {
        { "key-secret", id },          { "cipher-alg", encryption->cipher }, { "cipher-mode", encryption->mode },
        { "hash-alg", encryption->hash }, { "ivgen-alg", encryption->ivgen }, { "ivgen-hash-alg", encryption->ivgen_hash },
    };
    /* For tests: to make guessing slow takes seconds, each time. */
    const char *time = g_getenv("SKEP_LUKS_TIME");
    if (time != NULL)
        g_string_append_printf(text, ",%siter-time=%s", prefix, time);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].value != NULL)
            g_string_append_printf(text, ",%s%s=%s", prefix, rows[i].key, rows[i].value);
    }
}
