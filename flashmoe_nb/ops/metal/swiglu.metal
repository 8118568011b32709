// y[pair, :] = silu(G[slots[pair]] x) * (U[slots[pair]] x), x = x[x_rows[pair], :]: gate_proj, up_proj and SwiGLU at once.
//
// Inputs: gate_weight and up_weight uint32 [S, N, words], their scales and biases [S, N, groups], x [R, D], slots and
// x_rows uint32 [P]. Output: y of type T, [P, N]. Template and threads as in matvec.metal.

constexpr int PER_WORD = 32 / BITS;
const int out_dim = gate_weight_shape[1];
const int words = gate_weight_shape[2];
const int in_dim = words * PER_WORD;
const int lane = thread_index_in_simdgroup;
const int pair = threadgroup_position_in_grid.y;
const int first = (threadgroup_position_in_grid.x * SIMDGROUPS + simdgroup_index_in_threadgroup) * ROWS;
const size_t matrix = size_t(slots[pair]) * size_t(out_dim);
const size_t x_start = size_t(x_rows[pair]) * size_t(in_dim);

THREADGROUP_ARRAY(float, tile, TILE);
float gate_sums[ROWS] = {};
float up_sums[ROWS] = {};

for (int start = 0; start < in_dim; start += TILE) {
  const int count = in_dim - start < TILE ? in_dim - start : TILE;
  threadgroup_barrier(mem_flags::mem_threadgroup);  // nobody still reads the last tile
  for (int i = thread_index_in_threadgroup; i < count; i += SIMDGROUPS * 32) tile[i] = float(x[x_start + start + i]);
  threadgroup_barrier(mem_flags::mem_threadgroup);  // the new tile is whole

  for (int word = lane; word < count / PER_WORD; word += 32) {
    float values[PER_WORD];  // read once, used for ROWS rows of both matrices
    for (int i = 0; i < PER_WORD; ++i) values[i] = tile[word * PER_WORD + i];
    for (int r = 0; r < ROWS; ++r) {
      if (first + r < out_dim) {
        const size_t row = matrix + first + r;
        const int column = start / PER_WORD + word;
        gate_sums[r] += row_word_times<BITS, GROUP, FMA>(
            gate_weight, gate_scales, gate_biases, row, words, column, values);
        up_sums[r] += row_word_times<BITS, GROUP, FMA>(up_weight, up_scales, up_biases, row, words, column, values);
      }
    }
  }
}

for (int r = 0; r < ROWS; ++r) {
  const float gate = simd_sum(gate_sums[r]);
  const float up = simd_sum(up_sums[r]);
  if (lane == 0 && first + r < out_dim) y[size_t(pair) * out_dim + first + r] = T(gate / (1.0f + exp(-gate)) * up);
}
