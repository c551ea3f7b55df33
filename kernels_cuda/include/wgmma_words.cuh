// The words of a wgmma for the types that macros choose (see wgmma.cuh): A_TEXT, B_TEXT, MNEMONIC, DEPTH_TEXT for K,
// OPERATION, and SCALES for what follows the operands.
#pragma once

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

#ifndef SPARSE
#define SPARSE 0
#endif

#if defined(A_TYPE_F16)
#define A_TEXT "f16"
#elif defined(A_TYPE_BF16)
#define A_TEXT "bf16"
#elif defined(A_TYPE_TF32)
#define A_TEXT "tf32"
#elif defined(A_TYPE_E4M3)
#define A_TEXT "e4m3"
#elif defined(A_TYPE_E5M2)
#define A_TEXT "e5m2"
#elif defined(A_TYPE_S8)
#define A_TEXT "s8"
#elif defined(A_TYPE_U8)
#define A_TEXT "u8"
#elif defined(A_TYPE_B1)
#define A_TEXT "b1"
#endif
#if defined(B_TYPE_F16)
#define B_TEXT "f16"
#elif defined(B_TYPE_BF16)
#define B_TEXT "bf16"
#elif defined(B_TYPE_TF32)
#define B_TEXT "tf32"
#elif defined(B_TYPE_E4M3)
#define B_TEXT "e4m3"
#elif defined(B_TYPE_E5M2)
#define B_TEXT "e5m2"
#elif defined(B_TYPE_S8)
#define B_TEXT "s8"
#elif defined(B_TYPE_U8)
#define B_TEXT "u8"
#elif defined(B_TYPE_B1)
#define B_TEXT "b1"
#endif

// K of a dense instruction, and what follows the operands: scale of A and B, and for 16 bits whether they lie along M and N
#if defined(A_TYPE_F16) || defined(A_TYPE_BF16)
#define DEPTH 16
#if defined(SOURCE_RS)
#define SCALES ", 1, 1, 0"
#else
#define SCALES ", 1, 1, 0, 0"
#endif
#elif defined(A_TYPE_TF32)
#define DEPTH 8
#define SCALES ", 1, 1"
#elif defined(A_TYPE_E4M3) || defined(A_TYPE_E5M2)
#define DEPTH 32
#define SCALES ", 1, 1"
#elif defined(A_TYPE_B1)
#define DEPTH 256
#define SCALES ""
#else
#define DEPTH 32
#define SCALES ""
#endif

#if defined(A_TYPE_B1)
#define OPERATION ".and.popc"
#else
#define OPERATION ""
#endif

#if SPARSE
#if DEPTH == 8
#define DEPTH_TEXT "16"
#elif DEPTH == 16
#define DEPTH_TEXT "32"
#else
#define DEPTH_TEXT "64"
#endif
#define MNEMONIC "wgmma.mma_async.sp.sync.aligned."
#else
#define DEPTH_TEXT TEXT(DEPTH)
#define MNEMONIC "wgmma.mma_async.sync.aligned."
#endif
