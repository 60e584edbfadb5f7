/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/capabilities.h"
#include "model/disk-chain.h"
#include "model/domain.h"
#include "model/network.h"

G_BEGIN_DECLS

/*
 * libvirt's XML to and from values.
 *
 * Parsing is strict: what is not known is UNSUPPORTED and named, what is wrong is XML; text of more than
 * 4 MiB, DTDs and entities are refused. The values that come out have passed sk_value_check(). Formatting never
 * fails, and gives the same text for the same value; it validates against libvirt's schemas.
 *
 * Any thread.
 */

/* How a definition is shown. */
typedef enum {
    SK_XML_LIVE = 1 << 0,       /* of what runs: with aliases, links and sockets */
    SK_XML_SECURE = 1 << 1,     /* with passwords */
} SkXmlFlags;

typedef struct {
    guint flags;            /* SkXmlFlags */
    guint id;               /* of a domain that runs; 0: none */
    gint accel;             /* SkAccel that "auto" means on this host; AUTO: KVM */
    gboolean agent;         /* of a domain that runs: its guest has the agent's channel open */
    const GPtrArray *chains; /* SkDiskChain: the files of disks of a domain that runs; NULL: not known */
    const GPtrArray *mirrors; /* SkDiskMirror; NULL: none */
    const char *emulator;   /* what the host's own QEMU is; NULL: /usr/bin/qemu-system-x86_64 */
} SkXmlOptions;

/* -- domains ------------------------------------------------------------------------------------------------- */

/*
 * A definition. It has only the devices that the XML names, and those that libvirt adds too (.exact is set). Aliases
 * that do not begin with "ua-" and other traces of a running domain are left out. Free with sk_value_free().
 */
SkDomainSpec *sk_xml_domain_parse(const char *text, gssize length, GError **error);

/*
 * What XML has no place for, from the definition that is to be replaced: tags, autostart, cloud-init settings, DHCP
 * addresses, passwords that were not shown. To be called before a spec that was parsed replaces old.
 */
void sk_xml_domain_keep(const SkDomainSpec *old, SkDomainSpec *spec);

/* options NULL: the definition, without passwords. Free with g_free(). */
char *sk_xml_domain_format(const SkDomainSpec *spec, const SkXmlOptions *options);

/* -- other programs' data ---------------------------------------------------------------------------------------- */

/* An element as it stands in <metadata>: its root in the namespace uri, by the prefix key. Free with g_free(). */
char *sk_xml_metadata_wrap(const char *text, const char *key, const char *uri, GError **error);
/* The same without the namespace, as its owner gave it. Free with g_free(). */
char *sk_xml_metadata_unwrap(const char *text, const char *uri, GError **error);

/* -- one device ------------------------------------------------------------------------------------------------ */

/* A device and the field of the definition that it belongs into: a LIST or OPTIONAL of sk_domain_spec_type. */
typedef struct {
    const SkField *field;   /* ->key "disks", ->type sk_disk_type */
    gpointer value;
} SkXmlDevice;

/*
 * Any single device element ("disk", "interface", "hostdev", ...). spec: the domain it is for, where what is left open
 * depends on it (numbers of controllers and ports), or NULL. Clear with sk_xml_device_clear().
 */
gboolean sk_xml_device_parse(const char *text, gssize length, const SkDomainSpec *spec, SkXmlDevice *out, GError **error);
void sk_xml_device_clear(SkXmlDevice *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkXmlDevice, sk_xml_device_clear)

/*
 * A <disk> that says only where a copy of a disk goes to: its source, and its format if *out_format. Free with sk_value_free(&sk_disk_type, ...); NULL
 * on error.
 */
SkDisk *sk_xml_copy_target_parse(const char *text, gssize length, gboolean *out_format, GError **error);

/* type: sk_disk_type, ... spec: the domain, or NULL. NULL if the type is no device. Free with g_free(). */
char *sk_xml_device_format(const SkType *type, gconstpointer value, const SkDomainSpec *spec, const SkXmlOptions *options);

/* -- networks ---------------------------------------------------------------------------------------------------- */

/* A definition, which does not start with the host. Free with sk_value_free(&sk_network_spec_type, ...). */
SkNetworkSpec *sk_xml_network_parse(const char *text, gssize length, GError **error);

/* What XML has no place for, from the definition that is to be replaced: autostart. */
void sk_xml_network_keep(const SkNetworkSpec *old, SkNetworkSpec *spec);

/* connections: interfaces on it, 0 is not shown. Ranges of DHCP are shown as far as they are given. Free with g_free(). */
char *sk_xml_network_format(const SkNetworkSpec *spec, guint connections);

/* A guest's interface as its network has it. Borrows everything. */
typedef struct {
    const char *uuid, *owner_name, *owner_uuid;
    const SkInterface *nic;
    const char *bridge;     /* NULL: the network is down */
} SkXmlNetworkPort;
/* Free with g_free(). */
char *sk_xml_network_port_format(const SkXmlNetworkPort *port);

/* Which element of a network a change is about. */
typedef enum {
    SK_XML_NETWORK_HOST, SK_XML_NETWORK_RANGE, SK_XML_NETWORK_DNS_HOST, SK_XML_NETWORK_DNS_TEXT, SK_XML_NETWORK_DNS_SERVICE,
    SK_XML_NETWORK_INTERFACE, SK_XML_NETWORK_GROUP, SK_XML_N_NETWORK_SECTIONS
} SkXmlNetworkSection;

/* The single element of a change. Free with sk_value_free(&sk_network_edit_type, ...). */
SkNetworkEdit *sk_xml_network_edit_parse(const char *text, gssize length, SkXmlNetworkSection section, SkEditVerb verb, GError **error);

/* -- the host ------------------------------------------------------------------------------------------------------ */

/* Each is for free with g_free(). */
char *sk_xml_capabilities_format(const SkCapabilities *caps);
/* machine: a name or alias; NULL: the default. kvm: for domains of type kvm. INVALID if there is no such machine. */
char *sk_xml_domain_capabilities_format(const SkCapabilities *caps, const char *machine, gboolean kvm, GError **error);
char *sk_xml_node_device_format(const SkNodeDevice *device);
/* "usb_device": the name that a kind of device (SkNodeDeviceKind) has there. Constant. */
const char *sk_xml_node_device_kind(gint kind);

/* A link of the host, as `virsh iface-dumpxml` shows it. Borrows everything. */
typedef struct {
    const char *name, *mac;
    const char *const *addresses; /* "10.0.0.1/24"; NULL: none */
    const char *const *ports;   /* of a bridge */
    gboolean bridge, up;
} SkXmlHostInterface;
char *sk_xml_host_interface_format(const SkXmlHostInterface *link);

/* entries: SkSmbiosEntry. */
char *sk_xml_sysinfo_format(const GPtrArray *entries);

/* The model of a <cpu> that clients compare, and the features it requires. Free with g_free() and g_strfreev(). */
gboolean sk_xml_cpu_parse(const char *text, char **out_model, char ***out_features, GError **error);
/* <cpu mode='custom' match='exact'> of a model. Free with g_free(). */
char *sk_xml_cpu_format(const char *model, const char *vendor, const char *const *features);

G_END_DECLS
