/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt.check: reads a definition in libvirt's XML as a client of libvirt's would give it, and tells what it is. */
#include "service/libvirt-xml.h"

#include <string.h>

#include "codec/xml/storage.h"
#include "codec/xml/xml.h"
#include "service/service-private.h"

static gboolean
look_at_domain(const SkXmlCheck *check, SkXmlInfo *info, GError **error)
{
    SkDomainSpec *spec = sk_xml_domain_parse(check->xml, (gssize) strlen(check->xml), error);
    if (spec == NULL)
        return FALSE;
    info->name = g_strdup(spec->name);
    info->uuid = g_strdup(spec->uuid);
    info->nvram = g_strdup(spec->firmware.nvram);
    sk_value_free(&sk_domain_spec_type, spec);
    return TRUE;
}

static gboolean
look_at_network(const SkXmlCheck *check, SkXmlInfo *info, GError **error)
{
    SkNetworkSpec *spec = sk_xml_network_parse(check->xml, (gssize) strlen(check->xml), error);
    if (spec == NULL)
        return FALSE;
    info->name = g_strdup(spec->name);
    info->uuid = g_strdup(spec->uuid);
    sk_value_free(&sk_network_spec_type, spec);
    return TRUE;
}

static gboolean
look_at_pool(const SkXmlCheck *check, SkXmlInfo *info, GError **error)
{
    SkPoolSpec *spec = sk_xml_pool_parse(check->xml, (gssize) strlen(check->xml), error);
    if (spec == NULL)
        return FALSE;
    info->name = g_strdup(spec->name);
    info->uuid = g_strdup(spec->uuid);
    sk_value_free(&sk_pool_spec_type, spec);
    return TRUE;
}

/* A secret has no name but its UUID. */
static gboolean
look_at_secret(const SkXmlCheck *check, SkXmlInfo *info, GError **error)
{
    SkSecretSpec *spec = sk_xml_secret_parse(check->xml, (gssize) strlen(check->xml), error);
    if (spec == NULL)
        return FALSE;
    info->name = g_strdup(spec->uuid);
    info->uuid = g_strdup(spec->uuid);
    sk_value_free(&sk_secret_spec_type, spec);
    return TRUE;
}

static gboolean (*const looks[])(const SkXmlCheck *, SkXmlInfo *, GError **) = {
    [SK_XML_DOMAIN] = look_at_domain,
    [SK_XML_NETWORK] = look_at_network,
    [SK_XML_POOL] = look_at_pool,
    [SK_XML_SECRET] = look_at_secret,
};
G_STATIC_ASSERT(G_N_ELEMENTS(looks) == SK_N_XML_KINDS);

static gboolean
run_check(SkJob *job, GError **error)
{
    const SkXmlCheck *check = job->call->body;
    SkXmlInfo *info = sk_value_new(&sk_xml_info_type);
    job->work = info;
    return looks[check->kind](check, info, error);
}

static void
commit_check(SkJob *job)
{
    sk_answer_value(job->call, &sk_xml_info_type, job->work);
}

static void
free_info(gpointer info)
{
    sk_value_free(&sk_xml_info_type, info);
}

const SkJobKind sk_libvirt_check_job = { .run = run_check, .commit = commit_check, .free_work = free_info };
