/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: node devices. */
#include <string.h>

#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"
#include "base/error.h"
#include "codec/xml/xml.h"
#include "service/capabilities.h"

/* Every question needs the list, which is made on a worker; a moment old it is good enough. */
static gboolean
with_devices(SkLvCall *call, SkLvDone done, GError **error)
{
    if (sk_service_node_devices_are_fresh(call->service))
        return done(call, NULL, error);
    return sk_lv_dispatch(call, sk_lv_operation(call, SK_OP_NODE_DEVICES), done);
}

/* -- lists ------------------------------------------------------------------------------------------------------------ */

enum { INACTIVE = 0x40000000 };
#define ACTIVE 0x80000000u

/* Bits of LIST_ALL by kind. */
static const guint kind_bits[SK_N_NODEDEV_KINDS] = {
    [SK_NODEDEV_SYSTEM] = 0x1, [SK_NODEDEV_PCI] = 0x2, [SK_NODEDEV_USB_DEVICE] = 0x4, [SK_NODEDEV_USB] = 0x8, [SK_NODEDEV_NET] = 0x10,
    [SK_NODEDEV_SCSI_HOST] = 0x20, [SK_NODEDEV_SCSI_TARGET] = 0x40, [SK_NODEDEV_SCSI] = 0x80, [SK_NODEDEV_STORAGE] = 0x100,
    [SK_NODEDEV_DRM] = 0x1000, [SK_NODEDEV_MDEV] = 0x4000,
};
#define ALL_KINDS 0x3fffffu

static gboolean
put_all(SkLvCall *call, SkCall *op, GError **error)
{
    guint flags = sk_lv_uint(call, "flags"), count = 0;
    gboolean results = sk_lv_int(call, "need_results") != 0;
    const GPtrArray *devices = call->service->node_devices;
    /* All that is here is active. */
    gboolean none = (flags & INACTIVE) != 0 && (flags & ACTIVE) == 0;
    (void) op, (void) error;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; !none && i < devices->len; i++) {
        const SkNodeDevice *device = devices->pdata[i];
        if ((flags & ALL_KINDS) != 0 && (flags & kind_bits[device->kind]) == 0)
            continue;
        if (results)
            sk_xdr_put_str(call->out, device->name);
        count++;
    }
    sk_xdr_list_end(call->out, place, results ? count : 0);
    sk_xdr_put_u32(call->out, count);
    return TRUE;
}

static gboolean
list_all(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, ALL_KINDS | INACTIVE | ACTIVE, error) && with_devices(call, put_all, error);
}

static gboolean
is_of(const SkNodeDevice *device, const char *kind)
{
    return kind == NULL || g_strcmp0(sk_xml_node_device_kind(device->kind), kind) == 0;
}

static gboolean
put_count(SkLvCall *call, SkCall *op, GError **error)
{
    const GPtrArray *devices = call->service->node_devices;
    gint count = 0;
    (void) op, (void) error;
    for (guint i = 0; i < devices->len; i++)
        count += is_of(devices->pdata[i], sk_lv_str(call, "cap"));
    sk_xdr_put_i32(call->out, count);
    return TRUE;
}

static gboolean
num_of_devices(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && with_devices(call, put_count, error);
}

static gboolean
put_names(SkLvCall *call, SkCall *op, GError **error)
{
    const GPtrArray *devices = call->service->node_devices;
    guint count = 0, max = (guint) CLAMP(sk_lv_int(call, "maxnames"), 0, 65536);
    (void) op, (void) error;
    gsize place = sk_xdr_list_begin(call->out);
    for (guint i = 0; i < devices->len && count < max; i++) {
        const SkNodeDevice *device = devices->pdata[i];
        if (!is_of(device, sk_lv_str(call, "cap")))
            continue;
        sk_xdr_put_str(call->out, device->name);
        count++;
    }
    sk_xdr_list_end(call->out, place, count);
    return TRUE;
}

static gboolean
list_devices(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 0, error) && with_devices(call, put_names, error);
}

/* -- one of them -------------------------------------------------------------------------------------------------------- */

static void
put_name(SkLvCall *call, const SkNodeDevice *device)
{
    sk_xdr_put_str(call->out, device->name);
}

static void
put_xml(SkLvCall *call, const SkNodeDevice *device)
{
    g_autofree char *xml = sk_xml_node_device_format(device);
    sk_xdr_put_str(call->out, xml);
}

static void
put_parent(SkLvCall *call, const SkNodeDevice *device)
{
    sk_xdr_put_optional_str(call->out, device->parent);
}

/* A device has one capability: its kind. */
static void
put_kinds(SkLvCall *call, const SkNodeDevice *device)
{
    guint count = sk_lv_int(call, "maxnames") > 0;
    sk_xdr_put_u32(call->out, count);
    if (count > 0)
        sk_xdr_put_str(call->out, sk_xml_node_device_kind(device->kind));
}

static void
put_one(SkLvCall *call, const SkNodeDevice *device)
{
    (void) device;
    sk_xdr_put_i32(call->out, 1);
}

