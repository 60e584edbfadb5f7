/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The values a start is described with, and the steps that come out of it. */
#include "engine/launch.h"

#include "codec/json/json.h"

/* -- block chains --------------------------------------------------------------------------------------- */

static void
free_layer(gpointer data)
{
    SkBlockLayer *self = data;
    sk_fd_clear(&self->fd);
    sk_fd_clear(&self->fd_ro);
    sk_fd_clear(&self->passphrase_fd);
    g_clear_pointer(&self->passphrase, g_bytes_unref);
    g_free(self->path);
    g_free(self);
}

SkBlockChain *
sk_block_chain_new(const char *target)
{
    SkBlockChain *self = g_new0(SkBlockChain, 1);
    self->target = g_strdup(target);
    self->layers = g_ptr_array_new_with_free_func(free_layer);
    return self;
}

SkBlockLayer *
sk_block_chain_add(SkBlockChain *self, gint fd, gint fd_ro, SkDiskFormat format, const char *path)
{
    SkBlockLayer *layer = g_new0(SkBlockLayer, 1);
    layer->fd = fd;
    layer->fd_ro = fd_ro;
    layer->passphrase_fd = SK_FD_NONE;
    layer->format = format;
    layer->path = g_strdup(path);
    g_ptr_array_add(self->layers, layer);
    return layer;
}

void
sk_block_chain_free(SkBlockChain *self)
{
    if (self == NULL)
        return;
    g_free(self->target);
    g_ptr_array_unref(self->layers);
    g_free(self);
}

/* -- host ends -------------------------------------------------------------------------------------------- */

static GArray *
new_fd_list(void)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(gint));
    g_array_set_clear_func(fds, (GDestroyNotify) sk_fd_clear);
    return fds;
}

SkNicEnd *
sk_nic_end_new(const char *mac)
{
    SkNicEnd *self = g_new0(SkNicEnd, 1);
    self->mac = g_strdup(mac);
    self->fds = new_fd_list();
    self->vhost_fds = new_fd_list();
    return self;
}

void
sk_nic_end_free(SkNicEnd *self)
{
    if (self == NULL)
        return;
    g_free(self->mac);
    g_array_unref(self->fds);
    g_array_unref(self->vhost_fds);
    g_free(self);
}

static void
free_char_end(gpointer data)
{
    SkCharEnd *self = data;
    g_free(self->alias);
    g_free(self->path);
    sk_fd_clear(&self->listen_fd);
    sk_fd_clear(&self->log_fd);
    sk_fd_clear(&self->file_fd);
    g_free(self);
}

static void
free_device_end(gpointer data)
{
    SkDeviceEnd *self = data;
    g_free(self->alias);
    g_free(self->path);
    sk_fd_clear(&self->fd);
    g_free(self);
}

/* -- launch ----------------------------------------------------------------------------------------------- */

SkLaunch *
sk_launch_new(const SkDomainSpec *spec, SkAccel accel)
{
    SkLaunch *self = g_new0(SkLaunch, 1);
    self->spec = spec;
    self->accel = accel;
    self->memory_fd = self->monitor_fd = self->kernel_fd = self->initrd_fd = self->vnc_password_fd = self->spice_password_fd = SK_FD_NONE;
    self->chains = g_ptr_array_new_with_free_func((GDestroyNotify) sk_block_chain_free);
    self->nics = g_ptr_array_new_with_free_func((GDestroyNotify) sk_nic_end_free);
    self->chars = g_ptr_array_new_with_free_func(free_char_end);
    self->devices = g_ptr_array_new_with_free_func(free_device_end);
    return self;
}

SkBlockChain *
sk_launch_add_chain(SkLaunch *self, const char *target)
{
    SkBlockChain *chain = sk_block_chain_new(target);
    g_ptr_array_add(self->chains, chain);
    return chain;
}

SkNicEnd *
sk_launch_add_nic(SkLaunch *self, const char *mac)
{
    SkNicEnd *end = sk_nic_end_new(mac);
    g_ptr_array_add(self->nics, end);
    return end;
}

SkCharEnd *
sk_launch_add_char(SkLaunch *self, const char *alias)
{
    SkCharEnd *end = g_new0(SkCharEnd, 1);
    end->alias = g_strdup(alias);
    end->listen_fd = end->log_fd = end->file_fd = SK_FD_NONE;
    g_ptr_array_add(self->chars, end);
    return end;
}

SkDeviceEnd *
sk_launch_add_device(SkLaunch *self, const char *alias)
{
    SkDeviceEnd *end = g_new0(SkDeviceEnd, 1);
    end->alias = g_strdup(alias);
    end->fd = SK_FD_NONE;
    g_ptr_array_add(self->devices, end);
    return end;
}

void
sk_launch_free(SkLaunch *self)
{
    if (self == NULL)
        return;
    gint *fds[] = { &self->memory_fd, &self->monitor_fd, &self->kernel_fd, &self->initrd_fd, &self->vnc_password_fd, &self->spice_password_fd };
    char *texts[] = { self->emulator, self->run_dir, self->loader, self->vnc_socket, self->spice_socket };
    GPtrArray *lists[] = { self->chains, self->nics, self->chars, self->devices };
    for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
        sk_fd_clear(fds[i]);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        g_ptr_array_unref(lists[i]);
    sk_block_chain_free(self->nvram);
    g_free(self);
}

/* What a device's registers and QEMU's own tables may take, beside the guest's memory. */
#define MEMLOCK_OWN (G_GUINT64_CONSTANT(1) << 30)

guint64
sk_launch_memlock(const SkDomainSpec *spec)
{
    const SkMemory *memory = &spec->memory;
    if (memory->locked)
        return G_MAXUINT64;
    for (guint i = 0; spec->hostdevs != NULL && i < spec->hostdevs->len; i++) {
        if (((const SkHostdev *) spec->hostdevs->pdata[i])->kind == SK_HOSTDEV_PCI)
            return MAX(MAX(memory->current, memory->maximum), memory->limit) + MEMLOCK_OWN;
    }
    return 0;
}

/* -- results ------------------------------------------------------------------------------------------------ */

void
sk_qmp_step_free(SkQmpStep *self)
{
    if (self == NULL)
        return;
    json_decref(self->arguments);
    json_decref(self->undo_arguments);
    g_free(self);
}

void
sk_plug_free(SkPlug *self)
{
    if (self == NULL)
        return;
    g_free(self->device);
    g_free(self->target);
    g_ptr_array_unref(self->steps);
    g_free(self);
}

void
sk_cmdline_free(SkCmdline *self)
{
    if (self == NULL)
        return;
    g_strfreev(self->argv);
    g_array_unref(self->fds);
    g_ptr_array_unref(self->setup);
    g_free(self);
}
