// The arithmetic of affine quantized weights, w = q * scale + bias, shared by all kernels.
//
// No pointer here or in the kernels names its address space: MLX passes an array of fewer than 8 elements in `constant`
// memory and a longer one in `device` memory, and the same text must compile for both.
#ifndef FLASHMOE_QUANTIZED_H
#define FLASHMOE_QUANTIZED_H

// One weight times one activation. FMA (the original's kernel): two products, then one fused multiply-add. Otherwise
// (naive): the weight first, then the product.
template <bool FMA>
KERNEL_INLINE float weight_times(float q, float scale, float bias, float x) {
  return FMA ? fma(q, scale * x, bias * x) : (q * scale + bias) * x;
}

// One packed word times the 32 / BITS activations it meets. Value i lies at bit BITS * i, lowest first.
template <int BITS, bool FMA>
KERNEL_INLINE float word_times(unsigned int packed, float scale, float bias, thread const float (&x)[32 / BITS]) {
  const unsigned int mask = (1u << BITS) - 1u;
  float sum = 0.0f;
  for (int i = 0; i < 32 / BITS; ++i) {
    sum += weight_times<FMA>(float((packed >> (BITS * i)) & mask), scale, bias, x[i]);
  }
  return sum;
}

// Word `word` of row `row` times its activations. Shapes: weight [rows, words], scales and biases [rows, groups].
template <int BITS, int GROUP, bool FMA, typename W, typename S, typename B>
KERNEL_INLINE float row_word_times(
    W weight, S scales, B biases, size_t row, int words, int word, thread const float (&x)[32 / BITS]) {
  constexpr int WORDS_PER_GROUP = GROUP * BITS / 32;
  const size_t group = row * size_t(words / WORDS_PER_GROUP) + size_t(word / WORDS_PER_GROUP);
  return word_times<BITS, FMA>(weight[row * size_t(words) + size_t(word)], float(scales[group]), float(biases[group]), x);
}

#endif
