/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/cloud-init.h"

G_BEGIN_DECLS

/*
 * The NoCloud seed: what cloud-init reads in the guest at its first boot, as a
 * small ISO image with the volume id "cidata".  The seed is a pure function of
 * its input, so that it is written again only when something changed.
 *
 * No locks, no state.  Checking and rendering may be done on any thread; hashing
 * a password takes tens of milliseconds and writing a seed waits for the disk:
 * workers only.
 */

/* Whose seed it is. */
typedef struct {
    const char *domain;         /* host name, unless the settings give one */
    const char *uuid;           /* instance id, unless the settings give one */
    const char *const *macs;    /* NICs to set up by DHCP, in order; NULL: cloud-init's own choice (the first NIC) */
} SkSeedFor;

/* The files of a seed as text. */
typedef struct {
    char *meta_data;
    char *user_data;
    char *network_config;       /* NULL: not in the seed */
} SkSeed;

/*
 * Is it something cloud-init will understand?  Raw user_data must be of a kind it
 * knows ("#cloud-config" with right YAML, "#!", "#include", MIME ...), raw network_config
 * must be YAML of version 1 or 2.  The message names the line that is
 * wrong.  Beyond sk_value_check(), which looks at each field by itself.
 */
gboolean sk_cloud_init_check(const SkCloudInit *self, GError **error);

/*
 * Turns password into password_hash (yescrypt) and wipes the plain one; nothing to
 * do where there is none.  To be called before the settings are stored anywhere.
 */
gboolean sk_cloud_init_hash_password(SkCloudInit *self, GError **error);

/* The files of the seed. A password that was not hashed is an error. */
SkSeed *sk_cloud_init_render(const SkCloudInit *self, const SkSeedFor *whose, GError **error);
void sk_seed_free(SkSeed *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkSeed, sk_seed_free)

/*
 * Writes the seed image to path, mode 0600, beside and renamed.  Equal input gives
 * equal bytes, and a file that already holds them is left alone; out_changed (may be
 * NULL) says whether it was written.  Fault points "seed/image", "seed/write".
 */
gboolean sk_cloud_init_write_seed(const SkCloudInit *self, const SkSeedFor *whose, const char *path,
                                  gboolean *out_changed, GError **error);

G_END_DECLS
