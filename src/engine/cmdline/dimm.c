/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory in slots. */
#include <string.h>

#include "base/error.h"
#include "engine/cmdline/builder.h"

static gboolean
build_dimm(SkBuilder *self, const SkDimm *dimm, GError **error)
{
    g_autofree char *backend = g_strconcat("mem", dimm->alias, NULL);
    g_auto(GStrv) place = g_strsplit(dimm->address != NULL ? dimm->address : "", ":", 3);
    if (!sk_builder_object(self, sk_memory_backend(self->spec, backend, dimm->size), error))
        return FALSE;
    json_t *device = json_pack("{s:s,s:s,s:s}", "driver", "pc-dimm", "id", dimm->alias, "memdev", backend);
    if (place[0] != NULL && place[1] != NULL)
        json_object_set_new(device, "slot", json_integer((json_int_t) g_ascii_strtoull(place[1], NULL, 10)));
    if (place[0] != NULL && place[1] != NULL && place[2] != NULL)
        json_object_set_new(device, "addr", json_integer((json_int_t) g_ascii_strtoull(place[2], NULL, 16)));
    if (dimm->node >= 0)
        json_object_set_new(device, "node", json_integer(dimm->node));
    return sk_builder_device(self, device, error);
}

gboolean
sk_build_dimms(SkBuilder *self, GError **error)
{
    const SkMemory *memory = &self->spec->memory;
    const GPtrArray *list = self->spec->dimms;
    guint64 sum = MAX(memory->maximum, memory->current);
    for (guint i = 0; list != NULL && i < list->len; i++)
        sum += ((const SkDimm *) list->pdata[i])->size;
    if (list != NULL && list->len > 0 && (sum > memory->limit || list->len > memory->slots))
        return sk_fail(error, SK_ERROR_INVALID, "domain \"%s\" has %u DIMMs, more than its memory limit or its %u slots have room for",
                       self->spec->name, list->len, memory->slots);
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (!build_dimm(self, list->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}
