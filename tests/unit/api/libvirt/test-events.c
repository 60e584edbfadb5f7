/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: each of ours becomes the messages it should; registrations come and go. The server checks every message by its signature. */
#include <string.h>

#include "api/libvirt/event.h"
#include "base/fs.h"
#include "libvirt-server.h"
#include "service/domain-tell.h"
#include "service/domain.h"

static LvServer server;

/* Registers for an event of any object; gives the callback's id. */
static gint
subscribe(gint fd, guint procedure, gint event)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();
    sk_xdr_put_i32(payload, event);
    sk_xdr_put_u32(payload, 0);
    lv_call(fd, procedure, 9, payload);
    g_autoptr(LvMessage) reply = lv_receive(fd);
    g_assert_cmpuint(reply->header.status, ==, SK_LV_OK);
    SkXdrReader reader = { .at = reply->payload->data, .end = reply->payload->data + reply->payload->len };
    guint32 callback = 0;
    g_assert_true(sk_xdr_get_u32(&reader, &callback));
    return (gint) callback;
}

/* For everything there is. */
static gint
connect_listener(void)
{
    static const struct {
        guint procedure;
        gint events;
    } kinds[] = { { 316, SK_LV_N_DOMAIN_EVENTS }, { 313, 1 }, { 368, 2 }, { 374, 2 }, { 380, 2 } };
    gint fd = lv_connect(&server, SK_ROLE_VIEWER);
    lv_open(fd);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (gint event = 0; event < kinds[i].events; event++)
            subscribe(fd, kinds[i].procedure, event);
    }
    return fd;
}

