/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device.attach, update, detach, remove: any kind of device; disks, media and interfaces by the jobs that are theirs. */
#include "service/domain-device.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/qmp/commands.h"
#include "service/domain-change.h"
#include "service/domain-disks.h"
#include "service/domain-live.h"
#include "service/launch-devices.h"

#define DETACH_MS 30000

typedef struct {
    SkDomainChange change;
    const SkField *home;    /* of the definition: where the device belongs */
    gpointer device;        /* a copy, with alias and address */
    SkDomainSpec *wanted;   /* update: what is to run */
    guint uid;
    char *run_dir;
    const SkServiceSettings *settings;
} DeviceWork;

static void
free_work(gpointer data)
{
    DeviceWork *work = data;
    sk_domain_change_clear(&work->change);
    if (work->device != NULL)
        sk_value_free(work->home->type, work->device);
    sk_value_free(&sk_domain_spec_type, work->wanted);
    g_free(work->run_dir);
    g_free(work);
}

/* The kind's own job takes over. */
static gboolean
hand_to(SkJob *job, const SkJobKind *kind, GError **error)
{
    job->kind = kind;
    return kind->prepare(job, error);
}

/* -- entries of a definition --------------------------------------------------------------------------------------- */

static char **
text_of(const SkType *type, gconstpointer device, const char *key)
{
    const SkField *field = sk_type_find(type, key);
    return field != NULL && field->kind == SK_KIND_STRING ? sk_field_ptr(field, device) : NULL;
}

/* TRUE if both say something for key; *out_same: and the same. */
static gboolean
both_say(const SkType *type, gconstpointer a, gconstpointer b, const char *key, gboolean *out_same)
{
    char **one = text_of(type, a, key), **other = text_of(type, b, key);
    if (one == NULL || *one == NULL || *other == NULL)
        return FALSE;
    *out_same = g_ascii_strcasecmp(*one, *other) == 0;
    return TRUE;
}

/* Without a name, a device is the one that is like it but for what it was given here. */
static gboolean
is_alike(const SkType *type, gconstpointer entry, gconstpointer given)
{
    static const char *const ours[] = { "alias", "address", "socket", "tap" };
    gpointer copy = sk_value_copy(type, given);
    for (guint i = 0; i < G_N_ELEMENTS(ours); i++) {
        char **text = text_of(type, copy, ours[i]), **known = text_of(type, entry, ours[i]);
        if (text == NULL || *text != NULL)
            continue;
        *text = g_strdup(*known);
    }
    gboolean same = sk_value_equal(type, entry, copy);
    sk_value_free(type, copy);
    return same;
}

static gboolean
is_meant(const SkType *type, gconstpointer entry, gconstpointer given)
{
    static const char *const names[] = { "alias", "mac", "target", "address" };
    gboolean same;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (both_say(type, entry, given, names[i], &same))
            return same;
    }
    if (type == &sk_graphics_type)
        return ((const SkGraphics *) entry)->kind == ((const SkGraphics *) given)->kind;
    return is_alike(type, entry, given);
}

/* The entry of spec that given means; NULL: there is none. */
static gpointer
find(const SkDomainSpec *spec, const SkField *home, gconstpointer given)
{
    gpointer at = spec != NULL ? *(gpointer const *) sk_field_const_ptr(home, spec) : NULL;
    if (at == NULL || home->kind != SK_KIND_LIST)
        return at;
    const GPtrArray *list = at;
    for (guint i = 0; i < list->len; i++) {
        if (is_meant(home->type, list->pdata[i], given))
            return list->pdata[i];
    }
    return NULL;
}

static gboolean
add(SkDomainSpec *spec, const SkField *home, gconstpointer device, GError **error)
{
    gpointer *at = sk_field_ptr(home, spec);
    if (home->kind == SK_KIND_LIST) {
        sk_list_append_copy((GPtrArray **) at, home->type, device);
        return TRUE;
    }
    if (*at != NULL)
        return sk_fail(error, SK_ERROR_EXISTS, "domain \"%s\" has a %s already, and can have one", spec->name, home->type->what);
    *at = sk_value_copy(home->type, device);
    return TRUE;
}

