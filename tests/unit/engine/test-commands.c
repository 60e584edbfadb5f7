/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed commands against a scripted QEMU: the ways that real ones seldom go. */
#include <string.h>

#include "base/error.h"
#include "engine/qmp/commands.h"
#include "qmp-peer.h"
#include "worker.h"

#define OK(expected) { PEER_EXPECT, expected }, { PEER_REPLY, "{\"return\": {}, \"id\": @}" }
#define FAIL(expected, desc) { PEER_EXPECT, expected },                                                       \
    { PEER_REPLY, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"" desc "\"}, \"id\": @}" }
#define RESULT(expected, result) { PEER_EXPECT, expected }, { PEER_REPLY, "{\"return\": " result ", \"id\": @}" }

static void
converse(const PeerStep *steps, guint n_steps, GFunc work)
{
    gint fd;
    Peer *peer = peer_start(steps, n_steps, &fd);
    SkQmp *qmp = sk_qmp_new_for_fd(fd, "web1");
    on_worker(work, qmp);
    sk_qmp_close(qmp);
    peer_finish(peer);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_assert_finalize_object(qmp);
}

#define CONVERSE(script, work) converse(script, G_N_ELEMENTS(script), work)

static void
add_step(GPtrArray *steps, const char *execute, const char *id, const char *undo)
{
    SkQmpStep *step = g_new0(SkQmpStep, 1);
    *step = (SkQmpStep) { execute, json_pack("{s:s}", "id", id), SK_FD_NONE, undo,
                          undo != NULL ? json_pack("{s:s}", "id", id) : NULL };
    g_ptr_array_add(steps, step);
}

static GPtrArray *
new_steps(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_step_free);
}

static SkPlug *
new_plug(void)
{
    SkPlug *plug = g_new0(SkPlug, 1);
    plug->device = g_strdup("disk1");
    plug->steps = new_steps();
    add_step(plug->steps, "add-fd", "set1", "remove-fd");
    add_step(plug->steps, "blockdev-add", "node1", "blockdev-del");
    add_step(plug->steps, "device_add", "disk1", "device_del");
    return plug;
}

/* -- steps ---------------------------------------------------------------------------------------------------------- */

