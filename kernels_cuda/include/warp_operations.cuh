// What a warp does as one: shuffles, votes, matches and reductions, all 32 lanes taking part.
#pragma once
#include "operation.cuh"

OPERATION(SHFL_IDX, u32, "r", "shfl.sync.idx.b32 %0, %0, %1, 0x1f, 0xffffffff;")
OPERATION(SHFL_BFLY, u32, "r", "shfl.sync.bfly.b32 %0, %0, %1, 0x1f, 0xffffffff;")
OPERATION(SHFL_UP, u32, "r", "shfl.sync.up.b32 %0, %0, %1, 0x0, 0xffffffff;")
OPERATION(SHFL_DOWN, u32, "r", "shfl.sync.down.b32 %0, %0, %1, 0x1f, 0xffffffff;")
OPERATIONS(VOTE_BALLOT, u32, "r", 1, 112,
          "{\n\t.reg .pred p;\n\tsetp.gt.u32 p, %0, %1;\n\tvote.sync.ballot.b32 %0, p, 0xffffffff;\n\t}")
OPERATIONS(VOTE_ANY, u32, "r", 1, 64,
          "{\n\t.reg .pred p, q;\n\tsetp.gt.u32 p, %0, %1;\n\tvote.sync.any.pred q, p, 0xffffffff;\n\t"
          "selp.b32 %0, %1, %2, q;\n\t}")
OPERATIONS(VOTE_ALL, u32, "r", 1, 64,
          "{\n\t.reg .pred p, q;\n\tsetp.gt.u32 p, %0, %1;\n\tvote.sync.all.pred q, p, 0xffffffff;\n\t"
          "selp.b32 %0, %1, %2, q;\n\t}")
OPERATIONS(VOTE_UNI, u32, "r", 1, 64,
          "{\n\t.reg .pred p, q;\n\tsetp.gt.u32 p, %0, %1;\n\tvote.sync.uni.pred q, p, 0xffffffff;\n\t"
          "selp.b32 %0, %1, %2, q;\n\t}")
OPERATIONS(MATCH_ANY, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\tmatch.any.sync.b32 t, %0, 0xffffffff;\n\tlop3.b32 %0, t, %1, %2, 0x6a;\n\t}")
OPERATIONS(MATCH_ALL, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\t.reg .pred p;\n\tmatch.all.sync.b32 t|p, %0, 0xffffffff;\n\t"
           "lop3.b32 %0, t, %1, %2, 0x6a;\n\t}")
OPERATIONS(MATCH_ANY_B64, u64, "l", 1, 64,
           "{\n\t.reg .b32 t;\n\t.reg .b64 w;\n\tmatch.any.sync.b64 t, %0, 0xffffffff;\n\tmov.b64 w, {t, t};\n\t"
           "xor.b64 %0, w, %1;\n\t}")
OPERATIONS(REDUX_ADD, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\tredux.sync.add.s32 t, %0, 0xffffffff;\n\txor.b32 %0, t, %1;\n\t}")
OPERATIONS(REDUX_MAX, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\tredux.sync.max.s32 t, %0, 0xffffffff;\n\txor.b32 %0, t, %1;\n\t}")
OPERATIONS(REDUX_XOR, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\tredux.sync.xor.b32 t, %0, 0xffffffff;\n\txor.b32 %0, t, %1;\n\t}")
OPERATIONS(REDUX_MIN, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\tredux.sync.min.s32 t, %0, 0xffffffff;\n\txor.b32 %0, t, %1;\n\t}")
OPERATIONS(REDUX_MAX_U32, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\tredux.sync.max.u32 t, %0, 0xffffffff;\n\txor.b32 %0, t, %1;\n\t}")
OPERATIONS(REDUX_AND, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\tredux.sync.and.b32 t, %0, 0xffffffff;\n\txor.b32 %0, t, %1;\n\t}")
OPERATIONS(REDUX_OR, u32, "r", 1, 64,
           "{\n\t.reg .b32 t;\n\tredux.sync.or.b32 t, %0, 0xffffffff;\n\txor.b32 %0, t, %1;\n\t}")
