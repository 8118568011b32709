// y[pair, :] = W[slots[pair]] x[x_rows[pair], :] for quantized matrices that lie in slots.
//
// Inputs: weight uint32 [S, N, words], scales and biases [S, N, groups], x [R, D], slots and x_rows uint32 [P].
// Output: y of type T, [P, N]. Template: T, BITS, GROUP, FMA, ROWS, SIMDGROUPS, TILE.
// A threadgroup is SIMDGROUPS x 32 threads and makes SIMDGROUPS x ROWS outputs of one pair; grid y is the pair.

constexpr int PER_WORD = 32 / BITS;
const int out_dim = weight_shape[1];
const int words = weight_shape[2];
const int in_dim = words * PER_WORD;
const int lane = thread_index_in_simdgroup;
const int pair = threadgroup_position_in_grid.y;
const int first = (threadgroup_position_in_grid.x * SIMDGROUPS + simdgroup_index_in_threadgroup) * ROWS;
const size_t matrix = size_t(slots[pair]) * size_t(out_dim);
const size_t x_start = size_t(x_rows[pair]) * size_t(in_dim);

THREADGROUP_ARRAY(float, tile, TILE);
float sums[ROWS] = {};

for (int start = 0; start < in_dim; start += TILE) {
  const int count = in_dim - start < TILE ? in_dim - start : TILE;
  threadgroup_barrier(mem_flags::mem_threadgroup);  // nobody still reads the last tile
  for (int i = thread_index_in_threadgroup; i < count; i += SIMDGROUPS * 32) tile[i] = float(x[x_start + start + i]);
  threadgroup_barrier(mem_flags::mem_threadgroup);  // the new tile is whole

  for (int word = lane; word < count / PER_WORD; word += 32) {
    float values[PER_WORD];  // read once, used for ROWS rows
    for (int i = 0; i < PER_WORD; ++i) values[i] = tile[word * PER_WORD + i];
    for (int r = 0; r < ROWS; ++r) {
      if (first + r < out_dim) {
        sums[r] += row_word_times<BITS, GROUP, FMA>(
            weight, scales, biases, matrix + first + r, words, start / PER_WORD + word, values);
      }
    }
  }
}

for (int r = 0; r < ROWS; ++r) {
  const float total = simd_sum(sums[r]);
  if (lane == 0 && first + r < out_dim) y[size_t(pair) * out_dim + first + r] = T(total);
}