static void
take_out(SkDomainSpec *spec, const SkField *home, gconstpointer given)
{
    gpointer entry = find(spec, home, given);
    gpointer *at = spec != NULL ? sk_field_ptr(home, spec) : NULL;
    if (entry == NULL)
        return;
    if (home->kind == SK_KIND_LIST) {
        sk_list_remove_entry(*at, home->type, entry);
        return;
    }
    sk_value_free(home->type, entry);
    *at = NULL;
}

/* The device that was just added. */
static gconstpointer
newest(const SkDomainSpec *spec, const SkField *home)
{
    gpointer at = *(gpointer const *) sk_field_const_ptr(home, spec);
    return home->kind == SK_KIND_LIST ? ((const GPtrArray *) at)->pdata[((const GPtrArray *) at)->len - 1] : at;
}

/* -- begin ------------------------------------------------------------------------------------------------------------ */

static DeviceWork *
begin(SkJob *job, const SkField *home, GError **error)
{
    DeviceWork *work = job->work = g_new0(DeviceWork, 1);
    work->home = home;
    if (!sk_domain_change_begin(&work->change, job, error))
        return NULL;
    work->uid = work->change.domain->runtime.uid;
    work->run_dir = g_strdup(work->change.domain->run_dir);
    work->settings = job->service->settings;
    return work;
}

/* The asked device and where it belongs. */
static gpointer
asked(const SkJob *job, const SkField **out_member, const SkField **out_home)
{
    gpointer value = NULL;
    *out_member = sk_device_member(job->call->body, &value);
    *out_home = sk_device_home(*out_member);
    return value;
}

static void
set_result(SkJob *job, const DeviceWork *work)
{
    g_autofree SkDevice *device = sk_device_new(work->home, work->device);
    sk_job_set_result(job, sk_json_encode(&sk_device_type, device, 0));
}

/* -- attach ------------------------------------------------------------------------------------------------------------- */

/* Where something that comes while the domain runs finds a place: where an interface would. Free with g_free(). */
static char *
free_port(const SkDomainSpec *live)
{
    SkDomainSpec *spec = sk_value_copy(&sk_domain_spec_type, live);
    SkInterface *nic = sk_value_new(&sk_interface_type);
    nic->mac = g_strdup("52:54:00:ff:ff:ff");
    sk_list_append_copy(&spec->interfaces, &sk_interface_type, nic);
    sk_value_free(&sk_interface_type, nic);
    char *place = sk_engine_assign(spec, NULL) ? g_strdup(((const SkInterface *) spec->interfaces->pdata[spec->interfaces->len - 1])->address) : NULL;
    sk_value_free(&sk_domain_spec_type, spec);
    return place;
}

/* Whether a device is on the PCI bus, where one that names no place is given one. */
static gboolean
is_pci(const SkType *type, gconstpointer device)
{
    static const SkType *const always[] = { &sk_rng_type, &sk_watchdog_type, &sk_controller_type, &sk_filesystem_type, &sk_shmem_type, &sk_vsock_type };
    for (guint i = 0; i < G_N_ELEMENTS(always); i++) {
        if (type == always[i])
            return TRUE;
    }
    if (type == &sk_hostdev_type)
        return ((const SkHostdev *) device)->kind != SK_HOSTDEV_USB;
    if (type == &sk_input_type)
        return ((const SkInput *) device)->bus == SK_INPUT_VIRTIO;
    if (type == &sk_serial_type)
        return ((const SkSerial *) device)->model == SK_SERIAL_PCI;
    const gint sound = type == &sk_sound_type ? ((const SkSound *) device)->model : SK_SOUND_SB16;
    return sound != SK_SOUND_SB16 && sound != SK_SOUND_USB;
}

static gboolean
has_controller(const SkDomainSpec *spec, gint kind)
{
    for (guint i = 0; spec->controllers != NULL && i < spec->controllers->len; i++) {
        if (((const SkController *) spec->controllers->pdata[i])->kind == kind)
            return TRUE;
    }
    return FALSE;
}

