// How an operation is written down once, and how a kernel gets the one that a cell asks for.
//
// OPERATION(NAME, type, letter, text) makes a struct whose step() is one PTX text over the value %0 and the operands
// %1 and %2; `letter` is the constraint of the type. The macro FUNCTION_NAME=1 makes NAME the base of Chosen<void>,
// FIRST_NAME=1 and SECOND_NAME=1 that of First<void> and Second<void>.
#pragma once

typedef unsigned u32;
typedef unsigned long long u64;

// 1 where the macro is defined as 1, else 0: `TAKES_1 1, 0` has 1 as its second part, any other text has 0.
#define TAKES_1 0,
#define SECOND_OF(a, b, ...) b
#define ASKED_OF(...) SECOND_OF(__VA_ARGS__)
#define ASKED_VALUE(value) ASKED_OF(TAKES_##value 1, 0)
#define ASKED(macro) ASKED_VALUE(macro)

template <int asked, typename Operation> struct Key { typedef Operation Is; };
template <typename Operation> struct Key<1, Operation> { typedef void Is; };
template <typename Key> struct Chosen;
template <typename Key> struct First;
template <typename Key> struct Second;

#define OFFER(NAME)                                                            \
    template <> struct Chosen<Key<ASKED(FUNCTION_##NAME), NAME>::Is> : NAME {}; \
    template <> struct First<Key<ASKED(FIRST_##NAME), NAME>::Is> : NAME {};     \
    template <> struct Second<Key<ASKED(SECOND_##NAME), NAME>::Is> : NAME {};

// per_step: source operations of one step. steps: how many steps one iteration of a timed loop has. For sm_80 that is 250
// instructions at most: the assembler leaves longer loops by a call.
template <typename T, int operations = 1, int body = 240>
struct Step {
    typedef T Value;
    static const int per_step = operations, steps = body;
};

#define OPERATION(NAME, T, letter, text)                                           \
    struct NAME : Step<T> {                                                        \
        static __device__ __forceinline__ void step(T& x, T a, T b, int) {         \
            asm volatile(text : "+" letter(x) : letter(a), letter(b));             \
        }                                                                          \
    };                                                                             \
    OFFER(NAME)

// Two or more source operations in one text, or one that takes many instructions.
#define OPERATIONS(NAME, T, letter, per_step, body, text)                          \
    struct NAME : Step<T, per_step, body> {                                        \
        static __device__ __forceinline__ void step(T& x, T a, T b, int) {         \
            asm volatile(text : "+" letter(x) : letter(a), letter(b));             \
        }                                                                          \
    };                                                                             \
    OFFER(NAME)

__device__ __forceinline__ u64 bits(u32 x) { return x; }
__device__ __forceinline__ u64 bits(u64 x) { return x; }
__device__ __forceinline__ u64 bits(float x) { return __float_as_uint(x); }
__device__ __forceinline__ u64 bits(double x) { return (u64)__double_as_longlong(x); }