static void
work_attach(gpointer qmp, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkPlug) plug = new_plug();
    g_assert_true(sk_qmp_attach(qmp, plug, &error));
    g_assert_no_error(error);
    g_assert_false(sk_qmp_attach(qmp, plug, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
    g_assert_nonnull(strstr(error->message, "bus is full"));
}

/* Each step that fails takes those before it back, last first. */
static void
test_attach(void)
{
    static const PeerStep script[] = {
        PEER_GREETING,
        OK("add-fd"), OK("blockdev-add"), OK("device_add"),
        OK("add-fd"), OK("blockdev-add"), FAIL("device_add", "bus is full"), OK("blockdev-del"), OK("remove-fd"),
    };
    CONVERSE(script, work_attach);
}

static void
work_detach(gpointer qmp, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkPlug) plug = new_plug();
    g_assert_false(sk_qmp_detach(qmp, plug, 0, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_IN_USE);
    g_clear_error(&error);
    g_assert_false(sk_qmp_detach(qmp, plug, 1, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
    g_clear_error(&error);
    g_assert_true(sk_qmp_detach(qmp, plug, 0, &error));
    g_assert_no_error(error);
    g_assert_true(sk_qmp_detach(qmp, plug, 0, &error));
    g_assert_no_error(error);
}

/* The guest refuses; does not answer; lets go of what was asked before; and it is gone already. */
static void
test_detach(void)
{
    static const PeerStep script[] = {
        PEER_GREETING,
        OK("device_del"), { PEER_SEND, "{\"event\": \"DEVICE_UNPLUG_GUEST_ERROR\", \"data\": {\"device\": \"disk1\"}}\n" },
        OK("device_del"),
        FAIL("device_del", "Device disk1 is already in the process of unplug"),
        { PEER_SEND, "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"disk1\"}}\n" },
        OK("blockdev-del"), OK("remove-fd"),
        FAIL("device_del", "Device 'disk1' not found"), FAIL("blockdev-del", "node 'node1' not found"), OK("remove-fd"),
    };
    CONVERSE(script, work_detach);
}

static GPtrArray *
media_steps(void)
{
    GPtrArray *steps = new_steps();
    add_step(steps, "blockdev-add", "iso", "blockdev-del");
    add_step(steps, "blockdev-open-tray", "cd0", NULL);
    add_step(steps, "blockdev-remove-medium", "cd0", NULL);
    add_step(steps, "blockdev-close-tray", "cd0", NULL);
    return steps;
}

static void
work_tray(gpointer qmp, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) steps = media_steps();
    g_assert_true(sk_qmp_run_steps(qmp, steps, 0, &error));
    g_assert_no_error(error);
    g_assert_false(sk_qmp_run_steps(qmp, steps, 1, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, "keeps the tray of drive \"cd0\" locked"));
}

/* A tray that the guest has locked: opened after a while, then never. */
static void
test_tray(void)
{
    static const PeerStep script[] = {
        PEER_GREETING,
        OK("blockdev-add"), OK("blockdev-open-tray"), FAIL("blockdev-remove-medium", "Tray of device is not open"),
        { PEER_SEND, "{\"event\": \"DEVICE_TRAY_MOVED\", \"data\": {\"id\": \"cd0\", \"tray-open\": true}}\n" },
        OK("blockdev-remove-medium"), OK("blockdev-close-tray"),
        OK("blockdev-add"), OK("blockdev-open-tray"), FAIL("blockdev-remove-medium", "Tray of device is not open"),
        OK("blockdev-del"),
    };
    CONVERSE(script, work_tray);
}

static void
work_tray_pulled_in(gpointer qmp, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) steps = new_steps();
    add_step(steps, "blockdev-open-tray", "cd0", NULL);
    add_step(steps, "blockdev-insert-medium", "cd0", NULL);
    g_assert_true(sk_qmp_run_steps(qmp, steps, 0, &error));
    g_assert_no_error(error);
    g_assert_false(sk_qmp_run_steps(qmp, steps, 0, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
}

/* A tray that the guest pulls in before the new medium is there: opened again, but not for ever. */
static void
test_tray_pulled_in(void)
{
#define PULLED_IN OK("blockdev-open-tray"), FAIL("blockdev-insert-medium", "Tray of the device is not open")
    static const PeerStep script[] = {
        PEER_GREETING, PULLED_IN, PULLED_IN, OK("blockdev-open-tray"), OK("blockdev-insert-medium"),
        PULLED_IN, PULLED_IN, PULLED_IN, PULLED_IN, PULLED_IN, PULLED_IN,
    };
    CONVERSE(script, work_tray_pulled_in);
}

static void
work_fault(gpointer qmp, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SkPlug) plug = new_plug();
    g_assert_false(sk_qmp_attach(qmp, plug, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_INTERNAL);
}

/* Every step of a plug has a fault point of its own; what was done before it is taken back. */
static void
test_fault(void)
{
    static const PeerStep script[] = {
        PEER_GREETING, OK("add-fd"), OK("blockdev-add"), OK("blockdev-del"), OK("remove-fd"),
    };
    if (g_test_subprocess()) {
        CONVERSE(script, work_fault);
        return;
    }
    g_setenv("SKEP_FAULT", "engine/device_add", TRUE);
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_unsetenv("SKEP_FAULT");
    g_test_trap_assert_passed();
}

/* -- vCPUs ------------------------------------------------------------------------------------------------------------ */

#define CPU(n, path) "{\"type\": \"max-x86_64-cpu\", \"vcpus-count\": 1, \"props\": {\"socket-id\": " #n "}" path "}"
#define CPUS "[" CPU(2, ", \"qom-path\": \"/machine/peripheral/vcpu2\"") ", " CPU(1, "") ", "                    \
             CPU(0, ", \"qom-path\": \"/machine/unattached/device[0]\"") "]"

static void
work_vcpus(gpointer qmp, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    guint now = 0;
    g_assert_true(sk_qmp_set_vcpus(qmp, 3, 0, &now, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(now, ==, 3);
    g_assert_true(sk_qmp_set_vcpus(qmp, 1, 0, &now, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(now, ==, 1);
    g_assert_false(sk_qmp_set_vcpus(qmp, 0, 0, &now, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_UNSUPPORTED);
    g_assert_cmpuint(now, ==, 1);
}

static void
test_vcpus(void)
{
    static const PeerStep script[] = {
        PEER_GREETING,
        RESULT("query-hotpluggable-cpus", CPUS),
        OK("{\"driver\":\"max-x86_64-cpu\",\"id\":\"vcpu1\",\"socket-id\":1}"),
        RESULT("query-hotpluggable-cpus", CPUS),
        OK("\"id\":\"vcpu2\""), { PEER_SEND, "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"vcpu2\"}}\n" },
        RESULT("query-hotpluggable-cpus", "[" CPU(0, ", \"qom-path\": \"/machine/unattached/device[0]\"") "]"),
    };
    CONVERSE(script, work_vcpus);
}

/* -- answers that are not as they should be ------------------------------------------------------------------------------ */

static void
work_odd(gpointer qmp, gpointer unused)
{
    SkQmpStatus status;
    SkVncInfo vnc;
    guint64 bytes;
    gint set;
    g_autoptr(GError) first = NULL;
    g_autoptr(GError) second = NULL;
    g_autoptr(GError) third = NULL;
    g_assert_false(sk_qmp_query_status(qmp, &status, &first));
    g_assert_error(first, SK_ERROR, SK_ERROR_QEMU);
    g_assert_false(sk_qmp_query_balloon(qmp, &bytes, &second));
    g_assert_error(second, SK_ERROR, SK_ERROR_QEMU);
    g_assert_false(sk_qmp_add_fd(qmp, 0, "x", &set, &third));
    g_assert_error(third, SK_ERROR, SK_ERROR_QEMU);
    g_assert_true(sk_qmp_query_vnc(qmp, &vnc, NULL));
    g_assert_false(vnc.enabled);
    sk_vnc_info_clear(&vnc);
    g_autoptr(GPtrArray) stats = sk_qmp_query_block_stats(qmp, NULL);
    g_assert_cmpuint(stats->len, ==, 1);
    g_assert_cmpuint(((SkBlockStats *) stats->pdata[0])->reads, ==, 0);
}

static void
test_odd(void)
{
    static const PeerStep script[] = {
        PEER_GREETING,
        RESULT("query-status", "[]"), RESULT("query-balloon", "{\"actual\": \"many\"}"), RESULT("add-fd", "7"),
        RESULT("query-vnc", "{\"enabled\": 1, \"host\": []}"),
        RESULT("query-blockstats", "[1, {\"qdev\": \"\"}, {\"qdev\": \"cd0\", \"stats\": {\"rd_operations\": -5}}]"),
    };
    CONVERSE(script, work_odd);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add_func("/commands/attach", test_attach);
    g_test_add_func("/commands/detach", test_detach);
    g_test_add_func("/commands/fault", test_fault);
    g_test_add_func("/commands/tray", test_tray);
    g_test_add_func("/commands/tray-pulled-in", test_tray_pulled_in);
    g_test_add_func("/commands/vcpus", test_vcpus);
    g_test_add_func("/commands/odd", test_odd);
    return g_test_run();
}
