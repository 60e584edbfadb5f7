/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sound cards. What they play is heard by nobody yet. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

static gboolean
build_sound(SkBuilder *self, const SkSound *sound, GError **error)
{
    static const char *const drivers[SK_N_SOUND_MODELS] = { [SK_SOUND_ICH9] = "ich9-intel-hda", [SK_SOUND_ICH6] = "intel-hda",
                                                            [SK_SOUND_AC97] = "AC97" };
    json_t *device = json_pack("{s:s,s:s}", "driver", drivers[sound->model], "id", sound->alias);
    if (sound->model == SK_SOUND_AC97) {
        json_object_set_new(device, "audiodev", json_string("audio0"));
        return sk_builder_pci(self, device, sound->address, error);
    }
    if (!sk_builder_pci(self, device, sound->address, error))
        return FALSE;
    g_autofree char *codec = g_strconcat(sound->alias, "-codec0", NULL), *bus = g_strconcat(sound->alias, ".0", NULL);
    return sk_builder_device(self, json_pack("{s:s,s:s,s:s,s:i,s:s}", "driver", "hda-duplex", "id", codec, "bus", bus, "cad", 0, "audiodev",
                                             "audio0"), error);
}

gboolean
sk_build_sounds(SkBuilder *self, GError **error)
{
    const GPtrArray *sounds = self->spec->sounds;
    if (sounds == NULL || sounds->len == 0)
        return TRUE;
    if (self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "machine \"microvm\" has no PCI bus for sound cards");
    sk_builder_arg(self, "-audiodev", g_strdup("{\"driver\":\"none\",\"id\":\"audio0\"}"));
    for (guint i = 0; i < sounds->len; i++) {
        if (!build_sound(self, sounds->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}
