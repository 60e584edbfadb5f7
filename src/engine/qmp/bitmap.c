/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dirty bitmaps by QMP. */
#include "engine/qmp/bitmap.h"

#include <string.h>

#include "base/error.h"

/* -- images ---------------------------------------------------------------------------------------------------- */

static void
free_bitmap(gpointer data)
{
    SkQmpBitmap *self = data;
    g_free(self->name);
    g_free(self);
}

void
sk_qmp_image_free(SkQmpImage *self)
{
    if (self == NULL)
        return;
    g_free(self->name);
    g_free(self->driver);
    g_ptr_array_unref(self->bitmaps);
    g_free(self);
}

const SkQmpBitmap *
sk_qmp_image_bitmap(const SkQmpImage *self, const char *name)
{
    for (guint i = 0; i < self->bitmaps->len; i++) {
        const SkQmpBitmap *bitmap = self->bitmaps->pdata[i];
        if (g_strcmp0(bitmap->name, name) == 0)
            return bitmap;
    }
    return NULL;
}

static const char *
text_at(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static SkQmpImage *
read_image(json_t *node)
{
    SkQmpImage *image = g_new0(SkQmpImage, 1);
    gsize i;
    json_t *entry;
    image->name = g_strdup(text_at(node, "node-name"));
    image->driver = g_strdup(text_at(node, "drv"));
    image->size = (guint64) MAX(0, json_integer_value(json_object_get(json_object_get(node, "image"), "virtual-size")));
    image->bitmaps = g_ptr_array_new_with_free_func(free_bitmap);
    json_array_foreach (json_object_get(node, "dirty-bitmaps"), i, entry) {
        SkQmpBitmap *bitmap = g_new0(SkQmpBitmap, 1);
        bitmap->name = g_strdup(text_at(entry, "name"));
        bitmap->bytes = (guint64) MAX(0, json_integer_value(json_object_get(entry, "count")));
        bitmap->persistent = json_is_true(json_object_get(entry, "persistent"));
        bitmap->inconsistent = json_is_true(json_object_get(entry, "inconsistent"));
        g_ptr_array_add(image->bitmaps, bitmap);
    }
    return image;
}

/* Whether a set of descriptors is of that file, told as "rw:/path". */
static gboolean
is_set_of(json_t *set, const char *path)
{
    const char *told = text_at(json_array_get(json_object_get(set, "fds"), 0), "opaque");
    return g_str_has_prefix(told, "rw:") && g_str_equal(told + strlen("rw:"), path);
}

/* The node right above the file that is opened through one of that path's sets; filters above it, jobs' too, have the same name of file. */
static json_t *
find_by_path(json_t *nodes, json_t *sets, const char *path)
{
    static const char *const images[] = { "qcow2", "raw", NULL };
    gsize i, k;
    json_t *set, *node;
    json_array_foreach (sets, i, set) {
        if (path == NULL || !is_set_of(set, path))
            continue;
        g_autofree char *name = g_strdup_printf("/dev/fdset/%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(set, "fdset-id")));
        json_array_foreach (nodes, k, node) {
            if (g_str_equal(text_at(node, "file"), name) && g_strv_contains(images, text_at(node, "drv")))
                return node;
        }
    }
    return NULL;
}

/* "vda-1" is over "vda-0". */
static json_t *
find_by_name(json_t *nodes, const char *target)
{
    g_autofree char *prefix = g_strconcat(target, "-", NULL);
    json_t *node, *best = NULL;
    gsize i;
    guint64 number, top = 0;
    json_array_foreach (nodes, i, node) {
        const char *name = text_at(node, "node-name");
        if (!g_str_has_prefix(name, prefix) || !g_ascii_string_to_unsigned(name + strlen(prefix), 10, 0, G_MAXUINT, &number, NULL))
            continue;
        if (best == NULL || number > top) {
            best = node;
            top = number;
        }
    }
    return best;
}

SkQmpImage *
sk_qmp_parse_image(json_t *nodes, json_t *sets, const char *target, const char *path)
{
    json_t *node = find_by_path(nodes, sets, path);
    if (node == NULL)
        node = find_by_name(nodes, target);
    return node != NULL ? read_image(node) : NULL;
}

SkQmpImage *
sk_qmp_query_image(SkQmp *self, const char *target, const char *path, GError **error)
{
    g_autoptr(json_t) sets = sk_qmp_call(self, "query-fdsets", NULL, 0, error);
    g_autoptr(json_t) nodes = sets != NULL ? sk_qmp_call(self, "query-named-block-nodes", json_pack("{s:b}", "flat", 1), 0, error) : NULL;
    if (nodes == NULL)
        return NULL;
    SkQmpImage *image = sk_qmp_parse_image(nodes, sets, target, path);
    if (image == NULL)
        sk_fail(error, SK_ERROR_NO_DEVICE, "QEMU of domain \"%s\" has no image of disk \"%s\" open", sk_qmp_domain(self), target);
    return image;
}

/* -- bitmaps ---------------------------------------------------------------------------------------------------- */

void
sk_qmp_bitmap_step_free(gpointer data)
{
    SkQmpBitmapStep *self = data;
    g_free(self->node);
    g_free(self->bitmap);
    g_free(self);
}

void
sk_qmp_bitmaps_add_to(json_t *actions, const GPtrArray *steps)
{
    for (guint i = 0; steps != NULL && i < steps->len; i++) {
        const SkQmpBitmapStep *step = steps->pdata[i];
        json_array_append_new(actions, json_pack("{s:s,s:{s:s,s:s,s:b}}", "type", "block-dirty-bitmap-add", "data", "node", step->node, "name",
                                                 step->bitmap, "persistent", 1));
    }
}

gboolean
sk_qmp_bitmaps_add(SkQmp *self, const GPtrArray *steps, GError **error)
{
    json_t *actions = json_array();
    sk_qmp_bitmaps_add_to(actions, steps);
    return sk_qmp_run(self, "transaction", json_pack("{s:o}", "actions", actions), error);
}

gboolean
sk_qmp_bitmap_remove(SkQmp *self, const char *node, const char *name, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (sk_qmp_run(self, "block-dirty-bitmap-remove", json_pack("{s:s,s:s}", "node", node, "name", name), &why))
        return TRUE;
    if (strstr(why->message, "not found") != NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}
