// One warpgroup matrix multiply-accumulate (PTX ISA, "Asynchronous warpgroup level matrix instructions", sm_90a), with
// the type, the shape and where A comes from given by macros:
//   A_TYPE_x, B_TYPE_x  f16 bf16 tf32 e4m3 e5m2 s8 u8 b1     ACC_TYPE_x  f16 f32 s32
//   TILE_N              8 to 256, N below                    SOURCE_x    ss: A in shared memory, rs: in registers
//   SPARSE              1: A is 2:4 sparse (tf32: 1:2)       SWIZZLE     bytes of a row that are swizzled: 0 32 64 128
//   ILP                 how many accumulators take turns
//
// The accumulators are PTX registers that the CUDA compiler does not know of: named by set, block of 8 columns and place
// in the block. Lists of them are text, put together from N by the preprocessor. Every type reads 32 bytes of K from A
// per instruction and 32 from B (64 where A is sparse), so that nothing below depends on the type but the text.
#pragma once

#include "clock.cuh"
#include "wgmma_words.cuh"

#define JOIN_OF(a, b) a##b
#define JOIN(a, b) JOIN_OF(a, b)

#ifndef TILE_N
#define TILE_N 256
#endif
#define N TILE_N
#ifndef ILP
#define ILP 1
#endif
#ifndef SWIZZLE
#define SWIZZLE 128
#endif

// The accumulators of a thread: 4 registers per 8 columns, 2 where they hold pairs of f16
#if defined(ACC_TYPE_F16)
#define ACC_TEXT "f16"
#define ACC_REGISTER ".b32 "
#define PER_BLOCK 2
#define REGISTERS(set, x) set x "0," set x "1"
#define EACH(set, x, before, behind) before set x "0" behind before set x "1" behind
#else
#if defined(ACC_TYPE_F32)
#define ACC_TEXT "f32"
#define ACC_REGISTER ".f32 "
#else
#define ACC_TEXT "s32"
#define ACC_REGISTER ".s32 "
#endif
#define PER_BLOCK 4
#define REGISTERS(set, x) set x "0," set x "1," set x "2," set x "3"
#define EACH(set, x, before, behind) \
    before set x "0" behind before set x "1" behind before set x "2" behind before set x "3" behind
#endif
#define ACCUMULATORS (N / 8 * PER_BLOCK)

// BLOCKS_n(F, G, set): F for the first block of 8 columns, G for each that follows, up to n columns
#define BLOCKS_8(F, G, set) F(set, "0")
#define BLOCKS_16(F, G, set) BLOCKS_8(F, G, set) G(set, "1")
#define BLOCKS_24(F, G, set) BLOCKS_16(F, G, set) G(set, "2")
#define BLOCKS_32(F, G, set) BLOCKS_24(F, G, set) G(set, "3")
#define BLOCKS_40(F, G, set) BLOCKS_32(F, G, set) G(set, "4")
#define BLOCKS_48(F, G, set) BLOCKS_40(F, G, set) G(set, "5")
#define BLOCKS_56(F, G, set) BLOCKS_48(F, G, set) G(set, "6")
#define BLOCKS_64(F, G, set) BLOCKS_56(F, G, set) G(set, "7")
#define BLOCKS_72(F, G, set) BLOCKS_64(F, G, set) G(set, "8")
#define BLOCKS_80(F, G, set) BLOCKS_72(F, G, set) G(set, "9")
#define BLOCKS_88(F, G, set) BLOCKS_80(F, G, set) G(set, "a")
#define BLOCKS_96(F, G, set) BLOCKS_88(F, G, set) G(set, "b")
#define BLOCKS_104(F, G, set) BLOCKS_96(F, G, set) G(set, "c")
#define BLOCKS_112(F, G, set) BLOCKS_104(F, G, set) G(set, "d")
#define BLOCKS_120(F, G, set) BLOCKS_112(F, G, set) G(set, "e")
#define BLOCKS_128(F, G, set) BLOCKS_120(F, G, set) G(set, "f")
#define BLOCKS_136(F, G, set) BLOCKS_128(F, G, set) G(set, "g")
#define BLOCKS_144(F, G, set) BLOCKS_136(F, G, set) G(set, "h")
#define BLOCKS_152(F, G, set) BLOCKS_144(F, G, set) G(set, "i")
#define BLOCKS_160(F, G, set) BLOCKS_152(F, G, set) G(set, "j")
#define BLOCKS_168(F, G, set) BLOCKS_160(F, G, set) G(set, "k")
#define BLOCKS_176(F, G, set) BLOCKS_168(F, G, set) G(set, "l")
#define BLOCKS_184(F, G, set) BLOCKS_176(F, G, set) G(set, "m")
#define BLOCKS_192(F, G, set) BLOCKS_184(F, G, set) G(set, "n")
#define BLOCKS_200(F, G, set) BLOCKS_192(F, G, set) G(set, "o")
#define BLOCKS_208(F, G, set) BLOCKS_200(F, G, set) G(set, "p")
#define BLOCKS_216(F, G, set) BLOCKS_208(F, G, set) G(set, "q")
#define BLOCKS_224(F, G, set) BLOCKS_216(F, G, set) G(set, "r")
#define BLOCKS_232(F, G, set) BLOCKS_224(F, G, set) G(set, "s")
#define BLOCKS_240(F, G, set) BLOCKS_232(F, G, set) G(set, "t")
#define BLOCKS_248(F, G, set) BLOCKS_240(F, G, set) G(set, "u")
#define BLOCKS_256(F, G, set) BLOCKS_248(F, G, set) G(set, "v")
#define BLOCKS(F, G, set) JOIN(BLOCKS_, TILE_N)(F, G, set)
#define NEXT(set, x) "," REGISTERS(set, x)
#define ALL(set) BLOCKS(REGISTERS, NEXT, set)
#define ZERO(set, x) EACH(set, x, "mov.b32 ", ", 0;\n\t")
#define STORE(set, x) EACH(set, x, "st.global.b32 [at], ", "; add.u64 at, at, 512;\n\t")

