/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Golden cases: from a case's JSON to a launch with invented descriptors, and to text. */
#include "golden-case.h"

#include "base/error.h"
#include "codec/json/json.h"

#define RUN_DIR "/run/skep-golden"

/* Far above any real one, so that closing them closes nothing. */
static gint
fake_fd(void)
{
    return 1 << 20;
}

/* -- the definition ----------------------------------------------------------------------------------------- */

static void
fix_names(SkDomainSpec *spec)
{
    if (spec->uuid == NULL)
        spec->uuid = g_strdup("11111111-2222-4333-8444-555555555555");
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        SkInterface *nic = spec->interfaces->pdata[i];
        if (nic->mac == NULL)
            nic->mac = g_strdup_printf("52:54:00:00:00:%02x", i + 1);
    }
}

gboolean
golden_case_load(GoldenCase *self, const char *text, gsize length, GError **error)
{
    g_autoptr(json_t) root = sk_json_parse(text, length, "golden case", error);
    if (root == NULL)
        return FALSE;
    if (!json_is_object(json_object_get(root, "domain")))
        return sk_fail(error, SK_ERROR_INVALID, "the case has no domain");
    self->spec = sk_json_decode(&sk_domain_spec_type, json_object_get(root, "domain"), error);
    if (self->spec == NULL)
        return FALSE;
    self->launch = json_incref(json_object_get(root, "launch"));
    fix_names(self->spec);
    sk_domain_spec_complete(self->spec);
    return sk_engine_assign(self->spec, error);
}

void
golden_case_clear(GoldenCase *self)
{
    sk_value_free(&sk_domain_spec_type, self->spec);
    json_decref(self->launch);
    *self = (GoldenCase){ 0 };
}

/* -- the launch ------------------------------------------------------------------------------------------------ */

static gboolean
wish(const GoldenCase *self, const char *key)
{
    return json_is_true(json_object_get(self->launch, key));
}

static gint
format_of(const char *name)
{
    gint format = SK_FORMAT_RAW;
    sk_enum_parse(&sk_disk_format_enum, name != NULL ? name : "raw", &format, NULL);
    return format;
}

/* formats: of the layers, top first; NULL: one of the disk's own format. */
static void
fill_chain(const GoldenCase *self, SkBlockChain *chain, const json_t *formats, gint format, gboolean read_only)
{
    gsize count = formats != NULL ? json_array_size(formats) : 1;
    gboolean both = wish(self, "both");
    for (gsize i = 0; i < count; i++) {
        g_autofree char *path = g_strdup_printf("/images/%s.%zu", chain->target, i);
        gint layer_format = formats != NULL ? format_of(json_string_value(json_array_get(formats, i))) : format;
        gboolean for_reading = i > 0 || read_only;
        SkBlockLayer *layer = sk_block_chain_add(chain, for_reading && !both ? SK_FD_NONE : fake_fd(),
                                                 for_reading || both ? fake_fd() : SK_FD_NONE, layer_format, path);
        layer->block = wish(self, "block");
    }
}

static void
fill_disk(const GoldenCase *self, SkBlockChain *chain, const SkDisk *disk)
{
    fill_chain(self, chain, json_object_get(json_object_get(self->launch, "chains"), disk->target), disk->format,
               !sk_disk_is_writable(disk));
    SkBlockLayer *top = chain->layers->len > 0 ? chain->layers->pdata[0] : NULL;
    if (disk->encryption == NULL || top == NULL)
        return;
    top->encrypted = TRUE;
    top->passphrase_fd = fake_fd();
}

static void
fill_nic(const GoldenCase *self, SkNicEnd *end)
{
    gint fd = fake_fd();
    json_int_t queues = json_integer_value(json_object_get(self->launch, "queues"));
    for (json_int_t i = 0; i < MAX(queues, 1); i++) {
        g_array_append_val(end->fds, fd);
        if (wish(self, "vhost"))
            g_array_append_val(end->vhost_fds, fd);
    }
}

static void
fill_chars(const GoldenCase *self, SkLaunch *launch)
{
    const SkDomainSpec *spec = self->spec;
    for (guint i = 0; spec->serials != NULL && i < spec->serials->len; i++) {
        const SkSerial *serial = spec->serials->pdata[i];
        SkCharEnd *end = sk_launch_add_char(launch, serial->alias);
        end->listen_fd = serial->backend == SK_CHAR_RECORDED ? fake_fd() : SK_FD_NONE;
        end->log_fd = serial->backend == SK_CHAR_RECORDED ? fake_fd() : SK_FD_NONE;
        end->file_fd = serial->backend == SK_CHAR_FILE && !wish(self, "open_files") ? fake_fd() : SK_FD_NONE;
    }
}

