/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/libvirt.h"
#include "api/rest/rest.h"
#include "service/service.h"

/*
 * The daemon's settings: a table of keys, read from the configuration file; what the
 * command line says comes after. Start-up.
 */
typedef struct {
    SkServiceSettings service;
    SkRestSettings rest;
    SkLibvirtSettings libvirt;
    gboolean libvirt_enabled, take_over;
    char *libvirt_dir;
    char *unix_path, *listen;
    char *cert_path, *key_path;
} SkSettings;

/* Places of the system, of a session, or below root; then the file, if there is one. INVALID names file, key and value. */
SkSettings *sk_settings_load(const char *root, gboolean session, GError **error);
void sk_settings_free(SkSettings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkSettings, sk_settings_free)

/* The table as text for the configuration file's reference: key, default, help. Free with g_free(). */
char *sk_settings_reference(void);
