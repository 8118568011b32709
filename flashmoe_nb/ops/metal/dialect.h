// What the kernels say, in the words of the compiler at hand. Metal needs one macro; CUDA needs Metal's words translated;
// any other compiler gets them from whoever includes this (tests/ops/metal/emulator.h).
#ifndef FLASHMOE_DIALECT_H
#define FLASHMOE_DIALECT_H

#if defined(__METAL_VERSION__)

#define THREADGROUP_ARRAY(type, name, count) threadgroup type name[count]

#elif defined(__CUDACC__) || defined(__CUDACC_RTC__)

// A threadgroup is a block, a simdgroup a warp, threadgroup memory shared memory.
#define THREADGROUP_ARRAY(type, name, count) __shared__ type name[count]
#define thread
#define KERNEL_INLINE inline __device__
#define mem_flags flashmoe_mem_flags
#define threadgroup_position_in_grid blockIdx
#define thread_index_in_threadgroup threadIdx.x
#define thread_index_in_simdgroup (threadIdx.x % 32)
#define simdgroup_index_in_threadgroup (threadIdx.x / 32)

enum class flashmoe_mem_flags { mem_threadgroup };

inline __device__ void threadgroup_barrier(flashmoe_mem_flags) { __syncthreads(); }

inline __device__ float simd_sum(float value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

#endif

#ifndef KERNEL_INLINE
#define KERNEL_INLINE inline
#endif

#endif
