/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seed's ISO image by libisofs, made in memory: no secret lies in a temporary file. */
#include "guest/seed-image.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define LIBISOFS_WITHOUT_LIBBURN 1
#include <libisofs.h>

#include "base/error.h"

/* Every time stamp in the image, so that equal input gives equal bytes: 1 January 2020. */
#define STAMP ((time_t) 1577836800)
static char stamp_text[] = "2020010100000000";

G_DEFINE_AUTOPTR_CLEANUP_FUNC(IsoImage, iso_image_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IsoWriteOpts, iso_write_opts_free)

static void
burn_source_free(struct burn_source *source)
{
    if (source->free_data != NULL)
        source->free_data(source);
    free(source);
}
typedef struct burn_source BurnSource;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BurnSource, burn_source_free)

/* Library set-up, once in a process. */
static gboolean
ready(GError **error)
{
    static gsize once;
    static gint result;
    if (g_once_init_enter(&once)) {
        result = iso_init();
        iso_set_msgs_severities((char *) "NEVER", (char *) "NEVER", (char *) "");
        g_once_init_leave(&once, 1);
    }
    return result >= 0 || sk_fail(error, SK_ERROR_HOST, "libisofs cannot start: %s", iso_error_to_msg(result));
}

static gboolean
failed(gint result, const char *what, GError **error)
{
    if (result >= 0)
        return FALSE;
    sk_fail(error, SK_ERROR_HOST, "cannot make the seed image (%s): %s", what, iso_error_to_msg(result));
    return TRUE;
}

static gboolean
add_file(IsoImage *image, const SkSeedFile *file, GError **error)
{
    gsize length = strlen(file->text);
    /* The stream frees it with free(); one byte more, because malloc(0) may be NULL. */
    guint8 *copy = malloc(length + 1);
    if (copy == NULL)
        return sk_fail(error, SK_ERROR_HOST, "no memory for the seed image");
    memcpy(copy, file->text, length);

    IsoStream *stream = NULL;
    gint result = iso_memory_stream_new(copy, length, &stream);
    if (failed(result, file->name, error)) {
        free(copy);
        return FALSE;
    }
    IsoFile *node = NULL;
    result = iso_tree_add_new_file(iso_image_get_root(image), file->name, stream, &node);
    if (failed(result, file->name, error)) {
        iso_stream_unref(stream);
        return FALSE;
    }
    return TRUE;
}

static IsoWriteOpts *
write_options(GError **error)
{
    g_autoptr(IsoWriteOpts) opts = NULL;
    if (failed(iso_write_opts_new(&opts, 0), "options", error))
        return NULL;
    iso_write_opts_set_iso_level(opts, 2);
    iso_write_opts_set_rockridge(opts, 1);
    iso_write_opts_set_joliet(opts, 1);
    iso_write_opts_set_relaxed_vol_atts(opts, 1);  /* "cidata" in small letters */
    iso_write_opts_set_always_gmt(opts, 1);
    iso_write_opts_set_replace_mode(opts, 1, 1, 1, 1);
    iso_write_opts_set_default_timestamp(opts, STAMP);
    iso_write_opts_set_replace_timestamps(opts, 2);
    iso_write_opts_set_pvd_times(opts, STAMP, STAMP, 0, 0, stamp_text);
    return g_steal_pointer(&opts);
}

static GBytes *
read_source(struct burn_source *source, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint8 sector[2048];
    gint n;
    while ((n = source->read_xt(source, sector, sizeof sector)) > 0)
        g_byte_array_append(bytes, sector, (guint) n);
    if (n < 0) {
        sk_fail(error, SK_ERROR_HOST, "cannot make the seed image: its data broke off");
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

GBytes *
sk_seed_image(const SkSeedFile *files, guint n_files, GError **error)
{
    g_autoptr(IsoImage) image = NULL;
    if (!ready(error) || failed(iso_image_new("cidata", &image), "image", error))
        return NULL;
    iso_image_set_application_id(image, "SKEP");
    for (guint i = 0; i < n_files; i++)
        if (files[i].text != NULL && !add_file(image, &files[i], error))
            return NULL;

    g_autoptr(IsoWriteOpts) opts = write_options(error);
    g_autoptr(BurnSource) source = NULL;
    if (opts == NULL || failed(iso_image_create_burn_source(image, opts, &source), "layout", error))
        return NULL;
    return read_source(source, error);
}
