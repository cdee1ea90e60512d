#include "kernels/linear_cross_entropy/linear_cross_entropy.h"

#include <algorithm>

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"
#include "kernels/core/gemm.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/linear_cross_entropy/running_softmax.h"

namespace hone::kernels {

namespace cpu {
void gather_rows(Stream&, Tensor& y, const Tensor& x, const Tensor& rows);
void scatter_rows(Stream&, Tensor& y, const Tensor& x, const Tensor& rows);
void softmax_block(Stream&, RunningSoftmax& running, Tensor* weights, Tensor* sums, Tensor& logits,
                   const Tensor& labels, int64_t first, double softcap);
void copy_labelled(Stream&, Tensor& y, const Tensor& rows, const Tensor& block, const Tensor& labels, int64_t first);
void softmax_loss(Stream&, RunningSoftmax& running);
void softmax_hidden_gradient(Stream&, Tensor& dh, const Tensor& rows, const Tensor& sums, const RunningSoftmax& running,
                             double softcap);
void softmax_gradient(Stream&, Tensor& dlogits, const Tensor& logits, const Tensor& log_sum_exp, const Tensor& labels,
                      const Tensor& dloss, int64_t first, double softcap);
void sum_in_order(Stream&, Tensor& total, const Tensor& values);
}  // namespace cpu
namespace cuda {
decltype(cpu::gather_rows) gather_rows;
decltype(cpu::scatter_rows) scatter_rows;
decltype(cpu::softmax_block) softmax_block;
decltype(cpu::copy_labelled) copy_labelled;
decltype(cpu::softmax_loss) softmax_loss;
decltype(cpu::softmax_hidden_gradient) softmax_hidden_gradient;
decltype(cpu::softmax_gradient) softmax_gradient;
decltype(cpu::sum_in_order) sum_in_order;
}  // namespace cuda

namespace {
void check_arguments(const Check& check, const Tensor& log_sum_exp, const Tensor* dh, const Tensor& h,
                     const LinearWeight& weight, const Targets& targets) {
  check.that(linear_inputs(weight) == h.width(), "weight must have ", h.width(), " columns, got ",
             linear_inputs(weight));
  check("log_sum_exp", log_sum_exp, {targets.count}, wide_of(h.dtype()));
  check("targets.rows", targets.rows, {targets.count}, DType::int32);
  check("targets.labels", targets.labels, {targets.count}, DType::int32);
  check("dh", dh, h.shape(), h.dtype());
}

// Some labelled positions: their rows of h, and of its gradient so far.
struct Chunk {
  int64_t begin, count;
  Tensor hidden, sums;
  Tensor rows, labels;
};
// Some tokens, from `first` on: their rows of the weight, in h's type, and their logits for a chunk. What becomes of
// the logits goes to `weights`, in h's type again; the same memory where the types are the same.
struct Block {
  int64_t first;
  Tensor vectors, logits, weights;
};

// Goes over the labelled positions in chunks, and for each over the vocabulary in blocks. Scratch is sized by the
// batch's capacity and not by its labels, so that plans do not depend on data.
class Walk {
 public:
  Walk(Stream& stream, const Tensor& h, const LinearWeight& weight, const Targets& targets, int64_t chunk,
       bool gradients)
      : stream_(stream), h_(h), weight_(weight), targets_(targets) {
    const LossSizes sizes = loss_sizes(stream.target());
    chunk_ = std::min(chunk > 0 ? chunk : sizes.chunk, h.rows());
    block_ = std::min(sizes.block, linear_outputs(weight));
    // On a processor rows a power of two apart would share their places in its cache; a GPU wants rows that are
    // aligned.
    const int64_t stride = stream.target() == DeviceType::cuda ? (block_ + 63) / 64 * 64 : block_ + 16;
    const DType type = h.dtype(), wide = wide_of(type);
    hidden_ = Tensor(stream, {chunk_, h.width()}, type);
    logits_ = weights_ = Tensor(stream, {chunk_, stride}, wide);
    if (gradients && type != wide) weights_ = Tensor(stream, logits_.shape(), type);
    if (gradients) sums_ = Tensor(stream, hidden_.shape(), wide);
    if (!linear_stored_as(weight, type)) vectors_ = Tensor(stream, {block_, h.width()}, type);
  }

  template <class F>
  void for_each_chunk(F&& body) {
    for (int64_t begin = 0; begin < targets_.count; begin += chunk_) {
      const int64_t n = std::min(chunk_, targets_.count - begin);
      Chunk chunk{begin,
                  n,
                  hidden_.row_range(0, n),
                  sums_ ? sums_.row_range(0, n) : Tensor(),
                  targets_.rows.flat_range(begin, {n}),
                  targets_.labels.flat_range(begin, {n})};
      count_bytes(stream_, 2 * bytes_of(chunk.hidden) + bytes_of(chunk.rows));
      run_on<&cpu::gather_rows, &cuda::gather_rows>(stream_, chunk.hidden, h_, chunk.rows);
      body(chunk);
    }
  }
  template <class F>
  void for_each_block(const Chunk& chunk, F&& body) {
    for (int64_t first = 0; first < linear_outputs(weight_); first += block_) {
      const int64_t n = std::min(block_, linear_outputs(weight_) - first);
      Block block{first, linear_rows(stream_, weight_, first, first + n, h_.dtype(), vectors_),
                  logits_.row_range(0, chunk.count).columns(0, n), weights_.row_range(0, chunk.count).columns(0, n)};
      gemm(stream_, block.logits, chunk.hidden, Transpose::no, block.vectors, Transpose::yes);
      body(block);
    }
  }
  // sums += weights vectors
  void add_up(Chunk& chunk, const Block& block) {
    gemm(stream_, chunk.sums, block.weights, Transpose::no, block.vectors, Transpose::no, 1, block.first > 0 ? 1 : 0);
  }