static void
fill_devices(const GoldenCase *self, SkLaunch *launch)
{
    const SkDomainSpec *spec = self->spec;
    for (guint i = 0; spec->filesystems != NULL && i < spec->filesystems->len; i++) {
        const SkFilesystem *fs = spec->filesystems->pdata[i];
        if (fs->kind == SK_FS_VIRTIOFS)
            sk_launch_add_device(launch, fs->alias)->path = g_strdup_printf(RUN_DIR "/%s.sock", fs->alias);
    }
    for (guint i = 0; wish(self, "usb_fds") && spec->hostdevs != NULL && i < spec->hostdevs->len; i++)
        sk_launch_add_device(launch, ((const SkHostdev *) spec->hostdevs->pdata[i])->alias)->fd = fake_fd();
    if (spec->tpm != NULL)
        sk_launch_add_device(launch, spec->tpm->alias)->path = g_strdup(RUN_DIR "/swtpm.sock");
    if (spec->vsock != NULL && wish(self, "vhost"))
        sk_launch_add_device(launch, spec->vsock->alias)->fd = fake_fd();
}

static void
fill_firmware(const GoldenCase *self, SkLaunch *launch)
{
    const SkFirmware *firmware = &self->spec->firmware;
    if (firmware->kind != SK_FIRMWARE_UEFI || wish(self, "no_firmware"))
        return;
    launch->loader = g_strdup(firmware->secure_boot ? "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd" : "/usr/share/OVMF/OVMF_CODE_4M.fd");
    if (wish(self, "no_nvram"))
        return;
    launch->nvram = sk_block_chain_new("nvram");
    fill_chain(self, launch->nvram, NULL, SK_FORMAT_QCOW2, FALSE);
}

static SkLaunch *
make_launch(const GoldenCase *self)
{
    const SkDomainSpec *spec = self->spec;
    const char *accel = json_string_value(json_object_get(self->launch, "accel"));
    SkLaunch *launch = sk_launch_new(spec, g_strcmp0(accel, "kvm") == 0 ? SK_ACCEL_KVM : SK_ACCEL_TCG);
    launch->run_dir = g_strdup(RUN_DIR);
    launch->monitor_fd = fake_fd();
    launch->now = 1700000000;
    launch->tsc_khz = 2000000;
    launch->paused = wish(self, "paused");
    launch->incoming = wish(self, "incoming");
    launch->memory_fd = wish(self, "memory_file") ? fake_fd() : SK_FD_NONE;
    launch->memory_kept = wish(self, "memory_kept");
    launch->kernel_fd = launch->initrd_fd = wish(self, "kernel_fds") ? fake_fd() : SK_FD_NONE;
    launch->vnc_password_fd = launch->spice_password_fd = fake_fd();
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        if (disk->source != SK_SOURCE_NONE && !wish(self, "closed"))
            fill_disk(self, sk_launch_add_chain(launch, disk->target), disk);
    }
    if (wish(self, "seed"))
        fill_chain(self, sk_launch_add_chain(launch, "cidata"), NULL, SK_FORMAT_RAW, TRUE);
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        const SkInterface *nic = spec->interfaces->pdata[i];
        if (nic->kind != SK_NIC_USER)
            fill_nic(self, sk_launch_add_nic(launch, nic->mac));
    }
    fill_chars(self, launch);
    fill_devices(self, launch);
    fill_firmware(self, launch);
    return launch;
}

/* -- text --------------------------------------------------------------------------------------------------------- */

static void
add_json(GString *out, const char *label, const char *execute, const json_t *arguments)
{
    char *text = arguments != NULL ? json_dumps(arguments, JSON_COMPACT) : NULL;
    g_string_append_printf(out, "%s%s %s\n", label, execute, text != NULL ? text : "{}");
    free(text);
}

static void
add_steps(GString *out, const GPtrArray *steps, const char *label)
{
    for (guint i = 0; i < steps->len; i++) {
        const SkQmpStep *step = steps->pdata[i];
        g_autofree char *full = g_strdup_printf("%s%s%s", label, step->optional ? "(optional) " : "", step->fd >= 0 ? "(fd) " : "");
        add_json(out, full, step->execute, step->arguments);
    }
    for (guint i = steps->len; i > 0; i--) {
        const SkQmpStep *step = steps->pdata[i - 1];
        if (step->undo != NULL)
            add_json(out, "undo: ", step->undo, step->undo_arguments);
    }
}

