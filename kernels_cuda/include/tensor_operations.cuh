// One tensor core instruction as an operation, for pairs with other pipes: 16 x 8 x 8 halves. The value is the
// accumulator, two registers of two halves; %1 holds both registers of A, the lower half of %2 the one of B.
#pragma once
#include "operation.cuh"

OPERATION(MMA_F16, u64, "l",
          "{\n\t.reg .b32 c0, c1, a0, a1, b0, b1;\n\tmov.b64 {c0, c1}, %0;\n\tmov.b64 {a0, a1}, %1;\n\t"
          "mov.b64 {b0, b1}, %2;\n\tmma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 {c0, c1}, {a0, a1}, {b0}, "
          "{c0, c1};\n\tmov.b64 %0, {c0, c1};\n\t}")
