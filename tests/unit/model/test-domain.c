/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains: what is filled in, what the rules say, and the state matrices. */
#include <string.h>

#include "base/error.h"
#include "model/domain.h"

/* -- making specs without a codec -------------------------------------------------------------------------- */

/* Sets a field by its path: "vcpus.current", "disks.0.bus"; list entries are made as needed. */
static void
set(const SkType *type, gpointer value, const char *path, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", 2);
    g_autoptr(GError) error = NULL;
    const SkField *field = sk_type_find(type, parts[0]);
    g_assert_nonnull(field);
    gpointer at = sk_field_ptr(field, value);
    if (field->kind == SK_KIND_STRUCT) {
        set(field->type, at, parts[1], text);
    } else if (field->kind == SK_KIND_OPTIONAL) {
        if (*(gpointer *) at == NULL)
            *(gpointer *) at = sk_value_new(field->type);
        if (parts[1] != NULL)
            set(field->type, *(gpointer *) at, parts[1], text);
    } else if (field->kind == SK_KIND_LIST) {
        GPtrArray **list = at;
        guint index = (guint) g_ascii_strtoull(parts[1], NULL, 10);
        if (*list == NULL)
            *list = sk_value_list_new(field->type);
        while ((*list)->len <= index)
            g_ptr_array_add(*list, sk_value_new(field->type));
        if (strchr(parts[1], '.') != NULL)
            set(field->type, (*list)->pdata[index], strchr(parts[1], '.') + 1, text);
    } else {
        sk_field_set_text(field, value, text, NULL, &error);
        g_assert_no_error(error);
    }
}

/* A spec from "path=text" words separated by blanks. */
static SkDomainSpec *
make(const char *words)
{
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    set(&sk_domain_spec_type, spec, "name", "web1");
    for (guint i = 0; list[i] != NULL; i++) {
        char *equals = strchr(list[i], '=');
        if (equals != NULL)
            *equals = '\0';
        if (*list[i] != '\0')
            set(&sk_domain_spec_type, spec, list[i], equals != NULL ? equals + 1 : "");
    }
    return spec;
}

/* -- completion --------------------------------------------------------------------------------------------------- */

static const char *const specs[] = {
    "",
    "machine=pc disks.0.image=debian-12 disks.1.device=cdrom disks.2.device=floppy disks.2.source=none",
    "machine=q35 disks.0.target=vdb disks.1.size=1G disks.2.bus=scsi disks.3.bus=usb disks.4.device=cdrom interfaces.0.model=virtio",
    "machine=microvm boot.kernel=/boot/vmlinuz interfaces.0.kind=user disks.0.device=cdrom",
    "vcpus.current=4 vcpus.sockets=2 vcpus.cores=2 memory.current=1G interfaces.0.network=lan interfaces.1.kind=user cloud_init.user=admin",
    "serials.0.port=0 serials.1.port=1 watchdog tpm panic vsock cpu.mode=custom cpu.model=Skylake-Client",
};

/* Complete is right by the rules, complete again is the same, and what was asked for is still so. */
static void
test_complete(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
        g_autoptr(GError) error = NULL;
        SkDomainSpec *spec = make(specs[i]);
        g_test_message("%s", specs[i]);
        sk_value_check(&sk_domain_spec_type, spec, NULL, &error);
        g_assert_no_error(error);
        sk_domain_spec_complete(spec);
        sk_value_check(&sk_domain_spec_type, spec, NULL, &error);
        g_assert_no_error(error);
        SkDomainSpec *once = sk_value_copy(&sk_domain_spec_type, spec);
        sk_domain_spec_complete(spec);
        g_assert_true(sk_value_equal(&sk_domain_spec_type, spec, once));
        g_assert_true(g_uuid_string_is_valid(spec->uuid));
        g_assert_cmpuint(spec->vcpus.maximum, >=, spec->vcpus.current);
        g_assert_cmpuint(spec->memory.maximum, >=, spec->memory.current);
        sk_value_free(&sk_domain_spec_type, once);
        sk_value_free(&sk_domain_spec_type, spec);
    }
}

static const char *
target(const SkDomainSpec *spec, guint index)
{
    return ((SkDisk *) spec->disks->pdata[index])->target;
}

