/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory balloon. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

gboolean
sk_build_balloon(SkBuilder *self, GError **error)
{
    const SkDomainSpec *spec = self->spec;
    const SkBalloon *balloon = spec->balloon;
    if (balloon == NULL || balloon->model == SK_BALLOON_NONE) {
        if (spec->memory.maximum > spec->memory.current)
            return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has less memory than its maximum, but no balloon to do it with", spec->name);
        return TRUE;
    }
    static const SkVirtio kinds[SK_N_BALLOON_MODELS] = { [SK_BALLOON_VIRTIO_TRANSITIONAL] = SK_VIRTIO_TRANSITIONAL,
                                                         [SK_BALLOON_VIRTIO_NON_TRANSITIONAL] = SK_VIRTIO_NON_TRANSITIONAL };
    g_autofree char *driver = sk_builder_virtio_model(self, "virtio-balloon", kinds[balloon->model], error);
    if (driver == NULL)
        return FALSE;
    json_t *device = json_pack("{s:s,s:s}", "driver", driver, "id", balloon->alias);
    if (balloon->deflate_on_oom)
        json_object_set_new(device, "deflate-on-oom", json_true());
    if (balloon->free_page_reporting)
        json_object_set_new(device, "free-page-reporting", json_true());
    if (!sk_builder_pci(self, device, balloon->address, error))
        return FALSE;
    if (balloon->stats_period > 0) {
        g_autofree char *path = g_strconcat("/machine/peripheral/", balloon->alias, NULL);
        sk_builder_setup(self, "qom-set", json_pack("{s:s,s:s,s:i}", "path", path, "property", "guest-stats-polling-interval", "value",
                                                    (int) balloon->stats_period));
    }
    if (spec->memory.maximum > spec->memory.current)
        sk_builder_setup(self, "balloon", json_pack("{s:I}", "value", (json_int_t) spec->memory.current));
    return TRUE;
}
