/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a QEMU of few abilities is not asked for. */
#include <string.h>

#include "base/error.h"
#include "codec/json/json.h"
#include "engine/caps.h"
#include "engine/launch.h"

#define BARE "\"name\":\"d\",\"balloon\":{\"model\":\"none\"},\"videos\":[{\"model\":\"none\"}],\"inputs\":[{\"kind\":\"mouse\",\"bus\":\"ps2\"}]"

static SkQemuCaps *
small_qemu(void)
{
    static const char text[] =
        "{\"binary\":\"/opt/small\",\"major\":7,\"minor\":2,\"micro\":1,\"arch\":\"x86_64\",\"options\":[],"
        "\"machines\":[{\"name\":\"pc-q35-7.2\",\"alias\":\"q35\",\"cpu-max\":4}],"
        "\"types\":[\"isa-serial\",\"memory-backend-ram\",\"pcie-root-port\",\"rng-random\",\"tcg-accel\",\"virtio-rng-pci\",\"virtio-serial-pci\",\"virtserialport\"]}";
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) object = sk_json_parse(text, strlen(text), "caps", &error);
    g_assert_no_error(error);
    SkQemuCaps *caps = sk_qemu_caps_from_json(object, &error);
    g_assert_no_error(error);
    return caps;
}

/* The message, or NULL if it can be started. */
static char *
try(const char *text, SkAccel accel)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkQemuCaps) caps = small_qemu();
    SkDomainSpec *spec = sk_json_decode_text(&sk_domain_spec_type, text, strlen(text), "test", &error);
    g_assert_no_error(error);
    sk_domain_spec_complete(spec);
    sk_engine_assign(spec, &error);
    g_assert_no_error(error);
    g_autoptr(SkLaunch) launch = sk_launch_new(spec, accel);
    launch->caps = caps;
    g_autoptr(SkCmdline) cmdline = sk_cmdline_build(launch, &error);
    sk_value_free(&sk_domain_spec_type, spec);
    if (cmdline != NULL)
        return NULL;
    g_assert_true(sk_error_is(error, SK_ERROR_UNSUPPORTED));
    return g_strdup(error->message);
}

static void
test_enough(void)
{
    g_autofree char *message = try("{" BARE "}", SK_ACCEL_TCG);
    g_assert_null(message);
}

static void
test_device(void)
{
    g_autofree char *message = try("{" BARE ",\"watchdog\":{}}", SK_ACCEL_TCG);
    g_assert_cmpstr(message, ==, "QEMU 7.2.1 (\"/opt/small\") has no \"i6300esb\", which device \"watchdog0\" needs: choose another model, or "
                                 "install the package that brings it");
}

static void
test_object(void)
{
    g_autofree char *message = try("{" BARE ",\"memory\":{\"shared\":true}}", SK_ACCEL_TCG);
    g_assert_nonnull(strstr(message, "\"memory-backend-memfd\""));
}

static void
test_machine(void)
{
    g_autofree char *message = try("{" BARE ",\"machine\":\"pc-q35-9.2\"}", SK_ACCEL_TCG);
    g_assert_cmpstr(message, ==, "machine \"pc-q35-9.2\" of domain \"d\" is not known to QEMU 7.2.1 (\"/opt/small\"): give q35 or pc");
}

static void
test_accel(void)
{
    g_autofree char *message = try("{" BARE "}", SK_ACCEL_KVM);
    g_assert_cmpstr(message, ==, "QEMU 7.2.1 (\"/opt/small\") was built without KVM");
}

static void
test_vcpus(void)
{
    g_autofree char *message = try("{" BARE ",\"vcpus\":{\"current\":5}}", SK_ACCEL_TCG);
    g_assert_cmpstr(message, ==, "domain \"d\" has up to 5 vCPUs, machine \"q35\" takes 4");
}

gint
main(gint argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/limits/enough", test_enough);
    g_test_add_func("/limits/device", test_device);
    g_test_add_func("/limits/object", test_object);
    g_test_add_func("/limits/machine", test_machine);
    g_test_add_func("/limits/accel", test_accel);
    g_test_add_func("/limits/vcpus", test_vcpus);
    return g_test_run();
}