static void
test_complete_disks(void)
{
    SkDomainSpec *spec = make("disks.0.image=a disks.1.target=vda disks.2.size=1G disks.3.device=cdrom disks.4.bus=scsi disks.5.device=floppy disks.5.source=none");
    sk_domain_spec_complete(spec);
    g_assert_cmpstr(target(spec, 0), ==, "vdb");
    g_assert_cmpstr(target(spec, 1), ==, "vda");
    g_assert_cmpstr(target(spec, 2), ==, "vdc");
    g_assert_cmpstr(target(spec, 3), ==, "sda");
    g_assert_cmpstr(target(spec, 4), ==, "sdb");
    g_assert_cmpstr(target(spec, 5), ==, "fda");
    const SkDisk *cdrom = spec->disks->pdata[3];
    g_assert_cmpint(cdrom->bus, ==, SK_BUS_SATA);
    g_assert_true(cdrom->read_only);
    g_assert_false(sk_disk_is_writable(cdrom));
    g_assert_cmpint(cdrom->source, ==, SK_SOURCE_NONE);
    g_assert_cmpstr(((SkDisk *) spec->disks->pdata[0])->pool, ==, "default");
    sk_value_free(&sk_domain_spec_type, spec);

    /* More than the alphabet has letters. */
    spec = make("disks.59");
    sk_domain_spec_complete(spec);
    g_assert_cmpstr(target(spec, 25), ==, "vdz");
    g_assert_cmpstr(target(spec, 26), ==, "vdaa");
    g_assert_cmpstr(target(spec, 59), ==, "vdbh");
    sk_value_free(&sk_domain_spec_type, spec);
}

static void
test_find(void)
{
    SkDomainSpec *spec = make("disks.0 interfaces.0.mac=52:54:00:aa:bb:cc interfaces.1.alias=net1 interfaces.1.tap=tap7");
    sk_domain_spec_complete(spec);
    g_assert_true(sk_domain_spec_find_disk(spec, "vda") == spec->disks->pdata[0]);
    g_assert_null(sk_domain_spec_find_disk(spec, "vdb"));
    g_assert_true(sk_domain_spec_find_interface(spec, "52:54:00:AA:BB:CC") == spec->interfaces->pdata[0]);
    g_assert_true(sk_domain_spec_find_interface(spec, "net1") == spec->interfaces->pdata[1]);
    g_assert_true(sk_domain_spec_find_interface(spec, "tap7") == spec->interfaces->pdata[1]);
    g_assert_true(sk_domain_spec_find_interface(spec, "0") == spec->interfaces->pdata[0]);
    g_assert_null(sk_domain_spec_find_interface(spec, "2"));
    g_assert_null(sk_domain_spec_find_interface(spec, ""));
    SkGraphics *first = spec->graphics->pdata[0], *second = sk_value_new(&sk_graphics_type);
    g_ptr_array_add(spec->graphics, second);
    g_assert_true(sk_domain_spec_find_vnc(spec) == first);
    first->kind = SK_GRAPHICS_SPICE;
    g_assert_true(sk_domain_spec_find_vnc(spec) == second);
    second->kind = SK_GRAPHICS_SPICE;
    g_assert_null(sk_domain_spec_find_vnc(spec));
    sk_value_free(&sk_domain_spec_type, spec);
}

static void
test_genid(void)
{
    SkDomainSpec *spec = make("genid=auto");
    sk_domain_spec_complete(spec);
    g_assert_true(g_uuid_string_is_valid(spec->genid));
    g_autofree char *first = g_strdup(spec->genid);
    sk_domain_spec_complete(spec);
    g_assert_cmpstr(spec->genid, ==, first);
    sk_domain_spec_renew_genid(spec);
    g_assert_true(g_uuid_string_is_valid(spec->genid));
    g_assert_cmpstr(spec->genid, !=, first);
    sk_value_free(&sk_domain_spec_type, spec);
    spec = make("");
    sk_domain_spec_renew_genid(spec);
    g_assert_null(spec->genid);
    sk_value_free(&sk_domain_spec_type, spec);
}