static const struct {
    const char *type, *object, *data;
    guint messages[3];      /* 0: no more */
    const char *ending;     /* of the first message's payload, in hex; NULL: any */
} cases[] = {
    { "domain.created", "domain/web1", NULL, { 318 }, "ffffffff 00000000 00000000" },
    { "domain.changed", "domain/web1", NULL, { 318 }, "ffffffff 00000000 00000001" },
    { "domain.deleted", "domain/web1", NULL, { 318 }, "ffffffff 00000001 00000000" },
    { "domain.renamed", "domain/web1", "{\"old\":\"web0\"}", { 318, 318 }, "ffffffff 00000001 00000001" },
    { "domain.state", "domain/web1", "{\"from\":\"shut off\",\"state\":\"running\",\"reason\":\"booted\"}", { 318, 318 }, "00000004 00000000" },
    { "domain.state", "domain/web1", "{\"from\":\"shut off\",\"state\":\"paused\",\"reason\":\"user\"}", { 318, 318 }, "00000002 00000000" },
    { "domain.state", "domain/web1", "{\"from\":\"running\",\"state\":\"paused\",\"reason\":\"io-error\"}", { 318 }, "00000003 00000002" },
    { "domain.state", "domain/web1", "{\"from\":\"paused\",\"state\":\"running\",\"reason\":\"user\"}", { 318 }, "00000004 00000000" },
    { "domain.state", "domain/web1", "{\"from\":\"running\",\"state\":\"shut off\",\"reason\":\"destroyed\"}", { 318 }, "00000005 00000001" },
    { "domain.state", "domain/web1", "{\"from\":\"running\",\"state\":\"shut off\",\"reason\":\"saved\"}", { 318 }, "00000005 00000004" },
    { "domain.state", "domain/web1", "{\"from\":\"running\",\"state\":\"pmsuspended\",\"reason\":\"unknown\"}", { 318, 330 }, "00000007 00000000" },
    { "domain.state", "domain/web1", "{\"from\":\"pmsuspended\",\"state\":\"running\",\"reason\":\"user\"}", { 318, 329 }, "00000002 00000004" },
    { "domain.state", "domain/web1", "{\"from\":\"running\",\"state\":\"in shutdown\",\"reason\":\"user\"}", { 0 }, NULL },
    { "domain.state", "domain/web1", "{\"state\":\"nonsense\"}", { 0 }, NULL },
    { "domain.shutdown", "domain/web1", "{\"guest\":true}", { 318 }, "00000006 00000001" },
    { "domain.shutdown", "domain/web1", "{\"guest\":false}", { 318 }, "00000006 00000002" },
    { "domain.panicked", "domain/web1", "{}", { 318 }, "00000008 00000000" },
    { "domain.reset", "domain/web1", "{}", { 319 }, "ffffffff" },
    { "domain.rtc-change", "domain/web1", "{\"offset\":-7}", { 320 }, "ffffffff ffffffff fffffff9" },
    { "domain.watchdog", "domain/web1", "{\"action\":\"poweroff\"}", { 321 }, "00000003" },
    { "domain.io-error", "domain/web1", "{\"device\":\"virtio-disk0\",\"action\":\"stop\",\"nospace\":true}", { 322, 324 }, "00000001" },
    { "domain.graphics", "domain/web1", "{\"phase\":\"disconnect\",\"server\":{\"family\":\"unix\",\"auth\":\"none\"},\"client\":{\"family\":\"ipv4\",\"host\":\"192.0.2.1\",\"service\":\"9\"}}", { 323 }, "00000000" },
    { "domain.block-job", "domain/web1", "{\"target\":\"vda\",\"path\":\"/a\",\"type\":\"copy\",\"status\":\"ready\"}", { 326, 339 }, "00000002 00000003" },
    { "domain.disk-change", "domain/web1", "{\"old\":\"/a\",\"device\":\"ide0-0-0\",\"reason\":\"drop\"}", { 327 }, "00000001" },
    { "domain.tray", "domain/web1", "{\"id\":\"sata0-0-0\",\"tray-open\":true}", { 328 }, "00000000" },
    { "domain.balloon", "domain/web1", "{\"actual\":1048576}", { 331 }, "00000000 00000400" },
    { "domain.device-deleted", "domain/web1", "{\"device\":\"net0\"}", { 333 }, "00000004 6e657430" },
    { "domain.device-deleted", "domain/web1", "{\"path\":\"/machine/peripheral/x\"}", { 0 }, NULL },
    { "domain.tunable", "domain/web1", "{\"cputune.cpu_shares\":100,\"a\":\"b\",\"c\":null}", { 346 }, NULL },
    { "domain.agent-up", "domain/web1", NULL, { 348 }, "00000001 00000002" },
    { "domain.agent-down", "domain/web1", NULL, { 348 }, "00000002 00000002" },
    { "domain.device-added", "domain/web1", "{\"device\":\"net1\"}", { 354 }, "00000004 6e657431" },
    { "domain.migration-pass", "domain/web1", "{\"pass\":3}", { 359 }, "00000003" },
    { "job.ended", "job/1", "{\"operation\":\"domain.save\",\"object\":\"domain/web1\",\"state\":\"done\",\"started\":1,\"ended\":5001}", { 363 }, "00000001" },
    { "job.ended", "job/1", "{\"operation\":\"domain.save\",\"object\":\"domain/web1\",\"state\":\"failed\",\"message\":\"no\"}", { 363 }, NULL },
    { "job.ended", "job/1", "{\"operation\":\"domain.start\",\"object\":\"domain/web1\",\"state\":\"done\"}", { 0 }, NULL },
    { "job.ended", "job/1", "{\"operation\":\"domain.save\",\"object\":\"domain/gone\",\"state\":\"done\"}", { 0 }, NULL },
    { "domain.device-refused", "domain/web1", "{\"device\":\"net0\"}", { 367 }, "00000004 6e657430" },
    { "domain.metadata", "domain/web1", "{\"kind\":\"title\"}", { 379 }, "00000001 00000000" },
    { "domain.block-threshold", "domain/web1", "{\"node-name\":\"x\",\"write-threshold\":5,\"amount-exceeded\":6}", { 385 }, "00000000 00000005 00000000 00000006" },
    { "domain.memory-failure", "domain/web1", "{\"recipient\":\"guest\",\"action\":\"inject\",\"flags\":{\"recursive\":true}}", { 423 }, "00000001 00000001 00000002" },
    { "domain.memory-device", "domain/web1", "{\"id\":\"dimm0\",\"size\":2048}", { 438 }, "00000000 00000002" },
    { "domain.addresses", "domain/web1", NULL, { 0 }, NULL },
    { "network.created", "network/n", NULL, { 315 }, "00000000 00000000" },
    { "network.started", "network/n", NULL, { 315 }, "00000002 00000000" },
    { "network.stopped", "network/n", NULL, { 315 }, "00000003 00000000" },
    { "network.deleted", "network/n", NULL, { 315 }, "00000001 00000000" },
    { "network.leases", "network/n", NULL, { 0 }, NULL },
    { "pool.created", "pool/p", NULL, { 370 }, "00000000 00000000" },
    { "pool.built", "pool/p", NULL, { 370 }, "00000004 00000000" },
    { "pool.refreshed", "pool/p", NULL, { 373 }, NULL },
    { "nodedev.created", "nodedev/pci_0", NULL, { 376 }, "00000000 00000000" },
    { "nodedev.changed", "nodedev/pci_0", NULL, { 377 }, "00000005 7063695f 30000000" },
    { "secret.created", "secret/s", "{\"usage_type\":1,\"usage\":\"/a\"}", { 382 }, "00000001 00000002 2f610000 00000000 00000000" },
    { "secret.value", "secret/s", "{\"usage_type\":1,\"usage\":\"/a\"}", { 383 }, "00000001 00000002 2f610000" },
    { "image.created", "image/i", NULL, { 0 }, NULL },
};

static char *
hex_of(const GByteArray *bytes)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < bytes->len; i++)
        g_string_append_printf(text, "%s%02x", i > 0 && i % 4 == 0 ? " " : "", bytes->data[i]);
    return g_string_free(text, FALSE);
}

