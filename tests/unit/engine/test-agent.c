/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest agent's client against scripted guests, friendly and hostile. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/agent/guest-info.h"
#include "engine/agent/session.h"
#include "qmp-peer.h"
#include "worker.h"

#define SYNC { PEER_EXPECT, "{\"execute\":\"guest-sync-delimited\"" }, { PEER_REPLY, "\xff{\"return\": @}" }

static char *dir, *path;

static void
converse(const PeerStep *steps, guint n_steps, GFunc work)
{
    Peer *peer = peer_listen(path, steps, n_steps);
    SkAgent *agent = sk_agent_new(path, "web1");
    on_worker(work, agent);
    sk_agent_unref(agent);
    peer_finish(peer);
    g_unlink(path);
}

#define CONVERSE(script, work) converse(script, G_N_ELEMENTS(script), work)

/* -- friendly guests --------------------------------------------------------------------------------------------- */

static void
ping(gpointer agent, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(sk_agent_ping(agent, 0, &error));
    g_assert_no_error(error);
    g_assert_true(sk_agent_ping(agent, 0, &error));
    g_assert_no_error(error);
}

/* Answers to earlier conversations stand before the one that is waited for. */
static void
test_ping(void)
{
    static const PeerStep script[] = {
        SYNC, { PEER_EXPECT, "guest-ping" }, { PEER_SEND, "{\"return\": {}}\n" }, { PEER_NEXT },
        { PEER_SEND, "{\"return\": {}}\n{\"return\": 77}\n\xff{\"return\": 78}\n{\"re" },
        { PEER_EXPECT, "guest-sync-delimited" }, { PEER_REPLY, "\xff{\"return\": @}" },
        { PEER_EXPECT, "guest-ping" }, { PEER_SEND, "{\"return\"" }, { PEER_SEND, ": {}}\n" },
    };
    CONVERSE(script, ping);
}

static void
exec(gpointer agent, gpointer unused)
{
    const char *const argv[] = { "/bin/uname", "-a", NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) input = g_bytes_new_static("in", 2);
    SkAgentExec done;
    g_assert_true(sk_agent_exec(agent, argv, input, 0, NULL, &done, &error));
    g_assert_no_error(error);
    g_assert_cmpint(done.exit_code, ==, 3);
    g_assert_cmpmem(g_bytes_get_data(done.out, NULL), g_bytes_get_size(done.out), "hello\n", 6);
    g_assert_cmpuint(g_bytes_get_size(done.err), ==, 0);
    g_assert_false(done.out_truncated);
    g_assert_true(done.err_truncated);
    sk_agent_exec_clear(&done);
}

static void
test_exec(void)
{
    static const PeerStep script[] = {
        SYNC,
        { PEER_EXPECT, "{\"path\":\"/bin/uname\",\"arg\":[\"-a\"],\"capture-output\":true,\"input-data\":\"aW4=\"}" },
        { PEER_SEND, "{\"return\": {\"pid\": 4711}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "\"pid\":4711" }, { PEER_SEND, "{\"return\": {\"exited\": false}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "\"pid\":4711" },
        { PEER_SEND, "{\"return\": {\"exited\": true, \"exitcode\": 3, \"out-data\": \"aGVsbG8K\", \"err-truncated\": true}}\n" },
    };
    CONVERSE(script, exec);
}