/* -- rules ------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *words;
    const char *message;    /* NULL: right */
} rules[] = {
    { "vcpus.current=3 vcpus.maximum=2", "vcpus: current is 3, more than the maximum of 2" },
    { "vcpus.current=4 vcpus.sockets=2 vcpus.cores=1", "vcpus: topology makes 2 vCPUs, but the maximum is 4" },
    { "vcpus.current=1 vcpus.maximum=4 vcpus.cores=4", NULL },
    { "vcpus.current=0", "vcpus.current is 0, it must be from 1 to 512" },
    { "vcpus.current=513", "vcpus.current is 513, it must be from 1 to 512" },
    { "memory.current=2G memory.maximum=1G", "memory: current is 2147483648, more than the maximum of 1073741824" },
    { "memory.current=1K", "memory.current is 1 KiB, it must be from 1 MiB to 64 TiB" },
    { "memory.limit=256M memory.slots=2", "memory: limit is below the maximum" },
    { "memory.limit=4G", "memory: limit and slots go together: both or none" },
    { "memory.hugepage_size=3M", "memory: hugepage_size is not a power of two, give 2M or 1G" },
    { "genid=auto", NULL },
    { "genid=x", "genid \"x\" is not a UUID" },
    { "cpu.mode=custom", "cpu: mode custom and model go together: both or none" },
    { "cpu.model=Skylake-Client", "cpu: mode custom and model go together: both or none" },
    { "firmware.secure_boot=true", "firmware: secure_boot needs kind uefi" },
    { "machine=pc firmware.kind=uefi firmware.secure_boot=true", "secure boot needs machine q35" },
    { "boot.initrd=/x", "boot: initrd and cmdline need a kernel" },
    { "boot.order=disk,tape", "boot.order has \"tape\", give disk, cdrom, network or floppy" },
    { "boot.kernel=vmlinuz", "boot.kernel \"vmlinuz\" is not a full path: begin with \"/\" and use no \"..\"" },
    { "clock.timezone=Europe/Berlin", "clock: offset timezone and timezone go together: both or none" },
    { "machine=pc-q35-", "machine \"pc-q35-\" is not a machine: give q35, pc, microvm or a version of them such as pc-q35-7.2" },
    { "machine=pc-q35-noble-v2", NULL },
    { "machine=pc-i440fx-rhel7.6.0", NULL },
    { "machine=pc-q35-7,2", "machine \"pc-q35-7,2\" is not a machine: give q35, pc, microvm or a version of them such as pc-q35-7.2" },
    { "machine=vax", "machine \"vax\" is not a machine: give q35, pc, microvm or a version of them such as pc-q35-7.2" },
    { "machine=microvm", "machine microvm needs boot.kernel" },
    { "machine=microvm boot.kernel=/x firmware.kind=uefi", "machine microvm has no UEFI: give firmware bios or machine q35" },
    { "machine=microvm boot.kernel=/x hostdevs.0.host=0000:01:00.0", "machine microvm has no PCI bus for host devices" },
    { "arch=vax", "architecture \"vax\" is not supported here: give x86_64" },
    { "features.hyperv=a\n", "features.hyperv \"a\n\" is not a word of letters and digits" },
    { "disks.0.target=vda disks.1.target=vda", "two disks have the target \"vda\"" },
    { "disks.0.boot_order=2 disks.1.boot_order=1 interfaces.0.boot_order=2", "two devices have the boot_order 2" },
    { "disks.0.target=xda", "disks[xda].target \"xda\" is not a disk target: give vda, sda, hda or fda and on" },
    { "disks.0.source=none", "disks[0]: a disk needs a source; only a cdrom or floppy can be empty" },
    { "disks.0.source=file", "disks[0]: path is missing: it says which file to open" },
    { "disks.0.source=block disks.0.path=/dev/../etc/shadow",
      "disks[0].path \"/dev/../etc/shadow\" is not a full path: begin with \"/\" and use no \"..\"" },
    { "disks.0.bus=fdc", "disks[0]: a floppy must be on the fdc bus, and nothing else may be" },
    { "disks.0.device=floppy disks.0.bus=sata", "disks[0]: a floppy must be on the fdc bus, and nothing else may be" },
    { "iothreads=1 disks.0.bus=sata disks.0.iothread=1", "disks[0]: iothread is for disks on the virtio or scsi bus" },
    { "disks.0.target=vda disks.0.iothread=1", "disk \"vda\" asks for iothread 1, but iothreads is 0" },
    { "disks.0.size=1", "disks[0].size is 1 B, it must be from 1 MiB to 1 PiB" },
    { "disks.0.limits.total_bytes_sec=1 disks.0.limits.read_bytes_sec=1",
      "disks[0].limits: give total_bytes_sec or read_bytes_sec and write_bytes_sec, not both" },
    { "disks.0.limits.total_iops_sec=1 disks.0.limits.write_iops_sec=1",
      "disks[0].limits: give total_iops_sec or read_iops_sec and write_iops_sec, not both" },
    { "interfaces.0.kind=bridge", "interfaces[0]: bridge is missing: an interface of kind bridge needs it" },
    { "interfaces.0.kind=direct", "interfaces[0]: device is missing: an interface of kind direct needs it" },
    { "interfaces.0.kind=network", NULL },
    { "interfaces.0.forwards=tcp:1:2", "interfaces[0]: forwards are for interfaces of kind user" },
    { "interfaces.0.kind=user interfaces.0.forwards=tcp:70000:2", "interfaces[0].forwards \"tcp:70000:2\" is not a port forward such as tcp:2222:22" },
    { "interfaces.0.mac=52:54:00:aa:bb:cc interfaces.1.mac=52:54:00:AA:BB:CC", "two interfaces have the MAC address \"52:54:00:AA:BB:CC\"" },
    { "serials.0.backend=file", "serials[0]: path is missing: backend file needs it" },
    { "serials.0.backend=tcp", "serials[0]: host is missing: backend tcp needs an address:port" },
    { "consoles.0.backend=unix", "consoles[0]: path is missing: backend unix needs it" },
    { "graphics.0.password=123456789", "graphics[vnc]: password has 9 characters, VNC uses at most 8" },
    { "graphics.0.port=5901", "graphics[vnc]: host and port are for listen \"address\"" },
    { "graphics.0.listen=address graphics.0.port=22", "graphics[vnc]: port is 22, VNC ports begin at 5900" },
    { "hostdevs.0.host=01:00.0", "hostdevs[01:00.0]: host \"01:00.0\" is not a pci device: give 0000:01:00.0" },
    { "hostdevs.0.kind=usb hostdevs.0.host=x", "hostdevs[x]: host \"x\" is not a usb device: give vendor:product (1d6b:0002) or bus.device (1.4)" },
    { "filesystems.0.tag=data", "filesystems[data].source is missing" },
    { "cloud_init.user=Root", "cloud_init.user \"Root\" is not a user name: give up to 32 lower-case letters, digits, _ or -" },
    { "cloud_init.user_data=x cloud_init.user=admin", "cloud_init: give user_data or the other cloud-init settings, not both" },
    { "cloud_init.password=x cloud_init.password_hash=$y$j9T$0123456789", "cloud_init: give password or password_hash, not both" },
    { "cloud_init.ssh_keys=none", "cloud_init.ssh_keys \"none\" is not an ssh public key: give the line from a .pub file" },
    { "cloud_init.password_hash=secret", "cloud_init.password_hash is not a password hash in crypt form such as $y$...; give password for a plain one" },
    { "tags=a/b", "tags \"a/b\" is not a name: give 1 to 128 letters, digits or -_.+, beginning with a letter or digit" },
    { "uuid=1", "uuid \"1\" is not a UUID" },
};

