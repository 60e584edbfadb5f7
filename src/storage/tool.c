/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running qemu-img. */
#include "storage/tool.h"

#include <string.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/undo.h"
#include "codec/json/json.h"
#include "model/storage.h"
#include "storage/luks.h"
#include "storage/pool.h"

/* qemu-img counts in hundredths of a percent. */
#define PROGRESS_TOTAL 10000

typedef struct {
    const char *step;
    const SkStorageContext *context;
} Follow;

/* "    (12.34/100%)" */
static void
on_line(const char *line, gpointer data)
{
    Follow *follow = data;
    const char *open = strchr(line, '(');
    if (open == NULL || strstr(open, "/100%)") == NULL)
        return;
    gdouble percent = CLAMP(g_ascii_strtod(open + 1, NULL), 0, 100);
    sk_storage_report(follow->context, follow->step, (guint64) (percent * 100), PROGRESS_TOTAL);
}

gboolean
sk_tool_qemu_img(const char *const *argv, const char *name, const char *step, const SkStorageContext *context,
                 GError **error)
{
    g_autoptr(GError) failed = NULL;
    Follow follow = { step, context };
    if (sk_fault("storage/qemu-img", error))
        return FALSE;
    if (sk_run_lines(argv, context != NULL ? context->cancellable : NULL, on_line, &follow, &failed))
        return TRUE;
    if (strstr(failed->message, "No space left") != NULL)
        failed->code = SK_ERROR_NO_SPACE;
    if (strstr(failed->message, "cannot unlock any keyslot") != NULL) {
        sk_fail(error, SK_ERROR_DENIED, "%s \"%s\": the secret is not the one that the volume was encrypted with", step, name);
        return FALSE;
    }
    g_propagate_prefixed_error(error, g_steal_pointer(&failed), "%s \"%s\": ", step, name);
    return FALSE;
}

/* -- options ------------------------------------------------------------------------------------------------------ */

/* What the driver that makes an image is called. */
static const char *
driver_of(gint format, gboolean encrypted)
{
    return format == SK_FORMAT_RAW && encrypted ? "luks" : sk_enum_name(&sk_disk_format_enum, format);
}

/* The same, of what is to be made. options may be NULL. */
static const char *
target_driver(gint format, const SkVolumeOptions *options)
{
    return options != NULL && options->foreign_format != NULL ? options->foreign_format : driver_of(format, options != NULL && options->encryption != NULL);
}

static void
add_qcow2_options(GString *text, const SkVolumeOptions *options)
{
    if (options->compat != NULL)
        g_string_append_printf(text, ",compat=%s", options->compat);
    if (options->cluster_size > 0)
        g_string_append_printf(text, ",cluster_size=%" G_GUINT64_FORMAT, options->cluster_size);
    if (options->lazy_refcounts)
        g_string_append(text, ",lazy_refcounts=on");
    if (options->extended_l2)
        g_string_append(text, ",extended_l2=on");
    if (options->encryption != NULL) {
        g_string_append(text, ",encrypt.format=luks");
        sk_luks_options(text, options->encryption, "encrypt.", "target");
    }
}

/* "preallocation=off,compat=1.1"; NULL if there is nothing to say. Free with g_free(). */
static char *
image_options(gint format, const SkVolumeOptions *options, const char *preallocation)
{
    GString *text = g_string_new(NULL);
    gboolean encrypted = options != NULL && options->encryption != NULL, foreign = options != NULL && options->foreign_format != NULL;
    /* Or its size would be a whole number of cylinders. */
    if (foreign && g_str_equal(options->foreign_format, "vpc"))
        g_string_append(text, ",force_size=on");
    if (preallocation != NULL && !foreign)
        g_string_append_printf(text, ",preallocation=%s", preallocation);
    if (options != NULL && format == SK_FORMAT_QCOW2 && !foreign)
        add_qcow2_options(text, options);
    else if (encrypted)
        sk_luks_options(text, options->encryption, "", "target");
    if (text->len > 0)
        g_string_erase(text, 0, 1);
    gboolean any = text->len > 0;
    return g_string_free(text, !any);
}