static void
test_table(void)
{
    g_auto(SkFd) fd = connect_listener();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        sk_events_emit(server.service->events, cases[i].type, cases[i].object, LV_UUID, g_strdup(cases[i].data));
        for (guint j = 0; cases[i].messages[j] != 0; j++) {
            g_autoptr(LvMessage) message = lv_receive(fd);
            g_assert_nonnull(message);
            g_autofree char *hex = hex_of(message->payload);
            g_test_message("%s: %u %s", cases[i].type, message->header.procedure, hex);
            g_assert_cmpuint(message->header.procedure, ==, cases[i].messages[j]);
            g_assert_cmpuint(message->header.type, ==, SK_LV_EVENT);
            if (j == 0 && cases[i].ending != NULL)
                g_assert_true(g_str_has_suffix(hex, cases[i].ending));
        }
        g_assert_null(lv_receive(fd));
    }
}

/* A registration for one object hears of no other; one that was given back, of nothing. */
static void
test_filter(void)
{
    g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_VIEWER);
    g_autoptr(GByteArray) payload = g_byte_array_new(), callback = g_byte_array_new();
    lv_open(fd);
    sk_xdr_put_i32(payload, 0);
    sk_xdr_put_u32(payload, 1);
    sk_xdr_put_str(payload, "web1");
    sk_xdr_put_uuid(payload, LV_UUID);
    sk_xdr_put_i32(payload, -1);
    lv_call(fd, 316, 9, payload);
    g_autoptr(LvMessage) reply = lv_receive(fd);
    g_assert_cmpuint(reply->header.status, ==, SK_LV_OK);
    sk_events_emit(server.service->events, "domain.created", "domain/x", "00000000-0000-4000-8000-000000000000", NULL);
    g_assert_null(lv_receive(fd));
    sk_events_emit(server.service->events, "domain.created", "domain/web1", LV_UUID, NULL);
    g_autoptr(LvMessage) event = lv_receive(fd);
    g_assert_cmpuint(event->header.procedure, ==, 318);
    g_byte_array_append(callback, reply->payload->data, 4);
    g_assert_cmpmem(event->payload->data, 4, callback->data, 4);
    lv_call(fd, 317, 10, callback);
    g_autoptr(LvMessage) gone = lv_receive(fd);
    g_assert_cmpuint(gone->header.status, ==, SK_LV_OK);
    sk_events_emit(server.service->events, "domain.created", "domain/web1", LV_UUID, NULL);
    g_assert_null(lv_receive(fd));
    lv_call(fd, 317, 11, callback);
    g_autoptr(LvMessage) again = lv_receive(fd);
    g_assert_cmpuint(again->header.status, ==, SK_LV_ERROR_STATUS);
}

/* QEMU's own, by name, by pattern, by object. */
static void
test_qemu(void)
{
    static const struct {
        const char *event;
        guint flags;
        gboolean matches;
    } patterns[] = { { "STOP", 0, TRUE }, { "STO", 0, FALSE }, { "stop", 0, FALSE }, { "stop", 2, TRUE }, { "^ST|RES", 1, TRUE }, { "S.OP", 0, FALSE } };
    SkDomain *domain = g_hash_table_lookup(server.service->domains_by_uuid, LV_UUID);
    g_autoptr(json_t) data = json_object();
    const SkQmpEvent event = { .name = "STOP", .data = data, .time = 5000001 };
    for (guint i = 0; i < G_N_ELEMENTS(patterns); i++) {
        g_auto(SkFd) fd = lv_connect(&server, SK_ROLE_ADMIN);
        const SkLvHeader header = { .program = SK_LV_PROGRAM_QEMU, .version = 1, .procedure = 4, .serial = 9 };
        g_autoptr(GByteArray) payload = g_byte_array_new();
        lv_open(fd);
        sk_xdr_put_u32(payload, 0);
        sk_xdr_put_optional_str(payload, patterns[i].event);
        sk_xdr_put_u32(payload, patterns[i].flags);
        lv_send_message(fd, &header, payload->data, payload->len);
        g_autoptr(LvMessage) reply = lv_receive(fd);
        g_assert_cmpuint(reply->header.status, ==, SK_LV_OK);
        sk_domain_tell_qmp(domain, &event);
        g_autoptr(LvMessage) message = lv_receive(fd);
        g_assert_cmpint(message != NULL, ==, patterns[i].matches);
        if (message != NULL)
            g_assert_cmpuint(message->header.program, ==, SK_LV_PROGRAM_QEMU);
    }
}

/* Nobody listens: nothing is made, and nothing is subscribed to. */
static void
test_nobody(void)
{
    lv_settle();
    g_assert_cmpuint(server.libvirt->connections.length, ==, 0);
    for (guint id = 0; id < SK_LV_N_DOMAIN_EVENTS; id++)
        g_assert_false(sk_lv_event_wanted(server.libvirt, SK_LV_EVENT_DOMAIN, id));
    sk_events_emit(server.service->events, "domain.created", "domain/web1", LV_UUID, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    lv_server_start(&server);
    g_test_add_func("/events/table", test_table);
    g_test_add_func("/events/filter", test_filter);
    g_test_add_func("/events/qemu", test_qemu);
    g_test_add_func("/events/nobody", test_nobody);
    gint result = g_test_run();
    lv_server_stop(&server);
    return result;
}
