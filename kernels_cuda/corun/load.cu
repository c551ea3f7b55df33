// Measures: how fast one kind of work goes on a few SMs while another kind runs on the others, or over the link.
// Could fool it: two blocks on one SM (each asks for more than half of its shared memory); data that stays in L2
// (each launch goes on where the last one ended, through far more memory than L2 holds).
// SASS: 64 HMMA and 24 LDSM per iteration of the tensor loop; 4 loads of 16 bytes in each loop that reads memory.
typedef unsigned long long u64;

enum Kind { TENSOR = 1, STREAM = 2, GEMV = 4, GATHER = 8, SMALL = 16 };  // bits: a jump by table could not be followed

constexpr int M = 64, N = 32, K = 64, PITCH = K + 8;  // rows of operands lie 16 bytes apart modulo 128: no conflicts

__device__ __forceinline__ uint4 load(const char* p) {
    uint4 v;
    asm volatile("ld.global.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p));
    return v;
}

__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const unsigned short* p) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"((unsigned)__cvta_generic_to_shared(p)));
}

__device__ __forceinline__ void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Every warp multiplies the same M x K by N x K operands (bf16) again and again; each thread's sum goes to `out`.
__device__ __forceinline__ void tensor(const unsigned short* operands, float* out, unsigned rounds) {
    __shared__ __align__(16) unsigned short a[M * PITCH], b[N * PITCH];
    for (int i = threadIdx.x; i < M * K; i += blockDim.x) a[i / K * PITCH + i % K] = operands[i];
    for (int i = threadIdx.x; i < N * K; i += blockDim.x) b[i / K * PITCH + i % K] = operands[M * K + i];
    __syncthreads();
    const int lane = threadIdx.x % 32;
    const unsigned short* a_at = a + lane % 16 * PITCH + lane / 16 * 8;
    const unsigned short* b_at = b + (lane % 8 + lane / 16 * 8) * PITCH + lane / 8 % 2 * 8;
    float c[4][4][4] = {};
#pragma unroll 1
    for (unsigned r = 0; r < rounds; ++r) {
#pragma unroll
        for (int k = 0; k < K; k += 16) {
            unsigned fa[4][4], fb[2][4];
#pragma unroll
            for (int m = 0; m < 4; ++m) load_matrices(fa[m], a_at + 16 * m * PITCH + k);
#pragma unroll
            for (int n = 0; n < 2; ++n) load_matrices(fb[n], b_at + 16 * n * PITCH + k);
#pragma unroll
            for (int m = 0; m < 4; ++m)
#pragma unroll
                for (int n = 0; n < 4; ++n) multiply(c[m][n], fa[m], fb[n / 2][n % 2 * 2], fb[n / 2][n % 2 * 2 + 1]);
        }
    }
    float sum = 0;
#pragma unroll
    for (int m = 0; m < 4; ++m)
#pragma unroll
        for (int n = 0; n < 4; ++n) sum += c[m][n][0] + c[m][n][1] + c[m][n][2] + c[m][n][3];
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

// Piece i is 2 KiB for each warp; pieces are taken in turn by all warps, from piece `first` on, modulo mask + 1.
__device__ __forceinline__ u64 piece(unsigned first, unsigned round, u64 mask) {
    const unsigned warps = blockDim.x / 32;
    return (first + (u64)(round * gridDim.x + blockIdx.x) * warps + threadIdx.x / 32) & mask;
}

__device__ __forceinline__ unsigned folded(uint4 v) { return v.x + v.y + v.z + v.w; }

__device__ __forceinline__ int dot(uint4 a, uint4 b, int sum) {
    sum = __dp4a((int)a.x, (int)b.x, sum);
    sum = __dp4a((int)a.y, (int)b.y, sum);
    sum = __dp4a((int)a.z, (int)b.z, sum);
    return __dp4a((int)a.w, (int)b.w, sum);
}

// TENSOR: memory holds the operands. STREAM: reads memory, each thread's sum of words goes to out. GEMV: rows of 2 KiB
// of int8 times the vector at `other`, row by row to out. GATHER: rows order[piece] of memory go to out, piece by
// piece. SMALL: a short chain of additions.
extern "C" __global__ void __launch_bounds__(256, 2) probe(unsigned kind, const char* memory, const char* other, char* out,
                                                         unsigned first, u64 mask, unsigned rounds) {
    const unsigned lane = threadIdx.x % 32, thread = blockIdx.x * blockDim.x + threadIdx.x;
    if (kind & TENSOR) {
        tensor((const unsigned short*)memory, (float*)out, rounds);
    } else if (kind & STREAM) {
        unsigned sum = 0;
#pragma unroll 1
        for (unsigned r = 0; r < rounds; ++r) {
            const char* p = memory + piece(first, r, mask) * 2048 + 16 * lane;
            uint4 v[4];
#pragma unroll
            for (int j = 0; j < 4; ++j) v[j] = load(p + 512 * j);
#pragma unroll
            for (int j = 0; j < 4; ++j) sum += folded(v[j]);
        }
        ((unsigned*)out)[thread] = sum;
    } else if (kind & GEMV) {
        uint4 x[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) x[j] = __ldg((const uint4*)(other + 16 * lane + 512 * j));
#pragma unroll 1
        for (unsigned r = 0; r < rounds; ++r) {
            const u64 row = piece(first, r, mask);
            const char* p = memory + row * 2048 + 16 * lane;
            uint4 v[4];
#pragma unroll
            for (int j = 0; j < 4; ++j) v[j] = load(p + 512 * j);
            int sum = 0;
#pragma unroll
            for (int j = 0; j < 4; ++j) sum = dot(v[j], x[j], sum);
#pragma unroll
            for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
            if (lane == 0) ((int*)out)[row] = sum;
        }
    } else if (kind & GATHER) {
#pragma unroll 1
        for (unsigned r = 0; r < rounds; ++r) {
            const u64 i = piece(first, r, mask);
            const char* p = memory + (u64)__ldg((const unsigned*)other + i) * 2048 + 16 * lane;
            uint4 v[4];
#pragma unroll
            for (int j = 0; j < 4; ++j) v[j] = load(p + 512 * j);
#pragma unroll
            for (int j = 0; j < 4; ++j) *(uint4*)(out + i * 2048 + 16 * lane + 512 * j) = v[j];
        }
    } else {
        unsigned x = thread;
#pragma unroll 1
        for (unsigned r = 0; r < rounds; ++r) asm volatile("mad.lo.u32 %0, %0, 5, 1;" : "+r"(x));
        ((unsigned*)out)[thread] = x;
    }
}