static void
add_all(GPtrArray *argv, const char *const *words, gsize count)
{
    for (gsize i = 0; i < count; i++)
        g_ptr_array_add(argv, (gpointer) words[i]);
}

static void
add_key(GPtrArray *argv, const SkLuksKey *key)
{
    if (key->object != NULL)
        add_all(argv, (const char *const[]){ "--object", key->object }, 2);
}

/*
 * QEMU measures how quick the host is to make a passphrase slow to guess, and gives up when the measured time is nothing, as it is now
 * and then where the system counts CPU time in ticks.
 */
#define MEASUREMENTS 10

static gboolean
run(GPtrArray *argv, const char *name, const char *step, const SkStorageContext *context, GError **error)
{
    GError *why = NULL;
    g_ptr_array_add(argv, NULL);
    for (guint i = 0; i < MEASUREMENTS; i++) {
        g_clear_error(&why);
        if (sk_tool_qemu_img((const char *const *) argv->pdata, name, step, context, &why))
            return TRUE;
        if (strstr(why->message, "accurate CPU usage") == NULL)
            break;
    }
    g_propagate_error(error, why);
    return FALSE;
}

/* -- images --------------------------------------------------------------------------------------------------------- */

gboolean
sk_tool_create(const char *path, const SkVolumeCreate *create, const char *backing, gint backing_format,
               const SkStorageContext *context, GError **error)
{
    gboolean encrypted = create->options.encryption != NULL;
    g_auto(SkLuksKey) key = { .fd = SK_FD_NONE };
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, create->capacity);
    g_autofree char *options = image_options(create->format, &create->options, sk_enum_name(&sk_prealloc_enum, create->preallocation));
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    if (encrypted && !sk_luks_key_open(&key, "target", context != NULL ? context->passphrase : NULL, create->name, error))
        return FALSE;
    add_all(argv, (const char *const[]){ "qemu-img", "create", "-q", "-f", target_driver(create->format, &create->options) }, 5);
    add_key(argv, &key);
    if (options != NULL)
        add_all(argv, (const char *const[]){ "-o", options }, 2);
    /* -u: it was checked by the caller, and is not to be opened again. */
    if (backing != NULL)
        add_all(argv, (const char *const[]){ "-u", "-b", backing, "-F", sk_enum_name(&sk_disk_format_enum, backing_format) }, 5);
    add_all(argv, (const char *const[]){ path, size }, 2);
    return run(argv, create->name, "creating", context, error);
}

/*
 * The JSON form is the only one that says "no backing file" for every format, and how an encrypted image is opened. alone: with
 * nothing below it. Free with g_free().
 */
static char *
image_as_json(const char *path, const char *driver, gboolean alone, gboolean encrypted, const char *key)
{
    GString *text = g_string_new("json:{\"driver\":");
    sk_json_write_string(text, driver);
    if (encrypted && g_str_equal(driver, "luks"))
        g_string_append_printf(text, ",\"key-secret\":\"%s\"", key);
    else if (encrypted)
        g_string_append_printf(text, ",\"encrypt\":{\"format\":\"luks\",\"key-secret\":\"%s\"}", key);
    if (alone)
        g_string_append(text, ",\"backing\":null");
    g_string_append(text, ",\"file\":{\"driver\":\"file\",\"filename\":");
    sk_json_write_string(text, path);
    g_string_append(text, "}}");
    return g_string_free(text, FALSE);
}

