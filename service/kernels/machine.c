/* Which machine this is. */

#include "andon.h"

#if defined(__x86_64__)
#include <cpuid.h>

enum { XMM_AND_YMM = 6 }; /* what the system keeps of a thread's registers, beside others */

static inline uint32_t kept_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

/* Whether it is an x86-64-v3, as the psABI calls it: AVX2 and what came with it, in the processor and in the system. */
EXPORT int32_t machine_is_v3(void) {
#if defined(__x86_64__)
    const uint32_t first = bit_FMA | bit_MOVBE | bit_OSXSAVE | bit_AVX | bit_F16C, seventh = bit_BMI | bit_AVX2 | bit_BMI2;
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & first) != first) return false;
    if ((kept_registers() & XMM_AND_YMM) != XMM_AND_YMM) return false;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & seventh) != seventh) return false;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT);
#else
    return false;
#endif
}
