/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The LVM backend: a pool is a volume group, a volume a logical volume of it. Always raw. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/undo.h"
#include "storage/backend.h"
#include "storage/describe.h"
#include "storage/tool.h"

/* -- running lvm ------------------------------------------------------------------------------------------------ */

/* Arguments end with NULL. out_text may be NULL. */
static gboolean
lvm(const SkPoolSpec *spec, char **out_text, GError **error, const char *first, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    va_list args;
    va_start(args, first);
    for (const char *arg = first; arg != NULL; arg = va_arg(args, const char *))
        g_ptr_array_add(argv, (gpointer) arg);
    va_end(args);
    g_ptr_array_add(argv, NULL);
    if (sk_fault("pool/lvm", error))
        return FALSE;
    if (sk_run((const char *const *) argv->pdata, NULL, out_text, error))
        return TRUE;
    g_prefix_error(error, "storage pool \"%s\": ", spec->name);
    return FALSE;
}

static const char *
group_of(const SkPoolSpec *spec)
{
    return spec->source->name;
}

static char *
place_of(const SkPoolSpec *spec, const char *name)
{
    return g_strdup_printf("%s/%s", group_of(spec), name);
}

static char *
size_text(guint64 bytes)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT "b", bytes);
}

/* -- the group ----------------------------------------------------------------------------------------------------- */

static gboolean
logical_build(const SkPoolSpec *spec, GError **error)
{
    char **devices = spec->source->devices;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const look[] = { "vgs", "--noheadings", "-o", "vg_name", group_of(spec), NULL };
    if (devices == NULL || devices[0] == NULL || sk_run(look, NULL, NULL, NULL))
        return TRUE;
    g_ptr_array_add(argv, (gpointer) "vgcreate");
    g_ptr_array_add(argv, (gpointer) group_of(spec));
    for (guint i = 0; devices[i] != NULL; i++)
        g_ptr_array_add(argv, devices[i]);
    g_ptr_array_add(argv, NULL);
    return !sk_fault("pool/build", error) && sk_run((const char *const *) argv->pdata, NULL, NULL, error);
}

static GPtrArray *logical_list(const SkPoolSpec *spec, GError **error);

static gboolean
logical_unbuild(const SkPoolSpec *spec, GError **error)
{
    g_autoptr(GPtrArray) volumes = logical_list(spec, error);
    if (volumes == NULL)
        return FALSE;
    if (volumes->len > 0)
        return sk_fail(error, SK_ERROR_IN_USE, "the volume group \"%s\" of storage pool \"%s\" is not empty", group_of(spec), spec->name);
    return lvm(spec, NULL, error, "vgremove", "-q", group_of(spec), NULL);
}

static gboolean
logical_start(const SkPoolSpec *spec, GError **error)
{
    return lvm(spec, NULL, error, "vgchange", "-q", "-ay", group_of(spec), NULL);
}

static gboolean
logical_stop(const SkPoolSpec *spec, GError **error)
{
    return lvm(spec, NULL, error, "vgchange", "-q", "-an", group_of(spec), NULL);
}

static gboolean
logical_stat(const SkPoolSpec *spec, SkPoolStatus *status, GError **error)
{
    g_autofree char *text = NULL;
    if (!lvm(spec, &text, error, "vgs", "--noheadings", "--units", "b", "--nosuffix", "--separator", "|", "-o", "vg_size,vg_free",
             group_of(spec), NULL))
        return FALSE;
    g_auto(GStrv) numbers = g_strsplit(g_strstrip(text), "|", 3);
    if (g_strv_length(numbers) != 2)
        return sk_fail(error, SK_ERROR_HOST, "vgs said \"%.64s\" of the volume group \"%s\"", text, group_of(spec));
    status->capacity = g_ascii_strtoull(numbers[0], NULL, 10);
    status->available = g_ascii_strtoull(numbers[1], NULL, 10);
    status->allocation = status->capacity - MIN(status->available, status->capacity);
    return TRUE;
}

