/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sound cards and where they play to. */
#include "base/error.h"
#include "engine/cmdline/builder.h"

/* Without a backend of its own a definition plays to its SPICE viewer, or to nobody. */
static char *
backend_of(const SkBuilder *self, const SkSound *sound, GError **error)
{
    const GPtrArray *audios = self->spec->audios;
    if (audios == NULL || audios->len == 0)
        return g_strdup("audio0");
    for (guint i = 0; i < audios->len; i++) {
        const SkAudio *audio = audios->pdata[i];
        if (sound->audio == 0 || sound->audio == audio->id)
            return g_strdup_printf("audio%u", audio->id);
    }
    sk_fail(error, SK_ERROR_INVALID, "sound card \"%s\" plays to audio backend %u, which the domain does not have", sound->alias, sound->audio);
    return NULL;
}

static void
add_backend(SkBuilder *self, guint id, gboolean spice)
{
    sk_builder_arg(self, "-audiodev", g_strdup_printf("{\"driver\":\"%s\",\"id\":\"audio%u\"}", spice ? "spice" : "none", id));
}

static gboolean
build_backends(SkBuilder *self, GError **error)
{
    const GPtrArray *audios = self->spec->audios;
    if (audios == NULL || audios->len == 0) {
        add_backend(self, 0, sk_builder_has_spice(self));
        return TRUE;
    }
    for (guint i = 0; i < audios->len; i++) {
        const SkAudio *audio = audios->pdata[i];
        if (audio->kind == SK_AUDIO_SPICE && !sk_builder_has_spice(self))
            return sk_fail(error, SK_ERROR_INVALID, "audio backend %u plays to a SPICE viewer, but the domain has no SPICE graphics", audio->id);
        add_backend(self, audio->id, audio->kind == SK_AUDIO_SPICE);
    }
    return TRUE;
}

/* The card is a bus, on which a codec makes the sound. */
static gboolean
build_hda(SkBuilder *self, const SkSound *sound, const char *audio, GError **error)
{
    static const char *const codecs[SK_N_CODECS] = { [SK_CODEC_DUPLEX] = "hda-duplex", [SK_CODEC_MICRO] = "hda-micro", [SK_CODEC_OUTPUT] = "hda-output" };
    const char *driver = sound->model == SK_SOUND_ICH9 ? "ich9-intel-hda" : "intel-hda";
    if (!sk_builder_pci(self, json_pack("{s:s,s:s}", "driver", driver, "id", sound->alias), sound->address, error))
        return FALSE;
    g_autofree char *codec = g_strconcat(sound->alias, "-codec0", NULL), *bus = g_strconcat(sound->alias, ".0", NULL);
    return sk_builder_device(self, json_pack("{s:s,s:s,s:s,s:i,s:s}", "driver", codecs[sound->codec], "id", codec, "bus", bus, "cad", 0,
                                             "audiodev", audio), error);
}

static gboolean
build_sound(SkBuilder *self, const SkSound *sound, GError **error)
{
    static const char *const drivers[SK_N_SOUND_MODELS] = { [SK_SOUND_AC97] = "AC97", [SK_SOUND_ES1370] = "ES1370", [SK_SOUND_SB16] = "sb16",
                                                            [SK_SOUND_USB] = "usb-audio" };
    g_autofree char *audio = backend_of(self, sound, error);
    if (audio == NULL)
        return FALSE;
    if (drivers[sound->model] == NULL)
        return build_hda(self, sound, audio, error);
    json_t *device = json_pack("{s:s,s:s,s:s}", "driver", drivers[sound->model], "id", sound->alias, "audiodev", audio);
    if (sound->model == SK_SOUND_SB16)
        return sk_builder_device(self, device, error);
    return sound->model == SK_SOUND_USB ? sk_builder_usb(self, device, sound->address, error) : sk_builder_pci(self, device, sound->address, error);
}

gboolean
sk_build_sounds(SkBuilder *self, GError **error)
{
    const GPtrArray *sounds = self->spec->sounds;
    if (sounds == NULL || sounds->len == 0)
        return TRUE;
    if (self->machine == SK_MACHINE_MICROVM)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "machine \"microvm\" has no PCI bus for sound cards");
    /* What plays is there since the start. */
    if (self->steps == NULL && !build_backends(self, error))
        return FALSE;
    for (guint i = 0; i < sounds->len; i++) {
        if (!build_sound(self, sounds->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}
