/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of a few attributes: <input>, <rng>, <memballoon>, <watchdog>, <tpm>, <panic>, <vsock>. */
#include <string.h>

#include "codec/xml/domain-private.h"

/* -- input -------------------------------------------------------------------------------------------------------- */

static gboolean
read_input(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkInput *input = value;
    if (!sk_xml_has(node, "@bus") && input->kind != SK_INPUT_TABLET)
        input->bus = SK_INPUT_PS2;
    return TRUE;
}

/* -- random numbers -------------------------------------------------------------------------------------------------- */

static gboolean
read_rng(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkRng *rng = value;
    if (!sk_xml_get_enum(node, "@model", &sk_virtio_enum, &rng->model, error))
        return FALSE;
    if (rng->kind == SK_RNG_RANDOM && sk_xml_get(node, "backend") != NULL && *sk_xml_get(node, "backend") != '\0')
        sk_xml_get_string(node, "backend", &rng->path);
    return TRUE;
}

static void
write_rng(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkRng *rng = value;
    sk_xml_set_enum(node, "@model", &sk_virtio_enum, rng->model);
    sk_xml_set_enum(node, "backend/@model", &sk_rng_kind_enum, rng->kind);
    if (rng->kind == SK_RNG_RANDOM)
        sk_xml_set(node, "backend", rng->path);
    sk_xml_write_fields(node, &sk_rng_type, value);
}

/* -- the memory balloon ------------------------------------------------------------------------------------------------- */

static void
write_balloon(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkBalloon *balloon = value;
    sk_xml_write_fields(node, &sk_balloon_type, value);
    if (balloon->deflate_on_oom)
        sk_xml_set(node, "@autodeflate", "on");
    if (balloon->free_page_reporting)
        sk_xml_set(node, "@freePageReporting", "on");
}

static gboolean
read_balloon(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkBalloon *balloon = value;
    return sk_xml_get_bool(node, "@autodeflate", &balloon->deflate_on_oom, error) &&
           sk_xml_get_bool(node, "@freePageReporting", &balloon->free_page_reporting, error);
}

/* -- TPM ------------------------------------------------------------------------------------------------------------------- */

static gboolean
read_tpm(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkTpm *tpm = value;
    if (!sk_xml_has(node, "@model"))
        tpm->model = SK_TPM_TIS;
    if (!sk_xml_is(node, "backend/@type", "emulator"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "only the backend type \"emulator\" is supported");
    /* The state of an emulated TPM always outlives the domain's runs. */
    sk_xml_ignore(node, "backend/@persistent_state");
    return TRUE;
}

static void
write_tpm(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    sk_xml_write_fields(node, &sk_tpm_type, value);
    sk_xml_set(node, "backend/@type", "emulator");
}

/* -- vsock ------------------------------------------------------------------------------------------------------------------ */

static gboolean
read_vsock(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error)
{
    SkVsock *vsock = value;
    gboolean chosen = FALSE;
    if (!sk_xml_get_bool(node, "cid/@auto", &chosen, error))
        return FALSE;
    if (!sk_xml_get_uint(node, "cid/@address", G_MAXUINT, &vsock->cid, error))
        return FALSE;
    sk_xml_is(node, "@model", "virtio");
    if (chosen && spec != NULL)
        vsock->cid = 0;
    return TRUE;
}

static void
write_vsock(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer)
{
    const SkVsock *vsock = value;
    sk_xml_write_fields(node, &sk_vsock_type, value);
    sk_xml_set(node, "@model", "virtio");
    sk_xml_set(node, "cid/@auto", vsock->cid == 0 ? "yes" : "no");
    sk_xml_set_uint(node, "cid/@address", vsock->cid);
}

const SkXmlFamily sk_xml_small_families[] = {
    { "input", "inputs", &sk_input_type, read_input, NULL, NULL },
    { "rng", "rngs", &sk_rng_type, read_rng, write_rng, NULL },
    { "memballoon", "balloon", &sk_balloon_type, read_balloon, write_balloon, NULL },
    { "watchdog", "watchdog", &sk_watchdog_type, NULL, NULL, NULL },
    { "tpm", "tpm", &sk_tpm_type, read_tpm, write_tpm, NULL },
    { "panic", "panic", &sk_panic_type, NULL, NULL, NULL },
    { "vsock", "vsock", &sk_vsock_type, read_vsock, write_vsock, NULL },
    { NULL },
};