/* -- its volumes ---------------------------------------------------------------------------------------------------- */

static void
free_volume(gpointer volume)
{
    sk_value_free(&sk_volume_type, volume);
}

/* "name|bytes|attributes|origin": what a guest may have as a disk; others belong to LVM. */
static SkVolume *
volume_of(const SkPoolSpec *spec, char *line)
{
    g_auto(GStrv) parts = g_strsplit(g_strstrip(line), "|", 4);
    if (g_strv_length(parts) != 4 || strchr("-osV", parts[2][0]) == NULL)
        return NULL;
    g_autofree char *path = g_build_filename(spec->path, parts[0], NULL);
    g_auto(SkFd) fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    SkVolume *volume = fd >= 0 ? sk_describe_file(fd, path, NULL) : NULL;
    if (volume == NULL) {
        volume = sk_value_new(&sk_volume_type);
        volume->name = g_strdup(parts[0]);
        volume->path = g_steal_pointer(&path);
    }
    volume->kind = SK_VOLUME_DISK;
    volume->format = SK_FORMAT_RAW;
    volume->block = TRUE;
    volume->capacity = volume->allocation = volume->physical = g_ascii_strtoull(parts[1], NULL, 10);
    /* A guest writes what it likes. */
    g_clear_pointer(&volume->foreign_format, g_free);
    g_clear_pointer(&volume->compat, g_free);
    g_clear_pointer(&volume->backing_path, g_free);
    volume->cluster_size = 0;
    volume->lazy_refcounts = volume->extended_l2 = FALSE;
    if (*parts[3] != '\0')
        volume->backing_path = g_build_filename(spec->path, parts[3], NULL);
    return volume;
}

static GPtrArray *
list_of(const SkPoolSpec *spec, const char *which, GError **error)
{
    g_autofree char *text = NULL;
    if (!lvm(spec, &text, error, "lvs", "--noheadings", "--units", "b", "--nosuffix", "--separator", "|", "-O", "lv_name", "-o",
             "lv_name,lv_size,lv_attr,origin", which, NULL))
        return NULL;
    GPtrArray *volumes = g_ptr_array_new_with_free_func(free_volume);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        SkVolume *volume = volume_of(spec, lines[i]);
        if (volume != NULL)
            g_ptr_array_add(volumes, volume);
    }
    return volumes;
}

static GPtrArray *
logical_list(const SkPoolSpec *spec, GError **error)
{
    return list_of(spec, group_of(spec), error);
}

static SkVolume *
logical_lookup(const SkPoolSpec *spec, const char *name, GError **error)
{
    g_autofree char *place = place_of(spec, name);
    g_autoptr(GPtrArray) volumes = list_of(spec, place, NULL);
    if (volumes != NULL && volumes->len > 0)
        return g_ptr_array_steal_index(volumes, 0);
    sk_fail(error, SK_ERROR_NO_VOLUME, "there is no volume \"%s\" in the volume group \"%s\"", name, group_of(spec));
    return NULL;
}

/* Every volume group of the host, with its devices. */
static GPtrArray *
logical_sources(GError **error)
{
    const char *const argv[] = { "pvs", "--noheadings", "--separator", "|", "-O", "vg_name,pv_name", "-o", "vg_name,pv_name", NULL };
    g_autofree char *text = NULL;
    if (sk_fault("pool/lvm", error) || !sk_run(argv, NULL, &text, error))
        return NULL;
    GPtrArray *sources = sk_value_list_new(&sk_pool_source_type);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(g_strstrip(lines[i]), "|", 2);
        SkPoolSource *last = sources->len > 0 ? sources->pdata[sources->len - 1] : NULL;
        if (g_strv_length(parts) != 2 || *parts[0] == '\0')
            continue;
        if (last == NULL || !g_str_equal(last->name, parts[0])) {
            last = sk_value_new(&sk_pool_source_type);
            last->name = g_strdup(parts[0]);
            last->devices = g_new0(char *, 1);
            g_ptr_array_add(sources, last);
        }
        guint count = g_strv_length(last->devices);
        last->devices = g_renew(char *, last->devices, count + 2);
        last->devices[count] = g_strdup(parts[1]);
        last->devices[count + 1] = NULL;
    }
    return sources;
}