static void
test_rules(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
        g_autoptr(GError) error = NULL;
        SkDomainSpec *spec = make(rules[i].words);
        gboolean ok = sk_value_check(&sk_domain_spec_type, spec, NULL, &error);
        g_test_message("%s", rules[i].words);
        g_assert_cmpstr(ok ? NULL : error->message, ==, rules[i].message);
        sk_value_free(&sk_domain_spec_type, spec);
    }
}

static void
test_families(void)
{
    static const struct {
        const char *machine;
        SkMachineFamily family;
    } cases[] = {
        { "q35", SK_MACHINE_Q35 }, { "pc-q35-7.2", SK_MACHINE_Q35 }, { "pc", SK_MACHINE_PC }, { "pc-i440fx-2.12", SK_MACHINE_PC },
        { "microvm", SK_MACHINE_MICROVM }, { NULL, SK_MACHINE_Q35 }, { "virt", SK_MACHINE_OTHER },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        SkDomainSpec spec = { .machine = (char *) cases[i].machine };
        g_assert_cmpint(sk_domain_spec_machine_family(&spec), ==, cases[i].family);
    }
}

/* -- states --------------------------------------------------------------------------------------------------------------- */

static void
test_states(void)
{
    for (gint from = 0; from < SK_N_DOMAIN_STATES; from++) {
        /* QEMU can die in any state, and a state may always be told again, but for those nothing can hold. */
        g_assert_true(sk_domain_state_can_follow((SkDomainState) from, SK_DOMAIN_SHUT_OFF));
        g_assert_cmpint(sk_domain_state_is_active((SkDomainState) from), ==, from != SK_DOMAIN_SHUT_OFF);
        /* What is active can be switched off; what is off can be started, renamed and deleted, and nothing else. */
        gboolean active = sk_domain_state_is_active((SkDomainState) from);
        g_assert_cmpint(sk_domain_verb_check(SK_VERB_DESTROY, (SkDomainState) from, "x", NULL), ==, active);
        g_assert_cmpint(sk_domain_verb_check(SK_VERB_START, (SkDomainState) from, "x", NULL), ==, !active);
        g_assert_cmpint(sk_domain_verb_check(SK_VERB_DELETE, (SkDomainState) from, "x", NULL), ==, !active);
        g_assert_cmpint(sk_domain_verb_check(SK_VERB_RENAME, (SkDomainState) from, "x", NULL), ==, !active);
    }
    g_assert_false(sk_domain_state_can_follow(SK_DOMAIN_SHUT_OFF, SK_DOMAIN_CRASHED));
    g_assert_false(sk_domain_state_can_follow(SK_DOMAIN_SHUT_OFF, SK_DOMAIN_IN_SHUTDOWN));
    /* A verb that changes the state must lead to one that may follow. */
    g_assert_true(sk_domain_state_can_follow(SK_DOMAIN_SHUT_OFF, SK_DOMAIN_PAUSED));
    g_assert_true(sk_domain_state_can_follow(SK_DOMAIN_RUNNING, SK_DOMAIN_PAUSED));
    g_assert_true(sk_domain_state_can_follow(SK_DOMAIN_PAUSED, SK_DOMAIN_RUNNING));
    g_assert_true(sk_domain_state_can_follow(SK_DOMAIN_PMSUSPENDED, SK_DOMAIN_RUNNING));
    g_assert_true(sk_domain_state_can_follow(SK_DOMAIN_RUNNING, SK_DOMAIN_IN_SHUTDOWN));
}

