/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Adjusting a checksum for fields that change (RFC 1624), on 16-bit parts in the order of the wire. */
#pragma once

#include <linux/types.h>

/* What a field's change adds to the sum. */
static __always_inline __u32 difference(__u32 from, __u32 to)
{
	return (~from & 0xffff) + (~from >> 16) + (to & 0xffff) + (to >> 16);
}

static __always_inline __u16 adjust(__u16 checksum, __u32 difference)
{
	/* All ones count nothing, but a sum that is not 0 folds as the kernel's own does. */
	__u32 sum = (__u16)~checksum + difference + 0xffff;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}