static gboolean
check_options(const SkVolumeCreate *create, GError **error)
{
    const SkVolumeOptions *options = &create->options;
    if (create->format != SK_FORMAT_RAW || options->foreign_format != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "volume \"%s\" of a volume group is raw: give format raw", create->name);
    if (options->encryption != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "volume \"%s\" of a volume group is not encrypted here: make it in a pool of files", create->name);
    return (options->mode == NULL && options->owner == NULL && options->group == NULL) ||
           sk_fail(error, SK_ERROR_UNSUPPORTED, "volume \"%s\" of a volume group has no mode and owner of its own", create->name);
}

static gboolean
logical_create(const SkPoolSpec *spec, const SkVolumeCreate *create, const char *backing_path, gint backing_format,
               const SkStorageContext *context, GError **error)
{
    g_autofree char *size = size_text(create->capacity), *place = place_of(spec, create->name);
    (void) backing_format;
    if (backing_path != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "volume \"%s\" of a volume group cannot be laid over another", create->name);
    if (!check_options(create, error) ||
        !lvm(spec, NULL, error, "lvcreate", "-q", "-y", "-n", create->name, "-L", size, group_of(spec), NULL))
        return FALSE;
    g_autofree char *path = g_build_filename(spec->path, create->name, NULL);
    if (context == NULL || context->placing == NULL || context->placing(path, path, context->placing_data, error))
        return TRUE;
    lvm(spec, NULL, NULL, "lvremove", "-q", "-f", place, NULL);
    return FALSE;
}

static gboolean
logical_remove(const SkPoolSpec *spec, const SkVolume *volume, GError **error)
{
    g_autofree char *place = place_of(spec, volume->name);
    return !sk_fault("volume/remove", error) && lvm(spec, NULL, error, "lvremove", "-q", "-f", place, NULL);
}

static gboolean
logical_copy(const SkPoolSpec *spec, const SkVolume *source, const SkVolumeCreate *create, const SkStorageContext *context, GError **error)
{
    g_autofree char *path = g_build_filename(spec->path, create->name, NULL);
    SkVolume made = { .name = create->name };
    gboolean foreign = source->kind == SK_VOLUME_FOREIGN;
    const char *format = foreign ? source->foreign_format : sk_enum_name(&sk_disk_format_enum, source->format);
    const char *const argv[] = { "qemu-img", "convert", "-p", "-n", "-f", format, "-O", "raw", source->path, path, NULL };
    if (source->encryption != NULL)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "volume \"%s\" is encrypted: it is copied into a pool of files only", source->name);
    if (!logical_create(spec, create, NULL, 0, NULL, error))
        return FALSE;
    if (sk_tool_qemu_img(argv, create->name, "copying", context, error))
        return TRUE;
    logical_remove(spec, &made, NULL);
    return FALSE;
}

static gboolean
logical_resize(const SkPoolSpec *spec, const SkVolume *volume, guint64 capacity, guint flags, const SkStorageContext *context, GError **error)
{
    g_autofree char *size = size_text(capacity), *place = place_of(spec, volume->name);
    (void) flags, (void) context;
    return !sk_fault("volume/resize", error) && lvm(spec, NULL, error, "lvresize", "-q", "-f", "-L", size, place, NULL);
}

const SkPoolBackend sk_pool_backend_logical = {
    .name = "logical", .build = logical_build, .unbuild = logical_unbuild, .start = logical_start, .stop = logical_stop,
    .stat = logical_stat, .list = logical_list, .lookup = logical_lookup, .create = logical_create, .copy = logical_copy,
    .resize = logical_resize, .remove = logical_remove, .sources = logical_sources,
};
