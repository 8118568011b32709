// A GPU of one thread at a time, for the C++ compiler of any Linux machine: enough Metal for the kernels of this package.
//
// Every GPU thread is a fiber that runs until it waits: at threadgroup_barrier for its threadgroup, in simd_sum for its
// simdgroup. A wait that not all of them reach is an error. Threadgroup memory starts as poison and is watched: an element
// that one thread writes and another reads or writes with no barrier between is an error in whatever order they ran.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using std::exp;
using std::fma;
using std::size_t;
typedef _Float16 float16_t;

struct bfloat16_t {
  uint16_t bits;
  explicit bfloat16_t(float value) {
    uint32_t wide;
    std::memcpy(&wide, &value, 4);
    bits = std::isnan(value) ? 0x7fc0 : uint16_t((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);  // to nearest even
  }
  operator float() const {
    const uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
  }
};

struct uint3 {
  uint32_t x, y, z;
};
typedef uint32_t uint;

namespace emulator {

constexpr int SIMD_WIDTH = 32;
constexpr size_t STACK_BYTES = 64 * 1024;

enum class State { ready, at_barrier, in_simdgroup, done };

struct Fiber {
  ucontext_t context;
  std::vector<char> stack = std::vector<char>(STACK_BYTES);
  State state;
  uint32_t index;
  float given;   // to its simdgroup, and what comes back
  int distance;  // 0: all 32 are to be summed; else the value of the lane this far off is wanted
};

// One element of threadgroup memory and who touched it since which barrier.
struct Cell {
  float value = std::numeric_limits<float>::quiet_NaN();
  int writer = -1, write_epoch = -1, reader = -1, read_epoch = -1;
  bool several_readers = false;
};

struct Machine {
  std::vector<Fiber> fibers;
  ucontext_t scheduler;
  Fiber* running = nullptr;
  int epoch = 0;  // barriers passed in this threadgroup
  uint3 group = {};
  std::map<std::string, std::vector<Cell>> memory;
  std::string error;
  std::function<void()> kernel;

  void fail(const std::string& what) {
    if (!error.empty()) return;
    error = what + ", threadgroup (" + std::to_string(group.x) + ", " + std::to_string(group.y) + ")";
    if (running) error += ", thread " + std::to_string(running->index);
  }

  void wait(State state) {
    running->state = state;
    swapcontext(&running->context, &scheduler);
  }

  void run_until_all_wait(const std::vector<int>& order) {
    for (int index : order) {
      Fiber& fiber = fibers[index];
      if (fiber.state != State::ready) continue;
      running = &fiber;
      swapcontext(&scheduler, &fiber.context);
      running = nullptr;
    }
  }

  int count(State state, size_t start, size_t width) const {
    int n = 0;
    for (size_t i = start; i < start + width; ++i) n += fibers[i].state == state;
    return n;
  }

  // Serves each simdgroup that is complete. Sums in the shape of a butterfly, as hardware does.
  bool release_simdgroups() {
    bool released = false;
    for (size_t start = 0; start < fibers.size(); start += SIMD_WIDTH) {
      if (count(State::in_simdgroup, start, SIMD_WIDTH) != SIMD_WIDTH) continue;
      float given[SIMD_WIDTH], sums[SIMD_WIDTH];
      for (int i = 0; i < SIMD_WIDTH; ++i) sums[i] = given[i] = fibers[start + i].given;
      for (int distance = SIMD_WIDTH / 2; distance > 0; distance /= 2) {
        for (int i = 0; i < distance; ++i) sums[i] += sums[i + distance];
      }
      for (int i = 0; i < SIMD_WIDTH; ++i) {
        Fiber& fiber = fibers[start + i];
        fiber.given = fiber.distance ? given[i ^ fiber.distance] : sums[0];
        fiber.state = State::ready;
      }
      released = true;
    }
    return released;
  }

  void run_group(const std::vector<int>& order) {
    const size_t n = fibers.size();
    while (error.empty()) {
      run_until_all_wait(order);
      if (release_simdgroups()) continue;
      if (count(State::done, 0, n) == int(n)) return;
      if (count(State::in_simdgroup, 0, n)) return fail("simd_sum was not reached by every lane");
      if (count(State::at_barrier, 0, n) != int(n)) return fail("a barrier was not reached by every thread");
      for (Fiber& fiber : fibers) fiber.state = State::ready;
      ++epoch;
    }
  }
};

inline Machine& machine() {
  static Machine one;
  return one;
}

// Gives a value to the simdgroup and waits for what comes back.
inline float exchange(float value, int distance) {
  machine().running->given = value;
  machine().running->distance = distance;
  machine().wait(State::in_simdgroup);
  return machine().running->given;
}

inline void fiber_main() {
  machine().kernel();
  machine().wait(State::done);
}

// What `tile[i]` is: reading and writing go through the watch.
struct Element {
  Cell& cell;
  const char* name;

