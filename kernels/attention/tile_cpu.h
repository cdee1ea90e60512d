// What the attention kernels for the CPU share: products of small tiles, and the softmax that takes its scores tile by
// tile (Milakov and Gimelshein 2018).
#pragma once
#include <cmath>

#include "kernels/attention/tiles.h"
#include "kernels/core/gemm_tile.h"
#include "kernels/core/lanes.h"

namespace hone::kernels::cpu {

// c (m, n) = alpha * a (m, k) bᵀ, b (n, k).
template <class T>
void times_transposed(Wide<T>* c, int64_t stride_c, const T* a, int64_t stride_a, const T* b, int64_t stride_b,
                      int64_t m, int64_t n, int64_t k, Wide<T> alpha) {
  gemm_tile(TileProduct<T, Wide<T>>{m, n, k, false, true, alpha, 0, a, stride_a, b, stride_b, c, stride_c});
}
// c (m, n) = alpha * a (m, k) b + beta * c, b (k, n).
template <class T>
void times(Wide<T>* c, int64_t stride_c, const T* a, int64_t stride_a, const T* b, int64_t stride_b, int64_t m,
           int64_t n, int64_t k, Wide<T> alpha, Wide<T> beta) {
  gemm_tile(TileProduct<T, Wide<T>>{m, n, k, false, false, alpha, beta, a, stride_a, b, stride_b, c, stride_c});
}
// c (m, n) = aᵀ b + beta * c, a (k, m), b (k, n).
template <class T>
void transposed_times(Wide<T>* c, int64_t stride_c, const T* a, int64_t stride_a, const T* b, int64_t stride_b,
                      int64_t m, int64_t n, int64_t k, Wide<T> beta) {
  gemm_tile(TileProduct<T, Wide<T>>{m, n, k, true, false, 1, beta, a, stride_a, b, stride_b, c, stride_c});
}

// n scores softened: softcap * tanh(score / softcap). Nothing happens where softcap is 0.
template <class T>
void soften(T* scores, int64_t n, T softcap) {
  if (softcap == 0) return;
  for (int64_t i = 0; i < n; ++i) scores[i] = softcap * std::tanh(scores[i] / softcap);
}

// One row's softmax so far: weights are e to the (score - best), sum is theirs.
template <class T>
struct OnlineSoftmax {
  T best = -std::numeric_limits<T>::infinity(), sum = 0;

  // Turns n scores into weights; returns what was made with the weights before is to be multiplied by.
  T take(T* scores, int64_t n) {
    const T top = largest_of(n, best, [&](int64_t i) { return scores[i]; });
    const T shrink = exp_of(best - top);
    best = top;
    for (int64_t i = 0; i < n; ++i) scores[i] = exp_of(scores[i] - top);
    sum = sum * shrink + sum_of<T>(n, [&](int64_t i) { return scores[i]; });
    return shrink;
  }
};

}  // namespace hone::kernels::cpu
