/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"

/* STORAGE_VOL_UPLOAD and STORAGE_VOL_DOWNLOAD (SkLvRun). Main thread. */
gboolean sk_lv_volume_upload(SkLvCall *call, GError **error);
gboolean sk_lv_volume_download(SkLvCall *call, GError **error);
