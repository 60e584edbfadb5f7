/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"
#include "service/domain.h"

/* Handlers of definitions, for the tables of domain.c and domain-life.c; and what others need of them. Main thread. */
gboolean sk_lv_define_xml(SkLvCall *call, GError **error);
gboolean sk_lv_create_xml(SkLvCall *call, GError **error);
gboolean sk_lv_get_xml_desc(SkLvCall *call, GError **error);
gboolean sk_lv_domain_to_native(SkLvCall *call, GError **error);
gboolean sk_lv_undefine(SkLvCall *call, GError **error);
gboolean sk_lv_rename(SkLvCall *call, GError **error);
gboolean sk_lv_set_metadata(SkLvCall *call, GError **error);
gboolean sk_lv_get_metadata(SkLvCall *call, GError **error);

/* A definition as libvirt shows it. flags: SK_XML_SECURE, SK_XML_LIVE. domain: for id and accelerator, or NULL. Free with g_free(). */
char *sk_lv_format_domain(SkService *service, const SkDomain *domain, const SkDomainSpec *spec, guint flags);

/*
 * A call that changes what runs, the definition or both by the usual bits of "flags" (live 1, config 2, neither: whichever there is); STATE
 * if what runs is asked for and nothing does.
 */
gboolean sk_lv_scope(const SkDomain *domain, guint flags, gint *out_scope, GError **error);
/* The definition that a question with these bits is about. */
const SkDomainSpec *sk_lv_spec_of(const SkDomain *domain, guint flags, GError **error);
/* A change of the domain by a merge patch (taken); TRUE, or FALSE with an error. */
gboolean sk_lv_patch(SkLvCall *call, const SkDomain *domain, guint flags, json_t *patch, GError **error);