/* source: its name on the command line, or with the format its path. keys: for what is encrypted of the two. */
static gboolean
convert(const char *source, const char *format, const char *target, gint target_format, const SkVolumeOptions *options,
        const SkLuksKey *keys, const char *name, const SkStorageContext *context, GError **error)
{
    g_autofree char *how = image_options(target_format, options, NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    add_all(argv, (const char *const[]){ "qemu-img", "convert", "-p", "-O", target_driver(target_format, options) }, 5);
    add_key(argv, &keys[0]);
    add_key(argv, &keys[1]);
    if (how != NULL)
        add_all(argv, (const char *const[]){ "-o", how }, 2);
    if (format != NULL)
        add_all(argv, (const char *const[]){ "-f", format }, 2);
    add_all(argv, (const char *const[]){ source, target }, 2);
    return run(argv, name, "converting", context, error);
}

gboolean
sk_tool_convert(const char *source, const char *format, gboolean alone, const char *target, gint target_format,
                const SkVolumeOptions *options, const char *name, const SkStorageContext *context, GError **error)
{
    static const SkLuksKey none[2] = { { .fd = SK_FD_NONE }, { .fd = SK_FD_NONE } };
    g_autofree char *json = alone ? image_as_json(source, format, TRUE, FALSE, NULL) : NULL;
    return convert(alone ? json : source, alone ? NULL : format, target, target_format, options, none, name, context, error);
}

gboolean
sk_tool_copy(const SkVolume *source, const char *target, const SkVolumeCreate *create, const SkStorageContext *context, GError **error)
{
    gboolean foreign = source->kind == SK_VOLUME_FOREIGN, encrypted = source->encryption != NULL;
    const char *format = foreign ? source->foreign_format : driver_of(source->format, encrypted);
    g_auto(SkLuksKey) from = { .fd = SK_FD_NONE };
    g_auto(SkLuksKey) to = { .fd = SK_FD_NONE };
    if (encrypted && !sk_luks_key_open(&from, "source", context != NULL ? context->source_passphrase : NULL, source->name, error))
        return FALSE;
    if (create->options.encryption != NULL &&
        !sk_luks_key_open(&to, "target", context != NULL ? context->passphrase : NULL, create->name, error))
        return FALSE;
    /* The descriptors stay with their owners. */
    const SkLuksKey keys[2] = { from, to };
    g_autofree char *json = foreign || encrypted ? image_as_json(source->path, format, foreign, encrypted, "source") : NULL;
    return convert(json != NULL ? json : source->path, json != NULL ? NULL : format, target, create->format, &create->options, keys, create->name,
                   context, error);
}

gboolean
sk_tool_resize(const char *path, gboolean encrypted, guint64 capacity, guint flags, const char *name, const SkStorageContext *context,
               GError **error)
{
    g_auto(SkLuksKey) key = { .fd = SK_FD_NONE };
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, capacity);
    g_autofree char *json = encrypted ? image_as_json(path, "qcow2", FALSE, TRUE, "target") : NULL;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    if (encrypted && !sk_luks_key_open(&key, "target", context != NULL ? context->passphrase : NULL, name, error))
        return FALSE;
    add_all(argv, (const char *const[]){ "qemu-img", "resize", "-q" }, 3);
    add_key(argv, &key);
    if ((flags & SK_RESIZE_ALLOCATE) != 0)
        g_ptr_array_add(argv, (gpointer) "--preallocation=falloc");
    if ((flags & SK_RESIZE_SHRINK) != 0)
        g_ptr_array_add(argv, (gpointer) "--shrink");
    if (!encrypted)
        add_all(argv, (const char *const[]){ "-f", "qcow2" }, 2);
    add_all(argv, (const char *const[]){ encrypted ? json : path, size }, 2);
    return run(argv, name, "resizing", context, error);
}

gboolean
sk_tool_check_qcow2(const char *path, const char *name, const SkStorageContext *context, GError **error)
{
    const char *const argv[] = { "qemu-img", "check", "-f", "qcow2", path, NULL };
    g_autoptr(GError) failed = NULL;
    gint status = 0;
    if (sk_fault("storage/check", error))
        return FALSE;
    if (sk_run_exit(argv, context != NULL ? context->cancellable : NULL, &status, &failed))
        return TRUE;
    if (status == 3)    /* leaked clusters: space wasted, nothing lost */
        return TRUE;
    if (status == 0) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is a damaged qcow2 image: %s", name, failed->message);
}