/* The first port of virtio serial and the first USB device come with their controller (engine/cmdline/plug.c), which needs a place too. */
static void
add_controller(SkDomainSpec *spec, gint kind, const char *address)
{
    SkController *controller = sk_value_new(&sk_controller_type);
    controller->kind = kind;
    controller->address = g_strdup(address);
    sk_list_append_copy(&spec->controllers, &sk_controller_type, controller);
    sk_value_free(&sk_controller_type, controller);
}

/* Whether it would be put on a USB bus. */
static gboolean
is_usb(const SkDomainSpec *live, const SkField *home, gconstpointer device)
{
    SkDomainSpec *spec = sk_value_copy(&sk_domain_spec_type, live);
    gboolean ok = text_of(home->type, device, "address") != NULL && add(spec, home, device, NULL) && sk_engine_assign(spec, NULL);
    char **address = ok ? text_of(home->type, newest(spec, home), "address") : NULL;
    gboolean usb = address != NULL && *address != NULL && g_str_has_prefix(*address, "usb:");
    sk_value_free(&sk_domain_spec_type, spec);
    return usb;
}

static void
bring_controller(SkDomainChange *change, gint kind)
{
    g_autofree char *port = has_controller(change->live, kind) ? NULL : free_port(change->live);
    if (port == NULL)
        return;
    add_controller(change->live, kind, port);
    if (change->spec != change->live && !has_controller(change->spec, kind))
        add_controller(change->spec, kind, port);
}

/* The root bus, where such devices sit by themselves, takes nothing while the domain runs. */
static void
choose_port(DeviceWork *work, gpointer device)
{
    const SkType *type = work->home->type;
    SkDomainChange *change = &work->change;
    if (change->live == NULL || sk_domain_spec_machine_family(change->live) != SK_MACHINE_Q35)
        return;
    char **address = text_of(type, device, "address");
    if (is_pci(type, device) && *address == NULL)
        *address = free_port(change->live);
    if (type == &sk_channel_type || type == &sk_console_type)
        bring_controller(change, SK_CONTROLLER_VIRTIO_SERIAL);
    else if (is_usb(change->live, work->home, device))
        bring_controller(change, SK_CONTROLLER_USB);
}

/* The controller that a definition gets with its first USB device is not one that runs, unless there was a port for it. */
static gboolean
check_usb(const DeviceWork *work, GError **error)
{
    const SkDomainSpec *live = work->change.live;
    char **address = text_of(work->home->type, work->device, "address");
    if (live == NULL || address == NULL || *address == NULL || !g_str_has_prefix(*address, "usb:") || has_controller(live, SK_CONTROLLER_USB) ||
        sk_domain_spec_machine_family(live) == SK_MACHINE_PC)
        return TRUE;
    return sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" runs without a USB controller, and none of its PCI ports is free for one: change only the definition",
                   live->name);
}

/* A context id that no other guest has. */
static gboolean
choose_cid(SkJob *job, const SkDomainChange *change, SkVsock *vsock, GError **error)
{
    SkDomainSpec one = { .name = change->spec->name, .vsock = vsock };
    return change->live == NULL || sk_launch_choose_cid(job->service, change->domain, &one, error);
}

static gboolean
prepare_attach(SkJob *job, GError **error)
{
    const SkField *member, *home;
    gpointer device = asked(job, &member, &home);
    if (home->type == &sk_disk_type || home->type == &sk_interface_type)
        return hand_to(job, home->type == &sk_disk_type ? &sk_disk_attach_job : &sk_nic_attach_job, error);
    if (!job->call->dialect && !sk_value_check_readonly(home->type, NULL, device, NULL, error))
        return FALSE;
    DeviceWork *work = begin(job, home, error);
    if (work == NULL)
        return FALSE;
    SkDomainChange *change = &work->change;
    choose_port(work, device);
    if ((home->type == &sk_vsock_type && !choose_cid(job, change, device, error)) || !add(change->spec, home, device, error))
        return FALSE;
    sk_domain_spec_complete(change->spec);
    if (!sk_engine_assign(change->spec, error))
        return FALSE;
    work->device = sk_value_copy(home->type, newest(change->spec, home));
    return check_usb(work, error) && (change->live == NULL || add(change->live, home, work->device, error)) && sk_domain_change_check(change, error);
}

