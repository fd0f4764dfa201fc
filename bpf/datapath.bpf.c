/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The datapath: what becomes of every packet of an instance, and of every packet for one.
 *
 *   hooks/    the programs, one for each place where packets come in
 *   stages/   what they do, one file a stage, of the same names as in crates/pure/datapath/src/stages
 *   maps.h    what they look things up in
 *   abi.h     what they share with the loader
 */

#include "hooks/collect.c"
#include "hooks/from_port.c"
#include "hooks/from_uplink.c"

/* The kernel lets only programs with a GPL-compatible licence call some of its functions. */
char _license[] SEC("license") = "Dual MIT/GPL";
