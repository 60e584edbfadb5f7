/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random number generators. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

static gboolean
build_rng(SkBuilder *self, const SkRng *rng, GError **error)
{
    g_autofree char *driver = sk_builder_virtio_model(self, "virtio-rng", (SkVirtio) rng->model, error);
    g_autofree char *backend = g_strconcat("obj", rng->alias, NULL);
    gboolean builtin = rng->kind == SK_RNG_BUILTIN;
    json_t *object = json_pack("{s:s,s:s,s:s*}", "qom-type", builtin ? "rng-builtin" : "rng-random", "id", backend, "filename",
                               builtin ? NULL : rng->path);
    if (driver == NULL) {
        json_decref(object);
        return FALSE;
    }
    if (!sk_builder_object(self, object, error))
        return FALSE;
    json_t *device = json_pack("{s:s,s:s,s:s}", "driver", driver, "id", rng->alias, "rng", backend);
    if (rng->rate_bytes > 0) {
        json_object_set_new(device, "max-bytes", json_integer((json_int_t) MIN(rng->rate_bytes, (guint64) G_MAXINT64)));
        json_object_set_new(device, "period", json_integer(rng->rate_period > 0 ? rng->rate_period : 1000));
    }
    return sk_builder_pci(self, device, rng->address, error);
}

gboolean
sk_build_rngs(SkBuilder *self, GError **error)
{
    const GPtrArray *rngs = self->spec->rngs;
    for (guint i = 0; rngs != NULL && i < rngs->len; i++) {
        if (!build_rng(self, rngs->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}