/* What of the device must be opened on the host. */
static SkLaunch *
open_ends(DeviceWork *work, SkDomainSpec *one, SkUndo *undo, GError **error)
{
    SkLaunchPlan plan = { .spec = one, .uid = work->uid, .run_dir = work->run_dir, .settings = work->settings };
    g_autoptr(SkLaunch) ends = sk_launch_new(one, SK_ACCEL_TCG);
    return sk_launch_open_chars(&plan, ends, error) && sk_launch_open_devices(&plan, ends, undo, error) ? g_steal_pointer(&ends) : NULL;
}

static gboolean
plug(DeviceWork *work, SkUndo *undo, GError **error)
{
    SkDomainChange *change = &work->change;
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    gconstpointer device = newest(change->live, work->home);
    SkDomainSpec one = { .name = change->live->name, .uuid = change->live->uuid, .memory = change->live->memory };
    g_ptr_array_add(list, (gpointer) device);
    *(gconstpointer *) sk_field_ptr(work->home, &one) = work->home->kind == SK_KIND_LIST ? list : device;
    /* First, before anything is made for what cannot be. */
    g_autoptr(SkLaunch) nothing = sk_launch_new(&one, SK_ACCEL_TCG);
    g_autoptr(SkPlug) trial = sk_plug_device(change->live, work->home, device, nothing, error);
    if (trial == NULL)
        return FALSE;
    g_autoptr(SkLaunch) ends = open_ends(work, &one, undo, error);
    g_autoptr(SkPlug) plug = ends != NULL ? sk_plug_device(change->live, work->home, device, ends, error) : NULL;
    return plug != NULL && sk_domain_change_note(change, error) && sk_qmp_attach(change->qmp, plug, error);
}

static gboolean
run_attach(SkJob *job, GError **error)
{
    DeviceWork *work = job->work;
    g_autoptr(SkUndo) undo = sk_undo_new();
    if (!sk_domain_change_keep(&work->change, job, error))
        return FALSE;
    sk_undo_push(undo, "definition", sk_domain_change_undo_keep, &work->change, NULL);
    /* Last, because a guest cannot be made to let go of it again. */
    if (work->change.live != NULL && (sk_fault("device-attach/device", error) || !plug(work, undo, error)))
        return FALSE;
    sk_undo_disarm(undo);
    return TRUE;
}

static void
commit_attach(SkJob *job)
{
    DeviceWork *work = job->work;
    set_result(job, work);
    sk_domain_change_commit(&work->change);
}

const SkJobKind sk_device_attach_job = {
    .object = sk_domain_job_object, .prepare = prepare_attach, .run = run_attach, .commit = commit_attach, .free_work = free_work,
};

/* -- detach --------------------------------------------------------------------------------------------------------------- */

static gboolean
no_device(const SkDomainChange *change, const SkField *home, const char *alias, GError **error)
{
    return sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no such %s%s%s", change->spec->name, home != NULL ? home->type->what : "device: ",
                   home != NULL || alias == NULL ? "" : alias, "");
}

/* A disk or interface that is described: by its name, to its own job. */
static gboolean
hand_on(SkJob *job, const SkField *home, gconstpointer device, GError **error)
{
    SkParams *params = &job->call->params;
    if (home->type == &sk_disk_type) {
        const SkDisk *disk = device;
        g_free(params->target);
        params->target = g_strdup(disk->target != NULL ? disk->target : "?");
        return hand_to(job, &sk_disk_detach_job, error);
    }
    const SkInterface *nic = device;
    if (nic->mac == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "an interface is detached by its MAC address: none was given");
    g_free(params->nic);
    params->nic = g_strdup(nic->mac);
    return hand_to(job, &sk_nic_detach_job, error);
}

static gboolean
prepare_detach(SkJob *job, GError **error)
{
    const SkField *member, *home;
    gpointer device = asked(job, &member, &home);
    if (home->type == &sk_disk_type || home->type == &sk_interface_type)
        return hand_on(job, home, device, error);
    DeviceWork *work = begin(job, home, error);
    if (work == NULL)
        return FALSE;
    gpointer entry = find(work->change.live != NULL ? work->change.live : work->change.spec, home, device);
    if (entry == NULL)
        entry = find(work->change.spec, home, device);
    if (entry == NULL)
        return no_device(&work->change, home, NULL, error);
    work->device = sk_value_copy(home->type, entry);
    return TRUE;
}