static char *
run_start(const GoldenCase *self, GError **error)
{
    g_autoptr(SkLaunch) launch = make_launch(self);
    g_autoptr(SkCmdline) cmdline = sk_cmdline_build(launch, error);
    if (cmdline == NULL)
        return NULL;
    GString *out = g_string_new(NULL);
    for (guint i = 0; cmdline->argv[i] != NULL; i++)
        g_string_append_printf(out, "%s\n", cmdline->argv[i]);
    add_steps(out, cmdline->setup, "setup: ");
    return g_string_free(out, FALSE);
}

static char *
plug_text(SkPlug *plug)
{
    if (plug == NULL)
        return NULL;
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "device: %s\n", plug->device);
    add_steps(out, plug->steps, "do: ");
    sk_plug_free(plug);
    return g_string_free(out, FALSE);
}

static char *
run_media(const GoldenCase *self, const SkDisk *disk, GError **error)
{
    g_autoptr(SkBlockChain) chain = sk_block_chain_new(disk->target);
    fill_chain(self, chain, NULL, SK_FORMAT_RAW, TRUE);
    g_autoptr(GPtrArray) steps = sk_plug_media(self->spec, disk, wish(self, "replace") ? chain : NULL, wish(self, "eject") ? NULL : chain,
                                               wish(self, "force"), error);
    if (steps == NULL)
        return NULL;
    GString *out = g_string_new(NULL);
    add_steps(out, steps, "do: ");
    return g_string_free(out, FALSE);
}

static char *
run_limits(const SkDisk *disk)
{
    SkQmpStep *step = sk_plug_limits(disk);
    GString *out = g_string_new(NULL);
    add_json(out, "do: ", step->execute, step->arguments);
    sk_qmp_step_free(step);
    return g_string_free(out, FALSE);
}

static char *
run_nic(const GoldenCase *self, const SkInterface *nic, GError **error)
{
    g_autoptr(SkNicEnd) end = sk_nic_end_new(nic->mac);
    fill_nic(self, end);
    return plug_text(sk_plug_interface(self->spec, nic, nic->kind == SK_NIC_USER ? NULL : end, error));
}

/* The last device in a field of the definition. */
static char *
run_device(const GoldenCase *self, const char *key, GError **error)
{
    const SkField *home = sk_type_find(&sk_domain_spec_type, key);
    gpointer at = *(gpointer const *) sk_field_const_ptr(home, self->spec);
    gconstpointer device = home->kind == SK_KIND_LIST ? ((GPtrArray *) at)->pdata[((GPtrArray *) at)->len - 1] : at;
    g_autoptr(SkLaunch) launch = make_launch(self);
    return plug_text(sk_plug_device(self->spec, home, device, wish(self, "detach") ? NULL : launch, error));
}

char *
golden_case_run(const GoldenCase *self, GError **error)
{
    const char *target = json_string_value(json_object_get(self->launch, "plug_disk"));
    const char *media = json_string_value(json_object_get(self->launch, "media"));
    const char *limits = json_string_value(json_object_get(self->launch, "limits"));
    const char *nic = json_string_value(json_object_get(self->launch, "plug_nic"));

    const char *wanted = media != NULL ? media : limits != NULL ? limits : target;
    const SkDisk *disk = wanted != NULL ? sk_domain_spec_find_disk(self->spec, wanted) : NULL;
    const SkInterface *card = nic != NULL ? sk_domain_spec_find_interface(self->spec, nic) : NULL;

    if ((wanted != NULL && disk == NULL) || (nic != NULL && card == NULL)) {
        sk_fail(error, SK_ERROR_NO_DEVICE, "the case has no device \"%s\"", wanted != NULL ? wanted : nic);
        return NULL;
    }
    const char *any = json_string_value(json_object_get(self->launch, "plug"));
    if (any != NULL)
        return run_device(self, any, error);
    if (media != NULL)
        return run_media(self, disk, error);
    if (limits != NULL)
        return run_limits(disk);
    if (nic != NULL)
        return run_nic(self, card, error);
    if (target == NULL)
        return run_start(self, error);
    g_autoptr(SkBlockChain) chain = sk_block_chain_new(target);
    fill_disk(self, chain, disk);
    gboolean without = disk->source == SK_SOURCE_NONE || wish(self, "detach");
    return plug_text(sk_plug_disk(self->spec, disk, without ? NULL : chain, error));
}
