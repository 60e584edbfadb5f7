/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU says of jobs, nodes and descriptors, and commands of jobs against a scripted one. */
#include <string.h>

#include "base/error.h"
#include "engine/launch.h"
#include "engine/qmp/block-job.h"
#include "engine/qmp/block-nodes.h"
#include "qmp-peer.h"
#include "worker.h"

#define RESULT(expected, result) { PEER_EXPECT, expected }, { PEER_REPLY, "{\"return\": " result ", \"id\": @}" }

static json_t *
parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    g_assert_nonnull(value);
    return value;
}

static void
test_targets(void)
{
    static const char *const rows[][2] = { { "vda-copy", "vda" }, { "a-b-pull", "a-b" }, { "vda", NULL }, { "-x", NULL }, { "vda-", NULL }, { "", NULL } };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *target = sk_qmp_job_target(rows[i][0]);
        g_assert_cmpstr(target, ==, rows[i][1]);
    }
    g_assert_cmpint(sk_qmp_job_status("concluded"), ==, SK_QMP_JOB_CONCLUDED);
    g_assert_cmpint(sk_qmp_job_status("null"), ==, SK_QMP_JOB_NULL);
    g_assert_cmpint(sk_qmp_job_status("elsewhere"), ==, SK_QMP_JOB_UNDEFINED);
    g_assert_cmpint(sk_qmp_job_status(NULL), ==, SK_QMP_JOB_UNDEFINED);
}

static void
test_jobs(void)
{
    g_autoptr(json_t) jobs = parse("[{\"id\":\"vda-copy\",\"type\":\"mirror\",\"status\":\"ready\",\"current-progress\":5,\"total-progress\":7},"
                                   "{\"id\":\"vdb-pull\",\"status\":\"concluded\",\"error\":\"no space\"},{\"status\":\"ready\"},7]");
    g_autoptr(json_t) block_jobs = parse("[{\"device\":\"vda-copy\",\"speed\":1000}]");
    g_autoptr(GPtrArray) list = sk_qmp_parse_jobs(jobs, block_jobs);
    g_assert_cmpuint(list->len, ==, 2);
    const SkQmpJob *copy = list->pdata[0], *pull = list->pdata[1];
    g_assert_cmpstr(copy->type, ==, "mirror");
    g_assert_cmpint(copy->status, ==, SK_QMP_JOB_READY);
    g_assert_cmpuint(copy->done, ==, 5);
    g_assert_cmpuint(copy->total, ==, 7);
    g_assert_cmpuint(copy->speed, ==, 1000);
    g_assert_null(copy->error);
    g_assert_cmpstr(pull->error, ==, "no space");
    g_assert_cmpuint(pull->speed, ==, 0);
}

static void
test_nodes(void)
{
    g_autoptr(json_t) nodes = parse("[{\"node-name\":\"vda\",\"file\":\"json:{}\"},{\"node-name\":\"vda-2\",\"ro\":false},"
                                    "{\"node-name\":\"vda-2-file\",\"file\":\"/dev/fdset/259\"},{\"node-name\":\"vda-0\",\"ro\":true},"
                                    "{\"node-name\":\"vda-0-file\",\"file\":\"/dev/fdset/257\"},{\"node-name\":\"vda-7-file\",\"file\":\"/dev/fdset/9\"},"
                                    "{\"node-name\":\"vda-copy-filter\"},{\"node-name\":\"vdab-0\"},{\"node-name\":\"vdab-0-file\",\"file\":\"/dev/fdset/4\"}]");
    g_autoptr(json_t) sets = parse("[{\"fdset-id\":259,\"fds\":[{\"fd\":3,\"opaque\":\"rw:/top\"}]},{\"fdset-id\":257,\"fds\":[{\"fd\":4,\"opaque\":\"ro:/base\"}]},"
                                   "{\"fdset-id\":4,\"fds\":[{\"fd\":5,\"opaque\":\"ro:/other\"}]},{\"fdset-id\":9,\"fds\":[]}]");
    g_autoptr(GPtrArray) list = sk_qmp_parse_nodes(nodes, sets, "vda");
    g_assert_cmpuint(list->len, ==, 2);
    const SkBlockNode *base = sk_block_nodes_find(list, "/base"), *top = sk_block_nodes_find(list, "/top");
    g_assert_cmpstr(base->name, ==, "vda-0");
    g_assert_true(base->read_only);
    g_assert_cmpuint(base->set, ==, 257);
    g_assert_cmpstr(top->name, ==, "vda-2");
    g_assert_false(top->read_only);
    g_assert_null(sk_block_nodes_find(list, "/other"));
    g_assert_cmpuint(sk_block_nodes_free_number(list), ==, 1);
    g_assert_cmpuint(sk_block_first_set("vda"), ==, 256);
}

static void
let_write(gpointer data, gpointer unused)
{
    const SkBlockNode node = { .name = (char *) "vda-0", .path = (char *) "/base", .read_only = TRUE, .set = 257 };
    g_autoptr(GError) error = NULL;
    (void) unused;
    sk_qmp_let_write(data, &node, 0, &error);
    g_assert_no_error(error);
}

/* The descriptor for reading goes once the one for writing is there; the others stay. */
static void
test_let_write(void)
{
    static const PeerStep steps[] = {
        PEER_GREETING,
        RESULT("add-fd", "{\"fdset-id\": 257, \"fd\": 9}"),
        RESULT("query-fdsets", "[{\"fdset-id\": 257, \"fds\": [{\"fd\": 4, \"opaque\": \"ro:/base\"}, {\"fd\": 9, \"opaque\": \"rw:/base\"}]},"
                                              " {\"fdset-id\": 258, \"fds\": [{\"fd\": 5, \"opaque\": \"ro:/base\"}]}]"),
        RESULT("\"fd\":4", "{}"),
    };
    gint fd;
    Peer *peer = peer_start(steps, G_N_ELEMENTS(steps), &fd);
    SkQmp *qmp = sk_qmp_new_for_fd(fd, "web1");
    on_worker(let_write, qmp);
    sk_qmp_close(qmp);
    peer_finish(peer);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_assert_finalize_object(qmp);
}

gint
main(gint argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add_func("/block-jobs/targets", test_targets);
    g_test_add_func("/block-jobs/jobs", test_jobs);
    g_test_add_func("/block-jobs/nodes", test_nodes);
    g_test_add_func("/block-jobs/let-write", test_let_write);
    return g_test_run();
}
