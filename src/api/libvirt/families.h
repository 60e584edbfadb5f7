/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/procedure.h"

/* The tables of procedures, each in the file of its name. Constant; any thread. */
extern const SkLvFamily sk_lv_session_family, sk_lv_node_family, sk_lv_domain_family, sk_lv_domain_life_family,
    sk_lv_domain_save_family, sk_lv_domain_device_family, sk_lv_domain_tune_family, sk_lv_domain_stats_family,
    sk_lv_domain_block_family, sk_lv_domain_console_family, sk_lv_domain_agent_family, sk_lv_domain_snapshot_family,
    sk_lv_checkpoint_family, sk_lv_domain_migrate_family, sk_lv_network_family, sk_lv_pool_family, sk_lv_volume_family,
    sk_lv_nodedev_family, sk_lv_interface_family, sk_lv_nwfilter_family, sk_lv_secret_family, sk_lv_event_family,
    sk_lv_monitor_family;
