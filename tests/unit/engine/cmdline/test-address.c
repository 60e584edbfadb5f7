/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses: text, the plan of the buses, what never changes, what is refused. */
#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"
#include "engine/cmdline/address.h"
#include "engine/launch.h"

typedef SkDomainSpec Spec;
static void
free_spec(Spec *self)
{
    sk_value_free(&sk_domain_spec_type, self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spec, free_spec)

static Spec *
read_spec(const char *text)
{
    g_autoptr(GError) error = NULL;
    Spec *spec = sk_json_decode_text(&sk_domain_spec_type, text, strlen(text), "test", &error);
    g_assert_no_error(error);
    sk_domain_spec_complete(spec);
    return spec;
}

static Spec *
assigned(const char *text)
{
    g_autoptr(GError) error = NULL;
    Spec *spec = read_spec(text);
    sk_engine_assign(spec, &error);
    g_assert_no_error(error);
    return spec;
}

static void
assert_refused(const char *text, SkError code, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Spec) spec = read_spec(text);
    g_assert_false(sk_engine_assign(spec, &error));
    g_assert_cmpstr(error->message, ==, message);
    g_assert_true(sk_error_is(error, code));
}

static void
test_text(void)
{
    static const char *const good[] = { "pci:0000:00:1f.7", "pci:0000:ff:00.0", "drive:255:1:255:16383", "usb:0:15", "virtio-serial:0:0:30" };
    static const char *const bad[] = { "", "pci", "pci:", "pci:0000:00:20.0", "pci:0000:00:00.8", "pci:0001:00:00.0", "pci:0:0:0.0 ", "pci:0000:00:00",
                                       "drive:0:0:0", "drive:0:0:0:-1", "drive:0:0:0:+1", "drive:0:0:0:99999999999999999999", "usb:0:16", "usb:1:1",
                                       "virtio-serial:0:0:31", "isa:1", "pcix:0000:00:00.0" };
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        SkAddress address;
        sk_address_parse(good[i], "it", &address, &error);
        g_assert_no_error(error);
        g_autofree char *text = sk_address_format(&address);
        g_assert_cmpstr(text, ==, good[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        SkAddress address = { .parts = { 77 } };
        g_assert_false(sk_address_parse(bad[i], "it", &address, &error));
        g_assert_true(sk_error_is(error, SK_ERROR_INVALID));
        g_assert_cmpuint(address.parts[0], ==, 77);
    }
}

#define TWO_DISKS "\"disks\":[{\"target\":\"vda\",\"volume\":\"a\"},{\"target\":\"vdb\",\"volume\":\"b\"}]"

static void
test_usual_places(void)
{
    g_autoptr(Spec) spec = assigned("{\"name\":\"d\"," TWO_DISKS ",\"interfaces\":[{\"network\":\"default\"}]}");
    const SkDisk *vdb = sk_domain_spec_find_disk(spec, "vdb");
    const SkInterface *nic = spec->interfaces->pdata[0];
    g_assert_cmpstr(vdb->alias, ==, "virtio-disk1");
    g_assert_cmpstr(vdb->address, ==, "pci:0000:02:00.0");
    g_assert_cmpstr(nic->alias, ==, "net0");
    g_assert_cmpstr(nic->address, ==, "pci:0000:03:00.0");
    g_assert_cmpstr(((const SkVideo *) spec->videos->pdata[0])->address, ==, "pci:0000:00:01.0");
    g_assert_cmpstr(((const SkInput *) spec->inputs->pdata[0])->address, ==, "usb:0:1");
    g_assert_cmpstr(((const SkChannel *) spec->channels->pdata[0])->address, ==, "virtio-serial:0:0:1");
    g_assert_cmpuint(sk_pci_port_count(spec), ==, 3 + SK_PCI_SPARE_PORTS);
}

static void
test_idempotent(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Spec) spec = assigned("{\"name\":\"d\"," TWO_DISKS ",\"interfaces\":[{\"network\":\"default\"}]}");
    g_autofree char *before = sk_json_encode(&sk_domain_spec_type, spec, 0);
    sk_engine_assign(spec, &error);
    g_assert_no_error(error);
    g_autofree char *after = sk_json_encode(&sk_domain_spec_type, spec, 0);
    g_assert_cmpstr(before, ==, after);
}