 private:
  Stream& stream_;
  const Tensor& h_;
  const LinearWeight& weight_;
  const Targets& targets_;
  int64_t chunk_, block_;
  Tensor hidden_, logits_, weights_, sums_, vectors_;
};
}  // namespace

void linear_cross_entropy(Stream& stream, Tensor& losses, Tensor& log_sum_exp, Tensor* dh, const Tensor& h,
                          const LinearWeight& weight, const Targets& targets, int64_t chunk, double softcap) {
  const Check check("linear_cross_entropy", stream);
  check_arguments(check, log_sum_exp, dh, h, weight, targets);
  check.that(softcap >= 0, "softcap must not be negative, got ", softcap);
  check("losses", losses, {targets.count}, wide_of(h.dtype()));
  if (dh) fill(stream, *dh, 0);
  Walk walk(stream, h, weight, targets, chunk, dh != nullptr);
  walk.for_each_chunk([&](Chunk& part) {
    // best and of_label wait where the results will be.
    RunningSoftmax running{log_sum_exp.flat_range(part.begin, {part.count}),
                           losses.flat_range(part.begin, {part.count}), Tensor(stream, {part.count}, DType::float64)};
    walk.for_each_block(part, [&](Block& block) {
      // The largest logit is seldom in a late block: `sums` stay as they are.
      count_bytes(stream, bytes_of(block.logits) + (dh ? bytes_of(block.weights) : 0));
      run_on<&cpu::softmax_block, &cuda::softmax_block>(stream, running, dh ? &block.weights : nullptr,
                                                        dh && block.first > 0 ? &part.sums : nullptr, block.logits,
                                                        part.labels, block.first, softcap);
      if (!dh) return;
      walk.add_up(part, block);
      const double share = double(block.vectors.rows()) / double(linear_outputs(weight));
      count_bytes(stream, bytes_of(part.labels) + 2 * share * bytes_of(part.hidden));  // labels are where chance has it
      run_on<&cpu::copy_labelled, &cuda::copy_labelled>(stream, *dh, part.rows, block.vectors, part.labels,
                                                        block.first);
    });
    if (dh) {
      count_bytes(stream, bytes_of(part.sums) + 2 * bytes_of(part.hidden));
      run_on<&cpu::softmax_hidden_gradient, &cuda::softmax_hidden_gradient>(stream, *dh, part.rows, part.sums, running,
                                                                            softcap);
    }
    run_on<&cpu::softmax_loss, &cuda::softmax_loss>(stream, running);
  });
}

void linear_cross_entropy_backward(Stream& stream, Tensor* dh, Tensor* dweight, const Tensor& dloss, const Tensor& h,
                                   const LinearWeight& weight, const Tensor& log_sum_exp, const Targets& targets,
                                   int64_t chunk, double softcap) {
  const Check check("linear_cross_entropy_backward", stream);
  check_arguments(check, log_sum_exp, dh, h, weight, targets);
  check("dloss", dloss, {1}, wide_of(h.dtype()));
  check("dweight", dweight, {linear_outputs(weight), h.width()}, wide_of(h.dtype()));
  if (dh) fill(stream, *dh, 0);
  Walk walk(stream, h, weight, targets, chunk, true);
  walk.for_each_chunk([&](Chunk& part) {
    const Tensor lse = log_sum_exp.flat_range(part.begin, {part.count});
    walk.for_each_block(part, [&](Block& block) {
      run_on<&cpu::softmax_gradient, &cuda::softmax_gradient>(stream, block.weights, block.logits, lse, part.labels,
                                                              dloss, block.first, softcap);
      if (dweight) {
        Tensor rows = dweight->row_range(block.first, block.first + block.vectors.rows());
        linear_weight_gradient(stream, rows, block.weights, part.hidden);
      }
      if (dh) walk.add_up(part, block);
    });
    if (!dh) return;
    count_bytes(stream, bytes_of(part.sums) + bytes_of(part.hidden));
    run_on<&cpu::scatter_rows, &cuda::scatter_rows>(stream, *dh, part.sums, part.rows);
  });
}

void sum_in_order(Stream& stream, Tensor& total, const Tensor& values) {
  Check("sum_in_order", stream)("total", total, {1}, values.dtype());
  run_on<&cpu::sum_in_order, &cuda::sum_in_order>(stream, total, values);
}

}  // namespace hone::kernels
