/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets handed to QEMU as clients of its VNC and SPICE servers. */
#include "base/error.h"
#include "base/fs.h"
#include "engine/qmp/qmp-client.h"
#include "service/console.h"

typedef struct {
    SkQmp *qmp;
    SkFd fd;
    char *name;             /* of the descriptor in QEMU */
    const char *protocol;
    gboolean skip_auth;
    SkViewerDone done;
    gpointer data;
} ViewerWork;

static void
free_work(gpointer data)
{
    ViewerWork *work = data;
    g_clear_object(&work->qmp);
    sk_fd_clear(&work->fd);
    g_free(work->name);
    g_free(work);
}

static gboolean
run(SkJob *job, GError **error)
{
    const ViewerWork *work = job->work;
    json_t *name = json_pack("{s:s}", "fdname", work->name);
    g_autoptr(json_t) given = sk_qmp_call_fd(work->qmp, "getfd", name, work->fd, 0, error);
    if (given == NULL)
        return FALSE;
    if (sk_qmp_run(work->qmp, "add_client", json_pack("{s:s,s:s,s:b}", "protocol", work->protocol, "fdname", work->name, "skipauth", work->skip_auth), error))
        return TRUE;
    sk_qmp_run(work->qmp, "closefd", json_pack("{s:s}", "fdname", work->name), NULL);
    return FALSE;
}

static void
commit(SkJob *job)
{
    const ViewerWork *work = job->work;
    work->done(NULL, work->data);
}

static void
rollback(SkJob *job, const GError *error)
{
    const ViewerWork *work = job->work;
    work->done(error, work->data);
}

static const SkJobKind viewer_job = { .run = run, .commit = commit, .rollback = rollback, .free_work = free_work };

static const SkGraphics *
find_graphics(const SkDomain *domain, guint index, GError **error)
{
    const GPtrArray *list = domain->runtime.live != NULL ? domain->runtime.live->graphics : NULL;
    if (!sk_domain_is_active(domain) || domain->qmp == NULL) {
        sk_fail(error, SK_ERROR_STATE, "domain is not running: \"%s\" has no screen", sk_domain_name(domain));
        return NULL;
    }
    if (list != NULL && index < list->len)
        return list->pdata[index];
    sk_fail(error, SK_ERROR_NO_DEVICE, "domain \"%s\" has no graphics device %u", sk_domain_name(domain), index);
    return NULL;
}

gboolean
sk_domain_add_viewer(SkDomain *self, guint index, gint fd, gboolean skip_auth, SkViewerDone done, gpointer data, GError **error)
{
    static guint last;
    g_auto(SkFd) own = fd;
    const SkGraphics *graphics = find_graphics(self, index, error);
    if (graphics == NULL)
        return FALSE;
    ViewerWork *work = g_new0(ViewerWork, 1);
    work->qmp = g_object_ref(self->qmp);
    work->fd = sk_fd_steal(&own);
    work->name = g_strdup_printf("viewer%u", ++last);
    work->protocol = graphics->kind == SK_GRAPHICS_VNC ? "vnc" : "spice";
    work->skip_auth = skip_auth;
    work->done = done;
    work->data = data;
    sk_job_start_quiet(self->service, &viewer_job, work);
    return TRUE;
}