/* Which field has a device of that id. */
static gpointer
find_alias(const SkDomainSpec *spec, const char *alias, const SkField **out_home)
{
    for (guint i = 0; spec != NULL && i < sk_device_type.n_fields; i++) {
        const SkField *home = sk_device_home(&sk_device_type.fields[i]);
        gpointer at = *(gpointer const *) sk_field_const_ptr(home, spec);
        const GPtrArray *list = home->kind == SK_KIND_LIST ? at : NULL;
        guint count = list != NULL ? list->len : at != NULL && home->kind != SK_KIND_LIST;
        for (guint j = 0; j < count; j++) {
            gpointer entry = list != NULL ? list->pdata[j] : at;
            char **text = text_of(home->type, entry, "alias");
            if (text != NULL && g_strcmp0(*text, alias) == 0) {
                *out_home = home;
                return entry;
            }
        }
    }
    return NULL;
}

static gboolean
prepare_remove(SkJob *job, GError **error)
{
    const char *alias = job->call->params.alias;
    const SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    const SkField *home = NULL;
    if (domain == NULL)
        return FALSE;
    gpointer entry = find_alias(domain->runtime.live != NULL ? domain->runtime.live : domain->spec, alias, &home);
    if (entry == NULL)
        entry = find_alias(domain->spec, alias, &home);
    if (entry == NULL)
        return sk_fail(error, SK_ERROR_NO_DEVICE, "no device found with alias %.64s in domain \"%s\"", alias, sk_domain_name(domain));
    if (home->type == &sk_disk_type || home->type == &sk_interface_type)
        return hand_on(job, home, entry, error);
    g_autoptr(SkDomain) kept = g_object_ref((SkDomain *) domain);
    DeviceWork *work = begin(job, home, error);
    if (work == NULL)
        return FALSE;
    work->device = sk_value_copy(home->type, entry);
    return TRUE;
}

/* A socket of ours that nobody listens at any more. */
static void
forget_socket(const DeviceWork *work)
{
    char **alias = text_of(work->home->type, work->device, "alias");
    if (work->change.live == NULL || alias == NULL || *alias == NULL)
        return;
    g_autofree char *name = g_strconcat(*alias, ".sock", NULL), *path = g_build_filename(work->run_dir, name, NULL);
    unlink(path);
}

static gboolean
run_detach(SkJob *job, GError **error)
{
    DeviceWork *work = job->work;
    SkDomainChange *change = &work->change;
    gconstpointer plugged = find(change->live, work->home, work->device);
    if (plugged != NULL) {
        g_autoptr(SkPlug) plug = sk_plug_device(change->live, work->home, plugged, NULL, error);
        if (plug == NULL || !sk_domain_change_note(change, error) || sk_fault("device-detach/device", error) ||
            !sk_qmp_detach(change->qmp, plug, DETACH_MS, error))
            return FALSE;
    }
    forget_socket(work);
    take_out(change->live, work->home, work->device);
    take_out(change->spec, work->home, work->device);
    return sk_domain_change_keep(change, job, error);
}

static void
commit_detach(SkJob *job)
{
    DeviceWork *work = job->work;
    if (work->home->type == &sk_hostdev_type && work->change.live != NULL) {
        g_autoptr(GPtrArray) list = g_ptr_array_new();
        SkDomainSpec one = { .hostdevs = list };
        g_ptr_array_add(list, work->device);
        sk_launch_drop_devices(job->service, &one);
    }
    sk_domain_change_commit(&work->change);
}

const SkJobKind sk_device_detach_job = {
    .object = sk_domain_job_object, .prepare = prepare_detach, .run = run_detach, .commit = commit_detach, .free_work = free_work,
};
const SkJobKind sk_device_remove_job = {
    .object = sk_domain_job_object, .prepare = prepare_remove, .run = run_detach, .commit = commit_detach, .free_work = free_work,
};

/* -- update ------------------------------------------------------------------------------------------------------------------ */