/* Taking a device away moves no other; a new one gets the hole. */
static void
test_stable(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Spec) spec = assigned("{\"name\":\"d\"," TWO_DISKS ",\"interfaces\":[{\"network\":\"default\"}]}");
    sk_value_free(&sk_disk_type, g_ptr_array_steal_index(spec->disks, 0));
    sk_engine_assign(spec, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(sk_domain_spec_find_disk(spec, "vdb")->address, ==, "pci:0000:02:00.0");
    SkDisk *disk = sk_value_new(&sk_disk_type);
    disk->target = g_strdup("vdc");
    g_ptr_array_insert(spec->disks, 0, disk);
    sk_engine_assign(spec, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(disk->address, ==, "pci:0000:01:00.0");
    g_assert_cmpstr(disk->alias, ==, "virtio-disk2");
    g_assert_cmpstr(((const SkInterface *) spec->interfaces->pdata[0])->address, ==, "pci:0000:03:00.0");
}

/* What is given is respected by what is placed. */
static void
test_given(void)
{
    g_autoptr(Spec) spec = assigned("{\"name\":\"d\",\"disks\":[{\"target\":\"vda\",\"volume\":\"a\"},"
                                    "{\"target\":\"vdb\",\"volume\":\"b\",\"address\":\"pci:0000:01:00.0\"},"
                                    "{\"target\":\"sda\",\"bus\":\"scsi\",\"volume\":\"c\",\"address\":\"drive:1:0:0:3\"},"
                                    "{\"target\":\"sdb\",\"bus\":\"sata\",\"volume\":\"d\"}]}");
    g_assert_cmpstr(sk_domain_spec_find_disk(spec, "vda")->address, ==, "pci:0000:03:00.0");
    g_assert_cmpstr(sk_domain_spec_find_disk(spec, "sda")->alias, ==, "scsi1-0-0-3");
    g_assert_cmpstr(sk_domain_spec_find_disk(spec, "sdb")->alias, ==, "sata0-0-0");
}

static void
test_pc(void)
{
    g_autoptr(Spec) spec = assigned("{\"name\":\"d\",\"machine\":\"pc\",\"disks\":[{\"target\":\"hda\",\"bus\":\"ide\",\"volume\":\"a\"},"
                                    "{\"target\":\"hdb\",\"bus\":\"ide\",\"volume\":\"b\"},{\"target\":\"hdc\",\"bus\":\"ide\",\"volume\":\"c\"},"
                                    "{\"device\":\"floppy\",\"bus\":\"fdc\",\"source\":\"none\"}]}");
    g_assert_cmpstr(sk_domain_spec_find_disk(spec, "hdc")->alias, ==, "ide0-1-0");
    g_assert_cmpstr(sk_domain_spec_find_disk(spec, "fda")->alias, ==, "fdc0-0-0");
    g_assert_cmpstr(((const SkVideo *) spec->videos->pdata[0])->address, ==, "pci:0000:00:02.0");
    g_assert_cmpuint(sk_pci_port_count(spec), >=, 0);
}

static void
test_microvm(void)
{
    g_autoptr(Spec) spec = assigned("{\"name\":\"d\",\"machine\":\"microvm\",\"boot\":{\"kernel\":\"/k\"},\"disks\":[{\"volume\":\"a\"}]}");
    const SkDisk *disk = spec->disks->pdata[0];
    g_assert_cmpstr(disk->alias, ==, "virtio-disk0");
    g_assert_null(disk->address);
}

/* Definitions from libvirt bring their ports along, at places of their own. */
static void
test_imported_ports(void)
{
    g_autoptr(Spec) spec = assigned("{\"name\":\"d\",\"controllers\":[{\"kind\":\"pci\",\"index\":1,\"model\":\"pcie-root-port\",\"address\":\"pci:0000:00:02.0\"},"
                                    "{\"kind\":\"pci\",\"index\":2,\"model\":\"pcie-root-port\",\"address\":\"pci:0000:00:02.1\"}],"
                                    "\"disks\":[{\"volume\":\"a\",\"address\":\"pci:0000:02:00.0\"}]}");
    SkAddress first = sk_pci_port_place(spec, 1), third = sk_pci_port_place(spec, 3);
    g_autofree char *first_text = sk_address_format(&first), *third_text = sk_address_format(&third);
    g_assert_cmpstr(first_text, ==, "pci:0000:00:02.0");
    g_assert_cmpstr(third_text, ==, "pci:0000:00:10.2");
}

#define DISK(more) "{\"name\":\"d\",\"disks\":[{\"target\":\"vda\",\"volume\":\"a\"," more "}]}"

static void
test_refused(void)
{
    assert_refused("{\"name\":\"d\",\"disks\":[{\"volume\":\"a\",\"address\":\"pci:0000:01:00.0\"},{\"volume\":\"b\",\"address\":\"pci:0000:01:00.0\"}]}",
                   SK_ERROR_INVALID,
                   "disk \"vda\" and disk \"vdb\" have the same address \"pci:0000:01:00.0\": give one of them another");
    assert_refused(DISK("\"address\":\"pci:0000:00:1f.0\""), SK_ERROR_INVALID,
                   "disk \"vda\": address \"pci:0000:00:1f.0\" belongs to the chipset");
    assert_refused(DISK("\"address\":\"pci:0000:00:02.0\""), SK_ERROR_INVALID,
                   "disk \"vda\" and PCIe root port 1 have the same address \"pci:0000:00:02.0\": give one of them another");
    assert_refused(DISK("\"address\":\"pci:0000:01:01.0\""), SK_ERROR_INVALID,
                   "disk \"vda\": address \"pci:0000:01:01.0\" is not on a port: a PCIe port has only slot 00");
    assert_refused(DISK("\"address\":\"usb:0:1\""), SK_ERROR_INVALID,
                   "disk \"vda\": address \"usb:0:1\" is of the wrong kind, it needs pci:...");
    assert_refused(DISK("\"bus\":\"ide\""), SK_ERROR_UNSUPPORTED,
                   "disk \"vda\": machine \"q35\" has no IDE controller: give bus sata or machine pc");
    assert_refused("{\"name\":\"d\",\"machine\":\"pc\",\"disks\":[{\"volume\":\"a\",\"address\":\"pci:0000:01:00.0\"}]}", SK_ERROR_INVALID,
                   "disk \"vda\": address \"pci:0000:01:00.0\" is on PCI bus 1, but the machine has only bus 0");
}

/* A full bus is a sentence, not a wrong place. */
static void
test_full(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Spec) spec = read_spec("{\"name\":\"d\",\"machine\":\"pc\"}");
    spec->disks = sk_value_list_new(&sk_disk_type);
    for (guint i = 0; i < 40; i++) {
        SkDisk *disk = sk_value_new(&sk_disk_type);
        g_ptr_array_add(spec->disks, disk);
    }
    sk_domain_spec_complete(spec);
    g_assert_false(sk_engine_assign(spec, &error));
    g_assert_nonnull(strstr(error->message, "no PCI slot is free; more disks fit on the scsi bus"));
}

static void
test_quote(void)
{
    static const char *const cases[][2] = { { "", "" }, { "a", "a" }, { ",", ",," }, { "a,b,,c", "a,,b,,,,c" }, { "x=1,y", "x=1,,y" } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *quoted = sk_qemu_quote(cases[i][0]);
        g_assert_cmpstr(quoted, ==, cases[i][1]);
    }
}

gint
main(gint argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/address/text", test_text);
    g_test_add_func("/address/usual-places", test_usual_places);
    g_test_add_func("/address/idempotent", test_idempotent);
    g_test_add_func("/address/stable", test_stable);
    g_test_add_func("/address/given", test_given);
    g_test_add_func("/address/pc", test_pc);
    g_test_add_func("/address/microvm", test_microvm);
    g_test_add_func("/address/imported-ports", test_imported_ports);
    g_test_add_func("/address/refused", test_refused);
    g_test_add_func("/address/full", test_full);
    g_test_add_func("/address/quote", test_quote);
    return g_test_run();
}
