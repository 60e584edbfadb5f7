/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/secret.h"
#include "model/storage.h"

G_BEGIN_DECLS

/*
 * libvirt's XML of storage pools, volumes and secrets, to and from values: by the rules of xml.h, but what is malformed is an
 * XML error. Any thread.
 */

/* A definition; autostart is off, as XML has no place for it. Free with sk_value_free(). */
SkPoolSpec *sk_xml_pool_parse(const char *text, gssize length, GError **error);
/* status NULL: nothing is known of it. Free with g_free(). */
char *sk_xml_pool_format(const SkPoolSpec *spec, const SkPoolStatus *status);
/* <sources>: what pools of a kind could be made of (SkPoolSource). Free with g_free(). */
char *sk_xml_pool_sources_format(gint kind, const GPtrArray *sources);
/* What a pool can be made of, and what its volumes can be: <storagepoolCapabilities>. Free with g_free(). */
char *sk_xml_pool_capabilities(void);

/*
 * A volume to make: create's name, size, format, options. Where a pool keeps it (key, target/path) is not a client's to choose and
 * is passed over; so are timestamps. out_backing: path of the volume to lay it over, or NULL; free with g_free().
 */
gboolean sk_xml_volume_parse(const char *text, gssize length, SkVolumeCreate *out, char **out_backing, GError **error);
/* backing: what is known of the volume below, or NULL. Free with g_free(). */
char *sk_xml_volume_format(const SkVolume *volume, const SkVolume *backing);

SkSecretSpec *sk_xml_secret_parse(const char *text, gssize length, GError **error);
char *sk_xml_secret_format(const SkSecretSpec *spec);

G_END_DECLS
