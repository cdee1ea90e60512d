#include "autograd/functions.h"
#include "kernels/elementwise/elementwise.h"

namespace hone::autograd {

Projected split_qkv(Tape& tape, const Var& qkv, int64_t q_width, int64_t kv_width) {
  Stream& stream = tape.stream();
  const Tensor& all = qkv.value();
  const int64_t ends[] = {0, q_width, q_width + kv_width, q_width + 2 * kv_width};
  require(all.width() == ends[3], "[split_qkv] expected ", ends[3], " columns, got ", all.width());
  Tensor v(stream, {all.rows(), kv_width}, all.dtype());
  kernels::copy(stream, v, all.columns(ends[2], ends[3]));
  std::vector<Output> parts;
  for (Tensor part : {all.columns(ends[0], ends[1]), all.columns(ends[1], ends[2]), v})
    parts.emplace_back(std::move(part));
  std::vector<Var> out = tape.record("split_qkv", std::move(parts), {qkv},
                                     [shape = all.shape(), dtype = all.dtype(), ends = std::to_array(ends),
                                      qkv = qkv.slot()](std::span<Tensor> dys, GradSink& grads) {
                                       Tensor dqkv(grads.stream(), shape, dtype);
                                       for (size_t i = 0; i < dys.size(); ++i) {
                                         Tensor part = dqkv.columns(ends[i], ends[i + 1]);
                                         if (dys[i])
                                           kernels::copy(grads.stream(), part, dys[i]);
                                         else
                                           kernels::fill(grads.stream(), part, 0);  // not used
                                         dys[i] = {};
                                       }
                                       grads.add(qkv, std::move(dqkv));
                                     });
  return {std::move(out[0]), std::move(out[1]), std::move(out[2])};
}

}  // namespace hone::autograd
