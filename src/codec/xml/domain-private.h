/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xml/node.h"
#include "codec/xml/xml.h"

G_BEGIN_DECLS

/* The parts a domain's XML is made of; one file an element family. Private to codec/xml/. */

/* Who is being written. */
typedef struct {
    const SkDomainSpec *spec;   /* NULL: a device alone */
    SkXmlOptions options;
    GHashTable *slots;          /* "0000:00:02" to how many devices are there; NULL: a device alone */
} SkXmlWriter;

/* -- children of <domain>, in the order they are written ------------------------------------------------------ */

typedef struct {
    gboolean (*read)(SkXmlNode *domain, SkDomainSpec *spec, GError **error);
    void (*write)(SkXmlNode *domain, const SkXmlWriter *writer);
} SkXmlPart;

extern const SkXmlPart sk_xml_general_part, sk_xml_memory_part, sk_xml_vcpus_part, sk_xml_os_part, sk_xml_features_part, sk_xml_cpu_part,
    sk_xml_clock_part, sk_xml_actions_part, sk_xml_devices_part_read, sk_xml_devices_part, sk_xml_tune_part, sk_xml_sysinfo_part, sk_xml_power_part,
    sk_xml_last_part;

/* Security labels below parent that change nothing: QEMU's files reach it by descriptors, whoever owns them. Others are refused. */
gboolean sk_xml_read_labels(SkXmlNode *parent, GError **error);

/* A <domain> inside of another document: the whole of it is judged where that is read. NULL on error. */
SkDomainSpec *sk_xml_read_domain(SkXmlNode *domain, GError **error);
void sk_xml_write_domain(SkXmlNode *domain, const SkDomainSpec *spec, const SkXmlOptions *options);

/* -- devices ------------------------------------------------------------------------------------------------------ */

/*
 * A device element. The regular fields, the alias and the address are read for all of them before read does the rest.
 * write, if there is one, writes the regular fields too, where in the order they belong; alias and address follow. Both
 * may be NULL. spec: the domain, as far as it has been read; NULL: a device alone.
 */
typedef struct {
    const char *element;
    const char *member;         /* key in sk_domain_spec_type */
    const SkType *type;
    gboolean (*read)(SkXmlNode *node, gpointer value, const SkDomainSpec *spec, GError **error);
    void (*write)(SkXmlNode *node, gconstpointer value, const SkXmlWriter *writer);
    /* Whether a value is shown at all; NULL: always. */
    gboolean (*shown)(gconstpointer value, const SkXmlWriter *writer);
    gboolean nameless;          /* libvirt's schema has no alias in it */
} SkXmlFamily;

/* One table a file; each ends with an entry without element. */
extern const SkXmlFamily sk_xml_disk_families[], sk_xml_controller_families[], sk_xml_interface_families[], sk_xml_char_families[],
    sk_xml_graphics_families[], sk_xml_host_families[], sk_xml_small_families[], sk_xml_memory_families[], sk_xml_extra_families[];

const SkXmlFamily *sk_xml_find_family(const char *element);
/* Reads a device into the definition's list, or as its only one. */
gboolean sk_xml_read_device_into(SkXmlNode *node, const SkXmlFamily *family, SkDomainSpec *spec, GError **error);

/* Elements of devices that are not one value each. */
gboolean sk_xml_read_consoles(SkXmlNode *devices, SkDomainSpec *spec, GError **error);
void sk_xml_write_console_of_serial(SkXmlNode *devices, const SkXmlWriter *writer);
/* After all controllers were read: numbers for those without. */
gboolean sk_xml_number_controllers(SkDomainSpec *spec, GError **error);
void sk_xml_write_root_controller(SkXmlNode *devices, const SkXmlWriter *writer);

/* Attributes host and service of an element, as "address:port" (free with g_free()); NULL if there is no service. */
char *sk_xml_read_host(SkXmlNode *node, const char *path);
void sk_xml_write_host(SkXmlNode *node, const char *path, const char *host);

/* <address> of a device, as the text the model has. */
gboolean sk_xml_read_address(SkXmlNode *node, char **out, GError **error);
void sk_xml_write_address(SkXmlNode *node, const char *address, const SkXmlWriter *writer);

gboolean sk_xml_is_live(const SkXmlWriter *self);
gboolean sk_xml_is_secure(const SkXmlWriter *self);

/* Adds an empty value to a list of the definition; the list owns it. */
gpointer sk_xml_append(GPtrArray **list, const SkType *type);

G_END_DECLS
