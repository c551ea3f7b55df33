"""Which cells the probes of bench/cache*.py have, and what each claims of its machine code."""

from __future__ import annotations

from gridstone import loop

KIB, MIB = 1 << 10, 1 << 20
SMALL_L1 = 28 << 10  # what is left of L1 on every architecture since sm_80 where shared memory has its most

# Chains of loads, and single loads between two clock reads.
L1 = loop(r"LDG\.E\.64(\.STRONG\.SM)?", count=16, clocked=True)
L2 = loop(r"LDG\.E\.64\.STRONG\.GPU", count=16, clocked=True)
EACH_L1 = loop(r"LDG\.E\.64(\.STRONG\.SM)?", clocked=True)
EACH_L2 = loop(r"LDG\.E\.64\.STRONG\.GPU", clocked=True)
CONSTANT = {
    "sm_80-sm_110": loop(r"LDC", count=16, clocked=True),
    "sm_120+": loop(r"LDCU", count=16, clocked=True),  # the assembler moves the walk to the uniform datapath
}
EACH_CONSTANT = {"sm_80-sm_110": loop(r"LDC", clocked=True), "sm_120+": loop(r"LDCU?", clocked=True)}

_SMALL = (8, 12, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44)
L1_FOOTPRINTS = [KIB * k for k in (*_SMALL, *range(64, 200, 12), *range(200, 273, 4), 288)]
L1_FOOTPRINTS_QUICK = [KIB * k for k in (16, 28, 32, 64, 112, 128, 160, 200, 224, 240, 248, 256, 272, 288)]
L2_FOOTPRINTS = [MIB * k for k in (8, 12, 16, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48, 52, 56, 60, 64, 80, 96)]
L2_FOOTPRINTS_QUICK = [MIB * k for k in (16, 24, 28, 32, 48, 56, 64, 96)]
PLACES = [16 * k for k in (*range(7, 17), *range(18, 33, 2), *range(36, 65, 4), 72, 80)]
PAGES = [8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192]


def near_the_small_l1(stride, count, **_):
    return SMALL_L1 / 2 <= count * min(stride, 128) <= 1.6 * SMALL_L1
