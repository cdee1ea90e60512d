#include "kernels/linear_cross_entropy/linear_cross_entropy.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"
#include "kernels/core/gemm.h"
#include "kernels/elementwise/elementwise.h"

namespace hone::kernels {

namespace cpu {
void gather_rows(Stream&, Tensor& y, const Tensor& x, const Tensor& rows);
void scatter_rows(Stream&, Tensor& y, const Tensor& x, const Tensor& rows);
void softmax_loss(Stream&, Tensor& losses, Tensor& log_sum_exp, Tensor* dlogits, Tensor& logits, const Tensor& labels);
void softmax_gradient(Stream&, Tensor& dlogits, const Tensor& logits, const Tensor& log_sum_exp, const Tensor& labels);
void sum_in_order(Stream&, Tensor& total, const Tensor& values);
}  // namespace cpu
namespace cuda {
decltype(cpu::gather_rows) gather_rows;
decltype(cpu::scatter_rows) scatter_rows;
decltype(cpu::softmax_loss) softmax_loss;
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

// What exists of a chunk of labelled rows; dlogits shares the memory of logits where the types are the same.
struct Chunk {
  Tensor hidden, logits, dlogits;
  Tensor rows, labels;
};

// Walks the labelled rows in chunks. Scratch is of at most `chunk` rows, sized by the batch's capacity and not by its
// labels, so that plans do not depend on data.
template <class F>
void for_each_chunk(Stream& stream, const Tensor& h, const LinearWeight& weight, const Targets& targets, int64_t chunk,
                    bool gradients, F&& body) {
  chunk = std::min(chunk, h.rows());
  Tensor hidden_scratch(stream, {chunk, h.width()}, h.dtype());
  Tensor logits_scratch(stream, {chunk, linear_outputs(weight)}, wide_of(h.dtype())), dlogits_scratch = logits_scratch;
  if (gradients && h.dtype() != wide_of(h.dtype()))
    dlogits_scratch = Tensor(stream, logits_scratch.shape(), h.dtype());
  for (int64_t begin = 0; begin < targets.count; begin += chunk) {
    const int64_t n = std::min(chunk, targets.count - begin);
    Chunk part{hidden_scratch.row_range(0, n), logits_scratch.row_range(0, n), dlogits_scratch.row_range(0, n),
               targets.rows.flat_range(begin, {n}), targets.labels.flat_range(begin, {n})};
    run_on<&cpu::gather_rows, &cuda::gather_rows>(stream, part.hidden, h, part.rows);
    linear(stream, part.logits, part.hidden, weight);
    body(begin, n, part);
  }
}

// Sends the gradient of the logits to the rows they came from; `part.hidden` is overwritten.
void hidden_gradient(Stream& stream, Tensor& dh, Chunk& part, const LinearWeight& weight) {
  linear_input_gradient(stream, part.hidden, part.dlogits, weight);
  run_on<&cpu::scatter_rows, &cuda::scatter_rows>(stream, dh, part.hidden, part.rows);
}
}  // namespace

void linear_cross_entropy(Stream& stream, Tensor& losses, Tensor& log_sum_exp, Tensor* dh, const Tensor& h,
                          const LinearWeight& weight, const Targets& targets, int64_t chunk) {
  const Check check("linear_cross_entropy", stream);
  check_arguments(check, log_sum_exp, dh, h, weight, targets);
  check("losses", losses, {targets.count}, wide_of(h.dtype()));
  if (dh) fill(stream, *dh, 0);
  for_each_chunk(stream, h, weight, targets, chunk, dh != nullptr, [&](int64_t begin, int64_t n, Chunk& part) {
    Tensor loss = losses.flat_range(begin, {n}), lse = log_sum_exp.flat_range(begin, {n});
    run_on<&cpu::softmax_loss, &cuda::softmax_loss>(stream, loss, lse, dh ? &part.dlogits : nullptr, part.logits,
                                                    part.labels);
    if (dh) hidden_gradient(stream, *dh, part, weight);
  });
}

void linear_cross_entropy_backward(Stream& stream, Tensor* dh, Tensor* dweight, const Tensor& dloss, const Tensor& h,
                                   const LinearWeight& weight, const Tensor& log_sum_exp, const Targets& targets,
                                   int64_t chunk) {
  const Check check("linear_cross_entropy_backward", stream);
  check_arguments(check, log_sum_exp, dh, h, weight, targets);
  check("dloss", dloss, {1}, wide_of(h.dtype()));
  check("dweight", dweight, {linear_outputs(weight), h.width()}, wide_of(h.dtype()));
  if (dh) fill(stream, *dh, 0);
  for_each_chunk(stream, h, weight, targets, chunk, true, [&](int64_t begin, int64_t n, Chunk& part) {
    const Tensor lse = log_sum_exp.flat_range(begin, {n});
    run_on<&cpu::softmax_gradient, &cuda::softmax_gradient>(stream, part.dlogits, part.logits, lse, part.labels);
    scale(stream, part.dlogits, dloss);
    if (dweight) linear_weight_gradient(stream, *dweight, part.dlogits, part.hidden);
    if (dh) hidden_gradient(stream, *dh, part, weight);
  });
}

void sum_in_order(Stream& stream, Tensor& total, const Tensor& values) {
  Check("sum_in_order", stream)("total", total, {1}, values.dtype());
  run_on<&cpu::sum_in_order, &cuda::sum_in_order>(stream, total, values);
}

}  // namespace hone::kernels