static void
test_verb_sentences(void)
{
    g_autoptr(GError) start = NULL;
    g_autoptr(GError) attach = NULL;
    g_assert_false(sk_domain_verb_check(SK_VERB_START, SK_DOMAIN_RUNNING, "web1", &start));
    g_assert_error(start, SK_ERROR, SK_ERROR_STATE);
    g_assert_cmpstr(start->message, ==, "domain is already running: cannot start domain \"web1\" while it is running");
    g_assert_false(sk_domain_verb_check(SK_VERB_ATTACH, SK_DOMAIN_PMSUSPENDED, "web1", &attach));
    g_assert_cmpstr(attach->message, ==, "cannot change the devices of domain \"web1\" while it is pmsuspended");
    g_autoptr(GError) destroy = NULL;
    g_assert_false(sk_domain_verb_check(SK_VERB_DESTROY, SK_DOMAIN_SHUT_OFF, "web1", &destroy));
    g_assert_cmpstr(destroy->message, ==, "domain is not running: cannot destroy domain \"web1\" while it is shut off");
    /* Each verb is legal somewhere. */
    for (gint verb = 0; verb < SK_N_DOMAIN_VERBS; verb++) {
        guint legal = 0;
        for (gint state = 0; state < SK_N_DOMAIN_STATES; state++)
            legal += (guint) sk_domain_verb_check((SkDomainVerb) verb, (SkDomainState) state, "x", NULL);
        g_assert_cmpuint(legal, >, 0);
    }
}

/* What a running domain has besides its definition is no pending change; another order is. */
static void
test_diff_runtime(void)
{
    SkDomainSpec *defined = sk_value_new(&sk_domain_spec_type);
    set(&sk_domain_spec_type, defined, "interfaces.0.mac", "52:54:00:00:00:01");
    set(&sk_domain_spec_type, defined, "interfaces.1.mac", "52:54:00:00:00:02");
    set(&sk_domain_spec_type, defined, "graphics.0.kind", "vnc");
    SkDomainSpec *live = sk_value_copy(&sk_domain_spec_type, defined);
    set(&sk_domain_spec_type, live, "interfaces.0.tap", "sktap1");
    set(&sk_domain_spec_type, live, "graphics.0.socket", "/run/vnc");
    g_autoptr(GPtrArray) none = sk_value_diff(&sk_domain_spec_type, live, defined, NULL);
    g_assert_cmpuint(none->len, ==, 0);

    gpointer first = live->interfaces->pdata[0];
    live->interfaces->pdata[0] = live->interfaces->pdata[1];
    live->interfaces->pdata[1] = first;
    g_autoptr(GPtrArray) order = sk_value_diff(&sk_domain_spec_type, live, defined, NULL);
    g_assert_cmpuint(order->len, ==, 1);
    g_assert_cmpstr(order->pdata[0], ==, "interfaces");
    sk_value_free(&sk_domain_spec_type, defined);
    sk_value_free(&sk_domain_spec_type, live);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/complete", test_complete);
    g_test_add_func("/domain/complete-disks", test_complete_disks);
    g_test_add_func("/domain/find", test_find);
    g_test_add_func("/domain/genid", test_genid);
    g_test_add_func("/domain/rules", test_rules);
    g_test_add_func("/domain/diff-runtime", test_diff_runtime);
    g_test_add_func("/domain/families", test_families);
    g_test_add_func("/domain/states", test_states);
    g_test_add_func("/domain/verb-sentences", test_verb_sentences);
    return g_test_run();
}