/* A drive whose medium is another: that is all that is changed. */
static gboolean
is_other_medium(const SkJob *job, const SkDisk *wanted)
{
    const SkDomain *domain = sk_service_domain(job->service, job->call->params.name, NULL);
    const SkDomainSpec *spec = domain == NULL ? NULL : domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
    const SkDisk *disk = spec != NULL && wanted->target != NULL ? sk_domain_spec_find_disk(spec, wanted->target) : NULL;
    return disk != NULL && disk->device != SK_DISK_DISK &&
           (g_strcmp0(disk->path, wanted->path) != 0 || g_strcmp0(disk->volume, wanted->volume) != 0 || disk->source != wanted->source);
}

static gboolean
update_interface(SkJob *job, const SkInterface *nic, GError **error)
{
    g_autofree char *text = sk_json_encode(&sk_interface_type, nic, 0);
    if (nic->mac == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "an interface is changed by its MAC address: none was given");
    job->call->params.nic = g_strdup(nic->mac);
    job->call->patch = sk_json_parse(text, strlen(text), "interface", error);
    return job->call->patch != NULL && hand_to(job, &sk_nic_update_job, error);
}

/* Puts the wanted device in the place of the one it means, with what it does not say. */
static gboolean
put_in_place(SkDomainSpec *spec, const SkField *home, gconstpointer wanted)
{
    gpointer entry = find(spec, home, wanted);
    if (entry == NULL)
        return FALSE;
    gpointer fresh = sk_value_copy(home->type, wanted);
    char **address = text_of(home->type, fresh, "address"), **known = text_of(home->type, entry, "address");
    if (address != NULL && *address == NULL)
        *address = g_strdup(*known);
    sk_value_inherit(home->type, entry, fresh);
    sk_value_clear(home->type, entry);
    memcpy(entry, fresh, home->type->size);
    g_free(fresh);
    return TRUE;
}

static gboolean
prepare_update(SkJob *job, GError **error)
{
    const SkField *member, *home;
    gpointer device = asked(job, &member, &home);
    if (home->type == &sk_interface_type)
        return update_interface(job, device, error);
    if (home->type == &sk_disk_type && is_other_medium(job, device)) {
        job->call->params.target = g_strdup(((const SkDisk *) device)->target);
        return hand_to(job, ((const SkDisk *) device)->source == SK_SOURCE_NONE ? &sk_media_eject_job : &sk_media_insert_job, error);
    }
    DeviceWork *work = begin(job, home, error);
    if (work == NULL)
        return FALSE;
    SkDomainChange *change = &work->change;
    if (!put_in_place(change->spec, home, device) && change->scope != SK_SCOPE_LIVE)
        return no_device(change, home, NULL, error);
    if (change->live != NULL) {
        work->wanted = sk_value_copy(&sk_domain_spec_type, change->live);
        if (!put_in_place(work->wanted, home, device))
            return no_device(change, home, NULL, error);
    }
    return sk_service_resolve_disks(job->service, change->spec, error) && sk_domain_change_check(change, error) &&
           (work->wanted == NULL || sk_service_resolve_disks(job->service, work->wanted, error));
}

static gboolean
run_update(SkJob *job, GError **error)
{
    DeviceWork *work = job->work;
    SkDomainChange *change = &work->change;
    if (change->live != NULL) {
        if (!sk_domain_change_note(change, error) || !sk_domain_apply_live(change->qmp, change->live, work->wanted, error))
            return FALSE;
        g_autoptr(GPtrArray) left = sk_value_diff(&sk_domain_spec_type, change->live, work->wanted, NULL);
        if (left->len > 0)
            return sk_fail(error, SK_ERROR_UNSUPPORTED, "\"%s\" of domain \"%s\" cannot be changed while it runs: change only its definition",
                           (char *) left->pdata[0], change->live->name);
    }
    return sk_domain_change_keep(change, job, error);
}

static void
commit_update(SkJob *job)
{
    sk_domain_change_commit(&((DeviceWork *) job->work)->change);
}

const SkJobKind sk_device_update_job = {
    .object = sk_domain_job_object, .prepare = prepare_update, .run = run_update, .commit = commit_update, .free_work = free_work,
};
