/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/storage.h"
#include "service/service-private.h"

/* Images: what domains are made from. Main thread. */

SkImage *sk_service_image(SkService *self, const char *name, GError **error);
/* Puts an image (taken) in the list and tells of it. */
void sk_service_take_image(SkService *self, SkImage *image);

/* Reads the image directory. At start-up. */
gboolean sk_service_load_images(SkService *self, GError **error);

gboolean sk_handle_image_list(SkService *self, SkCall *call, GError **error);
gboolean sk_handle_image_show(SkService *self, SkCall *call, GError **error);
extern const SkJobKind sk_image_import_job, sk_image_build_job, sk_image_delete_job;
