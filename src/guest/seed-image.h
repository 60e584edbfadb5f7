/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A small ISO 9660 image (Rock Ridge and Joliet) with the volume id "cidata". Workers only. */

typedef struct {
    const char *name;
    const char *text;       /* NULL: not in the image */
} SkSeedFile;

/* The image of these files. Equal files give equal bytes: nothing in it tells when it was made. */
GBytes *sk_seed_image(const SkSeedFile *files, guint n_files, GError **error);

G_END_DECLS
