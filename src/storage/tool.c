/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running qemu-img. */
#include "storage/tool.h"

#include <string.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/undo.h"
#include "codec/json/json.h"
#include "model/storage.h"

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
    g_propagate_prefixed_error(error, g_steal_pointer(&failed), "%s \"%s\": ", step, name);
    return FALSE;
}

/* "preallocation=off,compat=1.1"; NULL if there is nothing to say. Free with g_free(). */
static char *
qcow2_options(const SkVolumeOptions *options, const char *preallocation)
{
    GString *text = g_string_new(NULL);
    if (preallocation != NULL)
        g_string_append_printf(text, ",preallocation=%s", preallocation);
    if (options != NULL && options->compat != NULL)
        g_string_append_printf(text, ",compat=%s", options->compat);
    if (options != NULL && options->cluster_size > 0)
        g_string_append_printf(text, ",cluster_size=%" G_GUINT64_FORMAT, options->cluster_size);
    if (options != NULL && options->lazy_refcounts)
        g_string_append(text, ",lazy_refcounts=on");
    if (options != NULL && options->extended_l2)
        g_string_append(text, ",extended_l2=on");
    if (text->len > 0)
        g_string_erase(text, 0, 1);
    gboolean any = text->len > 0;
    return g_string_free(text, !any);
}

gboolean
sk_tool_create_qcow2(const char *path, const SkVolumeCreate *create, const char *backing, gint backing_format,
                     const SkStorageContext *context, GError **error)
{
    g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, create->capacity);
    g_autofree char *options = qcow2_options(&create->options, sk_enum_name(&sk_prealloc_enum, create->preallocation));
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const fixed[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-o", options };

    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, (gpointer) fixed[i]);
    if (backing != NULL) {
        /* -u: it was checked by the caller, and is not to be opened again. */
        const char *const over[] = { "-u", "-b", backing, "-F", sk_enum_name(&sk_disk_format_enum, backing_format) };
        for (gsize i = 0; i < G_N_ELEMENTS(over); i++)
            g_ptr_array_add(argv, (gpointer) over[i]);
    }
    g_ptr_array_add(argv, (gpointer) path);
    g_ptr_array_add(argv, size);
    g_ptr_array_add(argv, NULL);
    return sk_tool_qemu_img((const char *const *) argv->pdata, create->name, "creating", context, error);
}

/* The JSON form is the only one that says "no backing file" for every format. */
static char *
source_alone(const char *source, const char *format)
{
    GString *text = g_string_new("json:{\"driver\":");
    sk_json_write_string(text, format);
    g_string_append(text, ",\"backing\":null,\"file\":{\"driver\":\"file\",\"filename\":");
    sk_json_write_string(text, source);
    g_string_append(text, "}}");
    return g_string_free(text, FALSE);
}

gboolean
sk_tool_convert(const char *source, const char *format, gboolean alone, const char *target, gint target_format,
                const SkVolumeOptions *options, const char *name, const SkStorageContext *context, GError **error)
{
    g_autofree char *json = alone ? source_alone(source, format) : NULL;
    g_autofree char *how = target_format == SK_FORMAT_QCOW2 ? qcow2_options(options, NULL) : NULL;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const fixed[] = { "qemu-img", "convert", "-p", "-O", sk_enum_name(&sk_disk_format_enum, target_format) };
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, (gpointer) fixed[i]);
    if (how != NULL) {
        g_ptr_array_add(argv, (gpointer) "-o");
        g_ptr_array_add(argv, how);
    }
    if (!alone) {
        g_ptr_array_add(argv, (gpointer) "-f");
        g_ptr_array_add(argv, (gpointer) format);
    }
    g_ptr_array_add(argv, alone ? json : (gpointer) source);
    g_ptr_array_add(argv, (gpointer) target);
    g_ptr_array_add(argv, NULL);
    return sk_tool_qemu_img((const char *const *) argv->pdata, name, "converting", context, error);
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
