/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a backup that is asked for consists of: requests and plans as JSON. */
#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "service/backup.h"
#include "service/checkpoint.h"

#define UUID "0b3c9d42-3c8a-4f6e-9d5d-5b8a7f000001"
#define SPEC "{\"name\":\"d\",\"uuid\":\"" UUID "\",\"disks\":[" \
             "{\"target\":\"vda\",\"source\":\"file\",\"path\":\"/p/a.qcow2\",\"format\":\"qcow2\"}," \
             "{\"target\":\"vdb\",\"source\":\"block\",\"path\":\"/dev/vg/b\",\"format\":\"raw\"}," \
             "{\"target\":\"vdc\",\"source\":\"file\",\"path\":\"/p/c.raw\",\"format\":\"raw\",\"read_only\":true}," \
             "{\"target\":\"sdd\",\"device\":\"cdrom\",\"source\":\"file\",\"path\":\"/p/d.iso\",\"format\":\"raw\"}]}"
#define SERVER "\"pull\":true,\"server\":{\"transport\":\"unix\",\"socket\":\"/run/b.sock\"}"

typedef struct {
    SkServiceSettings settings;
    SkService service;
    SkDomain *domain;
} Fixture;

static gpointer
decode(const SkType *type, const char *text)
{
    g_autoptr(GError) error = NULL;
    gpointer value = sk_json_decode_text(type, text, strlen(text), "text", &error);
    g_assert_no_error(error);
    return value;
}

static SkCheckpoint *
new_checkpoint(void)
{
    SkCheckpoint *checkpoint = sk_value_new(&sk_checkpoint_type);
    SkCheckpointDisk *disk = sk_value_new(&sk_checkpoint_disk_type);
    checkpoint->name = g_strdup("c1");
    checkpoint->id = g_strdup(UUID);
    checkpoint->disks = sk_value_list_new(&sk_checkpoint_disk_type);
    disk->target = g_strdup("vda");
    disk->kind = SK_CHECKPOINT_BITMAP;
    disk->bitmap = g_strdup("c1-map");
    g_ptr_array_add(checkpoint->disks, disk);
    return checkpoint;
}

static void
set_up(Fixture *self, gconstpointer data)
{
    (void) data;
    self->settings.run_dir = (char *) "/nowhere";
    self->settings.lib_dir = (char *) "/lib";
    self->service.settings = &self->settings;
    self->service.images_dir = (char *) "/images";
    self->service.pools = sk_name_tree_new(g_object_unref);
    self->service.domains = sk_name_tree_new(g_object_unref);
    self->service.domains_by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->domain = sk_service_add_domain(&self->service, decode(&sk_domain_spec_type, SPEC), TRUE);
    self->domain->runtime.live = decode(&sk_domain_spec_type, SPEC);
    sk_domain_put_checkpoint(self->domain, new_checkpoint());
}

static void
tear_down(Fixture *self, gconstpointer data)
{
    (void) data;
    sk_service_drop_domain(&self->service, self->domain);
    g_tree_unref(self->service.domains);
    g_tree_unref(self->service.pools);
    g_hash_table_unref(self->service.domains_by_uuid);
    g_clear_pointer(&self->service.disk_users, g_hash_table_unref);
}