  operator float() const {
    Machine& m = machine();
    const int me = m.running->index;
    if (cell.write_epoch < 0) m.fail(std::string(name) + " was read before it was written");
    if (cell.writer != me && cell.write_epoch == m.epoch) {
      m.fail(std::string(name) + " was read with no barrier since another thread wrote it");
    }
    cell.several_readers = cell.read_epoch == m.epoch && (cell.several_readers || cell.reader != me);
    cell.reader = me;
    cell.read_epoch = m.epoch;
    return cell.value;
  }

  void operator=(float value) {
    Machine& m = machine();
    const int me = m.running->index;
    if (cell.writer != me && cell.write_epoch == m.epoch) m.fail(std::string(name) + " was written by two threads");
    if (cell.read_epoch == m.epoch && (cell.several_readers || cell.reader != me)) {
      m.fail(std::string(name) + " was written with no barrier since another thread read it");
    }
    cell.value = value;
    cell.writer = me;
    cell.write_epoch = m.epoch;
  }
};

struct ThreadgroupArray {
  std::vector<Cell>& cells;
  const char* name;

  Element operator[](size_t i) const {
    static Cell beyond;
    if (i < cells.size()) return {cells[i], name};
    machine().fail(std::string(name) + " has no element " + std::to_string(i));
    return {beyond = Cell(), name};
  }
};

inline ThreadgroupArray threadgroup_array(const char* name, size_t count) {
  std::vector<Cell>& cells = machine().memory[name];
  if (cells.empty()) cells.resize(count);
  return {cells, name};
}

// What MLX's signature may ask for; read inside the fiber.
struct Here {
  uint3 threadgroup_position_in_grid;
  uint thread_index_in_threadgroup, thread_index_in_simdgroup, simdgroup_index_in_threadgroup;
};

inline Here here() {
  const uint index = machine().running->index;
  return {machine().group, index, index % SIMD_WIDTH, index / SIMD_WIDTH};
}

// Order 0 runs the threads as they are numbered, 1 backwards, any other in an order of its own.
inline std::vector<int> thread_order(uint32_t threads, int seed) {
  std::vector<int> order(threads);
  std::iota(order.begin(), order.end(), 0);
  if (seed == 1) return {order.rbegin(), order.rend()};
  if (seed > 1) std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  return order;
}

inline int dispatch(const uint32_t* grid, uint32_t threads, int seed, std::function<void()> kernel, char* message) {
  Machine& m = machine();
  m.error.clear();
  m.kernel = std::move(kernel);
  m.fibers = std::vector<Fiber>(threads);
  if (threads % SIMD_WIDTH || grid[0] % threads) m.fail("the grid is not whole threadgroups of whole simdgroups");
  const std::vector<int> order = thread_order(threads, seed);
  for (m.group = {}; m.error.empty() && m.group.y < grid[1]; ++m.group.y) {
    for (m.group.x = 0; m.error.empty() && m.group.x < grid[0] / threads; ++m.group.x) {
      m.memory.clear();
      m.epoch = 0;
      for (uint32_t i = 0; i < threads; ++i) {
        Fiber& fiber = m.fibers[i];
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = fiber.stack.size();
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, fiber_main, 0);
        fiber.state = State::ready;
        fiber.index = i;
      }
      m.run_group(order);
    }
  }
  std::snprintf(message, 256, "%s", m.error.c_str());
  return m.error.empty() ? 0 : 1;
}

}  // namespace emulator

#if defined(EMULATE_CUDA)
// -- the words of CUDA that dialect.h and MLX's signature use, after every include -----------------------------------
#define __CUDACC__
#define __device__
#define __global__
#define __grid_constant__
#define __shared__ static  // keeps the last block's values, and is not watched
#define blockIdx (emulator::machine().group)
#define threadIdx (uint3{emulator::machine().running->index, 0, 0})

struct Shape {
  int32_t sizes[8];
  int32_t operator[](int i) const { return sizes[i]; }
};
typedef bfloat16_t __nv_bfloat16;
typedef float16_t __half;

inline void __syncthreads() { emulator::machine().wait(emulator::State::at_barrier); }
inline float __shfl_xor_sync(uint32_t, float value, int distance) { return emulator::exchange(value, distance); }
#else
// -- the words of Metal that the kernels and MLX's signature use ------------------------------------------------------
enum class mem_flags { mem_threadgroup };

inline void threadgroup_barrier(mem_flags) { emulator::machine().wait(emulator::State::at_barrier); }

inline float simd_sum(float value) { return emulator::exchange(value, 0); }

#define THREADGROUP_ARRAY(type, name, count) const auto name = emulator::threadgroup_array(#name, count)
#define thread
#define device
#define constant
#endif