static const struct {
    guint procedure;
    void (*put)(SkLvCall *call, const SkNodeDevice *device);
} answers[] = {
    { 113, put_name },
    { 114, put_xml },
    { 115, put_parent },
    { 116, put_one },
    { 117, put_kinds },
    /* What is there is active and comes back with the host; nothing of it is started by us. */
    { 433, put_one },
    { 435, put_one },
    { 436, put_one },
};

static gboolean
put_answer(SkLvCall *call, SkCall *op, GError **error)
{
    const SkNodeDevice *device = sk_service_node_device(call->service, sk_lv_str(call, "name"), error);
    (void) op;
    for (guint i = 0; device != NULL && i < G_N_ELEMENTS(answers); i++) {
        if (answers[i].procedure == call->procedure->number)
            answers[i].put(call, device);
    }
    return device != NULL;
}

static gboolean
ask(SkLvCall *call, GError **error)
{
    return with_devices(call, put_answer, error);
}

static gboolean
get_xml_desc(SkLvCall *call, GError **error)
{
    return sk_lv_check_flags(call, 1, error) && ask(call, error);
}

/* -- given to guests, and back --------------------------------------------------------------------------------------------- */

static gboolean
run_verb(SkLvCall *call, GError **error)
{
    SkCall *op = sk_lv_operation(call, call->procedure->op);
    (void) error;
    op->params.id = g_strdup(sk_lv_str(call, "name"));
    return sk_lv_dispatch(call, op, NULL);
}

static gboolean
detach_flags(SkLvCall *call, GError **error)
{
    const char *driver = sk_lv_str(call, "driverName");
    if (driver != NULL && !g_str_equal(driver, "vfio"))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "driver '%.64s' is not supported: give vfio", driver);
    return sk_lv_check_flags(call, 0, error) && run_verb(call, error);
}

/* Why none is made here. */
#define REFUSED .lacks = "devices of the host (mediated ones, virtual HBAs) are made by its administrator, with mdevctl or in /sys"

static const SkLvProcedure rows[] = {
    { 111, "NODE_NUM_OF_DEVICES", "cap:str? flags", "num:i32", SK_OP_NODE_DEVICES, num_of_devices },
    { 112, "NODE_LIST_DEVICES", "cap:str? maxnames:i32 flags", "names:str<65536>", SK_OP_NODE_DEVICES, list_devices },
    { 113, "NODE_DEVICE_LOOKUP_BY_NAME", "name:str", "dev:nodedev", SK_OP_NODE_DEVICES, ask },
    { 114, "NODE_DEVICE_GET_XML_DESC", "name:str flags", "xml:str", SK_OP_NODE_DEVICES, get_xml_desc,
      .lacks = "capabilities that few devices have: fc_host, vports, vpd, virtual functions, features of links" },
    { 115, "NODE_DEVICE_GET_PARENT", "name:str", "parentName:str?", SK_OP_NODE_DEVICES, ask },
    { 116, "NODE_DEVICE_NUM_OF_CAPS", "name:str", "num:i32", SK_OP_NODE_DEVICES, ask },
    { 117, "NODE_DEVICE_LIST_CAPS", "name:str maxnames:i32", "names:str<65536>", SK_OP_NODE_DEVICES, ask },
    { 118, "NODE_DEVICE_DETTACH", "name:str", "", SK_OP_NODE_DEVICE_DETACH, run_verb },
    { 119, "NODE_DEVICE_RE_ATTACH", "name:str", "", SK_OP_NODE_DEVICE_REATTACH, run_verb },
    { 120, "NODE_DEVICE_RESET", "name:str", "", SK_OP_NODE_DEVICE_RESET, run_verb },
    { 123, "NODE_DEVICE_CREATE_XML", "xml_desc:str flags", "dev:nodedev", REFUSED },
    { 124, "NODE_DEVICE_DESTROY", "name:str", "", REFUSED },
    { 285, "CONNECT_LIST_ALL_NODE_DEVICES", "need_results:i32 flags", "devices:nodedev<65536> ret:u32", SK_OP_NODE_DEVICES, list_all },
    { 297, "NODE_DEVICE_LOOKUP_SCSI_HOST_BY_WWN", NULL, NULL },
    { 301, "NODE_DEVICE_DETACH_FLAGS", "name:str driverName:str? flags", "", SK_OP_NODE_DEVICE_DETACH, detach_flags },
    { 428, "NODE_DEVICE_DEFINE_XML", "xml_desc:str flags", "dev:nodedev", REFUSED },
    { 429, "NODE_DEVICE_UNDEFINE", "name:str flags", "", REFUSED },
    { 430, "NODE_DEVICE_CREATE", "name:str flags", "", REFUSED },
    { 433, "NODE_DEVICE_GET_AUTOSTART", "name:str", "autostart:i32", SK_OP_NODE_DEVICES, ask },
    { 434, "NODE_DEVICE_SET_AUTOSTART", "name:str autostart:i32", "", REFUSED },
    { 435, "NODE_DEVICE_IS_PERSISTENT", "name:str", "persistent:i32", SK_OP_NODE_DEVICES, ask },
    { 436, "NODE_DEVICE_IS_ACTIVE", "name:str", "active:i32", SK_OP_NODE_DEVICES, ask },
};
SK_LV_FAMILY(sk_lv_nodedev_family, "Node devices", NODEDEV, rows);