static const struct {
    const char *asked;
    SkRole role;
    const char *plan;       /* JSON of its disks, without defaults; NULL: it is refused */
    const char *why;        /* words of the refusal */
} cases[] = {
    /* All that can: not what is read-only, nor drives; of a device nothing is known to write to. */
    { "{}", SK_ROLE_ADMIN, NULL, "disk \"vdb\" is a device" },
    { "{" SERVER "}", SK_ROLE_ADMIN,
      "{\"target\":\"vda\",\"mode\":\"full\",\"file\":\"/p/a.qcow2.at\",\"export_name\":\"vda\",\"made\":true} "
      "{\"target\":\"vdb\",\"mode\":\"full\",\"file\":\"/lib/save/" UUID "-vdb.scratch\",\"export_name\":\"vdb\",\"made\":true} ", NULL },
    { "{\"disks\":[{\"target\":\"vda\"}]}", SK_ROLE_ADMIN, "{\"target\":\"vda\",\"mode\":\"full\",\"file\":\"/p/a.qcow2.at\",\"made\":true} ", NULL },
    { "{\"disks\":[{\"target\":\"vda\"},{\"target\":\"vdb\",\"left_out\":true}]}", SK_ROLE_ADMIN,
      "{\"target\":\"vda\",\"mode\":\"full\",\"file\":\"/p/a.qcow2.at\",\"made\":true} ", NULL },
    /* A read-only one if it is asked for. */
    { "{\"disks\":[{\"target\":\"vdc\",\"file\":\"/q/c\"}]}", SK_ROLE_ADMIN, "{\"target\":\"vdc\",\"mode\":\"full\",\"file\":\"/q/c\",\"made\":true} ", NULL },
    { "{\"disks\":[{\"target\":\"vda\",\"file\":\"/dev/vg/copy\",\"device\":true}]}", SK_ROLE_ADMIN,
      "{\"target\":\"vda\",\"mode\":\"full\",\"file\":\"/dev/vg/copy\",\"device\":true} ", NULL },
    { "{\"reuse\":true,\"disks\":[{\"target\":\"vda\",\"file\":\"/q/a\"}]}", SK_ROLE_ADMIN, "{\"target\":\"vda\",\"mode\":\"full\",\"file\":\"/q/a\"} ", NULL },
    /* Since a checkpoint. */
    { "{\"incremental\":\"c1\",\"disks\":[{\"target\":\"vda\"}]}", SK_ROLE_ADMIN,
      "{\"target\":\"vda\",\"mode\":\"incremental\",\"incremental\":\"c1\",\"file\":\"/p/a.qcow2.at\",\"made\":true,\"bitmap\":\"c1-map\"} ", NULL },
    { "{\"incremental\":\"c1\"," SERVER ",\"disks\":[{\"target\":\"vda\"}]}", SK_ROLE_ADMIN,
      "{\"target\":\"vda\",\"mode\":\"incremental\",\"incremental\":\"c1\",\"file\":\"/p/a.qcow2.at\",\"export_name\":\"vda\","
      "\"export_bitmap\":\"backup-vda\",\"made\":true,\"bitmap\":\"c1-map\"} ", NULL },
    { "{\"incremental\":\"c1\",\"disks\":[{\"target\":\"vdb\",\"file\":\"/q/b\"}]}", SK_ROLE_ADMIN, NULL, "no part in checkpoint \"c1\"" },
    { "{\"incremental\":\"c2\",\"disks\":[{\"target\":\"vda\"}]}", SK_ROLE_ADMIN, NULL, "c2" },
    { "{\"incremental\":\"c1\",\"disks\":[{\"target\":\"vda\",\"format\":\"raw\"}]}", SK_ROLE_ADMIN, NULL, "raw file cannot tell" },
    /* What cannot be. */
    { "{\"disks\":[{\"target\":\"vdz\"}]}", SK_ROLE_ADMIN, NULL, "has no disk \"vdz\"" },
    { "{\"disks\":[{\"target\":\"sdd\"}]}", SK_ROLE_ADMIN, NULL, "a drive or empty" },
    { "{\"disks\":[{\"target\":\"vda\",\"left_out\":true}]}", SK_ROLE_ADMIN, NULL, "no disk that would have a part" },
    { "{\"reuse\":true,\"disks\":[{\"target\":\"vda\"}]}", SK_ROLE_ADMIN, NULL, "which file is there already" },
    /* Who may. */
    { "{\"disks\":[{\"target\":\"vda\"}]}", SK_ROLE_OPERATOR, "{\"target\":\"vda\",\"mode\":\"full\",\"file\":\"/p/a.qcow2.at\",\"made\":true} ", NULL },
    { "{\"disks\":[{\"target\":\"vda\",\"file\":\"/etc/copy\"}]}", SK_ROLE_OPERATOR, NULL, "/etc/copy" },
    { "{\"disks\":[{\"target\":\"vda\",\"file\":\"/images/copy\"}]}", SK_ROLE_OPERATOR,
      "{\"target\":\"vda\",\"mode\":\"full\",\"file\":\"/images/copy\",\"made\":true} ", NULL },
    { "{" SERVER ",\"disks\":[{\"target\":\"vda\"}]}", SK_ROLE_OPERATOR, NULL, "/run/b.sock" },
    { "{\"pull\":true,\"server\":{\"transport\":\"tcp\",\"host\":\"0.0.0.0\"},\"disks\":[{\"target\":\"vda\"}]}", SK_ROLE_OPERATOR, NULL, "administrator" },
};

static char *
text_of(const SkBackup *plan)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < plan->disks->len; i++) {
        g_autofree char *disk = sk_json_encode(&sk_backup_disk_type, plan->disks->pdata[i], SK_JSON_NO_DEFAULTS);
        g_string_append_printf(text, "%s ", disk);
    }
    return g_string_free(text, FALSE);
}

static void
test_plans(Fixture *self, gconstpointer data)
{
    (void) data;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const SkIdentity who = { .user = (char *) "somebody", .from = (char *) "here", .role = cases[i].role };
        g_autoptr(GError) error = NULL;
        g_autoptr(SkCall) call = sk_call_new(sk_operation(SK_OP_BACKUP_BEGIN), &who);
        SkJob job = { .service = &self->service, .call = call };
        SkBackup *asked = decode(&sk_backup_type, cases[i].asked);
        SkBackup *plan = sk_backup_plan(&job, self->domain, asked, "at", &error);
        g_autofree char *text = plan != NULL ? text_of(plan) : NULL;
        g_test_message("%s: %s", cases[i].asked, error != NULL ? error->message : text);
        g_assert_cmpstr(text, ==, cases[i].plan);
        if (plan == NULL)
            g_assert_nonnull(strstr(error->message, cases[i].why));
        sk_value_free(&sk_backup_type, asked);
        sk_value_free(&sk_backup_type, plan);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add("/backup-plan/plans", Fixture, NULL, set_up, test_plans, tear_down);
    return g_test_run();
}