#define DECLARE(set) asm volatile(".reg " ACC_REGISTER ALL(set) ";\n\t" BLOCKS(ZERO, ZERO, set)::: "memory")
#define WRITE(set, to) \
    asm volatile("{\n\t.reg .u64 at;\n\tmov.u64 at, %0;\n\t" BLOCKS(STORE, STORE, set) "}" ::"l"(to) : "memory")
#define READ_FIRST(set, word) asm volatile("mov.b32 %0, " set "00;" : "=r"(word)::"memory")

// D += A B: a descriptor of B in %0, the metadata in %1, of A the descriptor in %2 or four registers from %2 on
#define META_LIST ", %1, 0"
#if SPARSE
#define META META_LIST
#else
#define META ""
#endif
#if defined(SOURCE_RS)
#define A_OPERAND "{%2, %3, %4, %5}"
#define A_VALUES(a) "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w)
#else
#define A_OPERAND "%2"
#define A_VALUES(a) "l"(a)
#endif
#define MULTIPLY_ADD(set, a, b, meta)                                                                              \
    asm volatile("{\n\t.reg .pred on;\n\tsetp.ne.b32 on, 1, 0;\n\t" MNEMONIC "m64n" TEXT(TILE_N) "k" DEPTH_TEXT "." ACC_TEXT \
                 "." A_TEXT "." B_TEXT OPERATION " {" ALL(set) "}, " A_OPERAND ", %0" META ", on" SCALES ";\n\t}" \
                 ::"l"(b), "r"(meta), A_VALUES(a)                                                                  \
                 : "memory")

// The accumulators take turns
__device__ __forceinline__ void declare_accumulators() {
    DECLARE("p");
#if ILP > 1
    DECLARE("q");
#endif
#if ILP > 2
    DECLARE("r");
    DECLARE("s");
#endif
}

// What waits for every accumulator.
__device__ __forceinline__ unsigned read_accumulators() {
    unsigned folded, word;
    READ_FIRST("p", folded);
#if ILP > 1
    READ_FIRST("q", word);
    folded ^= word;
#endif
#if ILP > 2
    READ_FIRST("r", word);
    folded ^= word;
    READ_FIRST("s", word);
    folded ^= word;
#endif
    (void)word;
    return folded;
}

// Register r of thread t of a warpgroup goes to word 128 r + t, one set after the other.
__device__ __forceinline__ void write_accumulators(unsigned* out) {
    out += threadIdx.x / 128 * (ILP * ACCUMULATORS * 128) + threadIdx.x % 128;
    WRITE("p", out);
#if ILP > 1
    WRITE("q", out + 128 * ACCUMULATORS);
#endif
#if ILP > 2
    WRITE("r", out + 256 * ACCUMULATORS);
    WRITE("s", out + 384 * ACCUMULATORS);
#endif
}

#if defined(SOURCE_RS)
typedef uint4 OperandA;
#else
typedef u64 OperandA;
#endif

// `turn` must be known to the compiler.
__device__ __forceinline__ void multiply_add(int turn, OperandA a, u64 b, unsigned meta) {
    switch (turn % ILP) {
        case 0: MULTIPLY_ADD("p", a, b, meta); break;
#if ILP > 1
        case 1: MULTIPLY_ADD("q", a, b, meta); break;
#endif
#if ILP > 2
        case 2: MULTIPLY_ADD("r", a, b, meta); break;
        case 3: MULTIPLY_ADD("s", a, b, meta); break;
#endif
    }
}

__device__ __forceinline__ void warpgroup_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void warpgroup_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Until at most `pending` groups are under way.
template <int pending>
__device__ __forceinline__ void warpgroup_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}