static void
exec_forever(gpointer agent, gpointer unused)
{
    const char *const argv[] = { "sleep", NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    SkAgentExec done;
    g_assert_false(sk_agent_exec(agent, argv, NULL, 1, NULL, &done, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
    g_clear_error(&error);
    g_cancellable_cancel(cancellable);
    g_assert_false(sk_agent_exec(agent, argv, NULL, -1, cancellable, &done, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_CANCELLED);
}

static void
test_exec_ends_early(void)
{
    static const PeerStep script[] = {
        SYNC, { PEER_EXPECT, "guest-exec" }, { PEER_SEND, "{\"return\": {\"pid\": 1}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "guest-exec-status" }, { PEER_SEND, "{\"return\": {\"exited\": false}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "guest-exec" }, { PEER_SEND, "{\"return\": {\"pid\": 2}}\n" },
    };
    CONVERSE(script, exec_forever);
}

static void
addresses(gpointer agent, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *found = sk_agent_addresses(agent, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(found->len, ==, 2);
    const SkDomainAddress *first = found->pdata[0], *second = found->pdata[1];
    g_assert_cmpstr(first->mac, ==, "52:54:00:12:34:56");
    g_assert_cmpstr(first->address, ==, "192.168.100.7");
    g_assert_cmpstr(first->source, ==, "agent");
    g_assert_cmpstr(second->address, ==, "fd00::7");
    sk_agent_addresses_free(found);
}

static void
test_addresses(void)
{
    static const PeerStep script[] = {
        SYNC, { PEER_EXPECT, "guest-network-get-interfaces" },
        { PEER_SEND, "{\"return\": [{\"name\": \"lo\", \"hardware-address\": \"00:00:00:00:00:00\", \"ip-addresses\": "
                     "[{\"ip-address\": \"127.0.0.1\"}, {\"ip-address\": \"::1\"}]}, {\"name\": \"eth0\", \"hardware-address\": "
                     "\"52:54:00:12:34:56\", \"ip-addresses\": [{\"ip-address\": \"192.168.100.7\", \"prefix\": 24}, "
                     "{\"ip-address\": \"fe80::1\"}, {\"ip-address\": \"FD00:0::7\"}, {\"ip-address\": \"<script>\"}, "
                     "{\"ip-address\": 7}, 8, {}]}, {\"name\": \"x\", \"hardware-address\": \"x\"}, 7]}\n" },
    };
    CONVERSE(script, addresses);
}

static void
many_words(gpointer agent, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    guint count = 0;
    gboolean frozen = FALSE;
    SkAgentOs os;
    g_assert_true(sk_agent_set_time(agent, 1700000000000000000, &error));
    g_assert_true(sk_agent_set_password(agent, "root", "geheim", FALSE, &error));
    g_assert_true(sk_agent_freeze(agent, &count, &error));
    g_assert_cmpuint(count, ==, 2);
    g_assert_true(sk_agent_is_frozen(agent, &frozen, &error));
    g_assert_true(frozen);
    g_assert_true(sk_agent_thaw(agent, &count, &error));
    g_assert_true(sk_agent_os(agent, &os, &error));
    g_assert_cmpstr(os.id, ==, "debian");
    g_assert_cmpstr(os.name, ==, "Debian  12");
    g_assert_null(os.kernel);
    sk_agent_os_clear(&os);
    g_autofree char *name = sk_agent_host_name(agent, &error);
    g_assert_cmpstr(name, ==, "web1");
    g_assert_true(sk_agent_shutdown(agent, TRUE, &error));
    g_assert_no_error(error);
}

static void
test_many(void)
{
    static const PeerStep script[] = {
        SYNC, { PEER_EXPECT, "{\"time\":1700000000000000000}" }, { PEER_SEND, "{\"return\": {}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "\"password\":\"Z2VoZWlt\"" }, { PEER_SEND, "{\"return\": {}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "guest-fsfreeze-freeze" }, { PEER_SEND, "{\"return\": 2}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "guest-fsfreeze-status" }, { PEER_SEND, "{\"return\": \"frozen\"}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "guest-fsfreeze-thaw" }, { PEER_SEND, "{\"return\": 2}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "guest-get-osinfo" },
        { PEER_SEND, "{\"return\": {\"id\": \"debian\", \"pretty-name\": \"Debian\\u001b\\n12\", \"kernel-release\": 6}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "guest-get-host-name" }, { PEER_SEND, "{\"return\": {\"host-name\": \"web1\"}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "\"mode\":\"reboot\"" }, { PEER_EOF },
    };
    CONVERSE(script, many_words);
}

/* Disks are known by their serial number, else by their place. */
static void
info(gpointer agent, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    SkDomainSpec spec = { .disks = sk_value_list_new(&sk_disk_type) };
    SkGuestInfo got = { 0 };
    static const char *const targets[] = { "vda", "sda" }, *const addresses[] = { "pci:0000:01:00.0", "drive:0:0:0:1" };
    for (guint i = 0; i < G_N_ELEMENTS(targets); i++) {
        SkDisk *disk = sk_value_new(&sk_disk_type);
        disk->target = g_strdup(targets[i]);
        disk->address = g_strdup(addresses[i]);
        g_ptr_array_add(spec.disks, disk);
    }
    g_assert_true(sk_agent_info(agent, 1u << SK_GUEST_FILESYSTEMS | 1u << SK_GUEST_OS, &got, &error));
    g_assert_no_error(error);
    sk_agent_info_match(&got, &spec);
    g_assert_cmpuint(got.filesystems->len, ==, 1);
    const SkGuestFilesystem *fs = got.filesystems->pdata[0];
    g_assert_cmpstr(fs->mountpoint, ==, "/");
    g_assert_cmpuint(fs->total, ==, 0);
    g_assert_cmpuint(fs->disks->len, ==, 3);
    const SkGuestFsDisk *first = fs->disks->pdata[0], *second = fs->disks->pdata[1], *third = fs->disks->pdata[2];
    g_assert_cmpstr(first->target, ==, "vda");
    g_assert_cmpstr(second->target, ==, "sda");
    g_assert_null(third->target);
    g_assert_cmpstr(got.os->id, ==, "debian");
    g_assert_null(got.users);
    sk_value_clear(&sk_guest_info_type, &got);
    for (guint i = 0; i < spec.disks->len; i++)
        sk_value_free(&sk_disk_type, spec.disks->pdata[i]);
    g_ptr_array_unref(spec.disks);
}

#define PCI "\"pci-controller\": {\"domain\": 0, \"bus\": 1, \"slot\": 0, \"function\": 0}"

static void
test_info(void)
{
    static const PeerStep script[] = {
        SYNC, { PEER_EXPECT, "guest-get-osinfo" }, { PEER_SEND, "{\"return\": {\"id\": \"debian\", \"name\": 7}}\n" }, { PEER_NEXT },
        SYNC, { PEER_EXPECT, "guest-get-fsinfo" },
        { PEER_SEND, "{\"return\": [{\"mountpoint\": \"/\", \"total-bytes\": -5, \"disk\": [{\"bus-type\": \"virtio\", " PCI "}, "
                     "{\"bus-type\": \"sata\", \"bus\": 0, \"target\": 0, \"unit\": 1, " PCI "}, {\"bus-type\": \"virtio\"}, 7]}, []]}\n" },
    };
    CONVERSE(script, info);
}

/* Asked for all, what the agent does not know is left out. */
static void
all_info(gpointer agent, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    SkGuestInfo got = { 0 };
    g_assert_true(sk_agent_info(agent, 0, &got, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(got.hostname, ==, "web1");
    g_assert_null(got.os);
    sk_value_clear(&sk_guest_info_type, &got);
}

#define UNKNOWN(command) SYNC, { PEER_EXPECT, command }, { PEER_SEND, "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}}\n" }, { PEER_NEXT }

static void
test_all_info(void)
{
    static const PeerStep script[] = {
        SYNC, { PEER_EXPECT, "guest-ping" }, { PEER_SEND, "{\"return\": {}}\n" }, { PEER_NEXT },
        UNKNOWN("guest-get-users"), UNKNOWN("guest-get-osinfo"), UNKNOWN("guest-get-timezone"),
        SYNC, { PEER_EXPECT, "guest-get-host-name" }, { PEER_SEND, "{\"return\": {\"host-name\": \"web1\"}}\n" }, { PEER_NEXT },
        UNKNOWN("guest-get-fsinfo"), UNKNOWN("guest-get-disks"),
        SYNC, { PEER_EXPECT, "guest-network-get-interfaces" }, { PEER_SEND, "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}}\n" },
    };
    CONVERSE(script, all_info);
}

/* -- silent, refusing and hostile ones --------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const PeerStep *script;
    guint n_steps;
    const char *message;
} Bad;

static const PeerStep silent[] = { { PEER_EXPECT, "sync" } };
static const PeerStep cut[] = { { PEER_EXPECT, "sync" }, { PEER_EOF } };
static const PeerStep refuses[] = { SYNC, { PEER_EXPECT, "host-name" },
    { PEER_SEND, "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"not\\u001b here\"}}\n" } };
static const PeerStep garbage[] = { SYNC, { PEER_EXPECT, "host-name" }, { PEER_SEND, "\x01\x02 nonsense\n" } };
static const PeerStep wrong_kind[] = { SYNC, { PEER_EXPECT, "host-name" }, { PEER_SEND, "{\"return\": [7]}\n" } };
static const PeerStep huge[] = { SYNC, { PEER_EXPECT, "host-name" }, { PEER_BYTES, "x", SK_AGENT_LINE_MAX + 1 } };
static const PeerStep deep[] = { SYNC, { PEER_EXPECT, "host-name" }, { PEER_BYTES, "[", 100000 }, { PEER_SEND, "\n" } };

static const Bad bad[] = {
#define BAD(script_, message_) { #script_, script_, G_N_ELEMENTS(script_), message_ }
    BAD(silent, "does not answer: is qemu-guest-agent running in the guest?"),
    BAD(cut, "was cut"),
    BAD(refuses, "refused \"guest-get-host-name\": not  here"),
    BAD(garbage, "cannot be understood"),
    BAD(wrong_kind, "cannot be understood"),
    BAD(huge, "gives an answer longer than 4 MiB"),
    BAD(deep, "cannot be understood"),
};

typedef struct {
    SkAgent *agent;
    const Bad *bad;
} BadTalk;

static void
ask_bad(gpointer data, gpointer unused)
{
    const BadTalk *talk = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    if (talk->bad->script == silent)
        g_assert_false(sk_agent_ping(talk->agent, 20, &error));
    else
        name = sk_agent_host_name(talk->agent, &error);
    g_assert_null(name);
    g_assert_error(error, SK_ERROR, SK_ERROR_AGENT);
    if (strstr(error->message, talk->bad->message) == NULL)
        g_error("\"%s\" is not in \"%s\"", talk->bad->message, error->message);
}

static void
test_bad(gconstpointer data)
{
    const Bad *it = data;
    Peer *peer = peer_listen(path, it->script, it->n_steps);
    g_autoptr(SkAgent) agent = sk_agent_new(path, "web1");
    BadTalk talk = { agent, it };
    on_worker(ask_bad, &talk);
    peer_finish(peer);
    g_unlink(path);
}

/* A command that may take a minute is not waited for that long where nobody greets. */
static void
thaw_silent(gpointer agent, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    guint count;
    sk_agent_set_wait(agent, 20);
    g_assert_false(sk_agent_thaw(agent, &count, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_AGENT);
}

static void
test_silent_for_long(void)
{
    Peer *peer = peer_listen(path, silent, G_N_ELEMENTS(silent));
    g_autoptr(SkAgent) agent = sk_agent_new(path, "web1");
    on_worker(thaw_silent, agent);
    peer_finish(peer);
    g_unlink(path);
}

static void
ask_absent(gpointer agent, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(sk_agent_ping(agent, 0, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_AGENT);
}

static void
test_absent(void)
{
    g_autofree char *long_path = g_strnfill(200, 'x');
    g_autoptr(SkAgent) absent = sk_agent_new("/nonexistent/agent", "web1");
    g_autoptr(SkAgent) too_long = sk_agent_new(long_path, "web1");
    on_worker(ask_absent, absent);
    on_worker(ask_absent, too_long);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    dir = g_dir_make_tmp("skep-agent-XXXXXX", NULL);
    path = g_build_filename(dir, "agent.sock", NULL);
    g_test_add_func("/agent/ping", test_ping);
    g_test_add_func("/agent/exec", test_exec);
    g_test_add_func("/agent/exec-ends-early", test_exec_ends_early);
    g_test_add_func("/agent/addresses", test_addresses);
    g_test_add_func("/agent/many", test_many);
    g_test_add_func("/agent/info", test_info);
    g_test_add_func("/agent/all-info", test_all_info);
    g_test_add_func("/agent/absent", test_absent);
    g_test_add_func("/agent/silent-for-long", test_silent_for_long);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *name = g_strconcat("/agent/bad/", bad[i].name, NULL);
        g_test_add_data_func(name, &bad[i], test_bad);
    }
    gint result = g_test_run();
    g_rmdir(dir);
    g_free(dir);
    g_free(path);
    return result;
}
