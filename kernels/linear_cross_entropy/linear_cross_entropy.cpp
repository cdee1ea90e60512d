#include "kernels/linear_cross_entropy/linear_cross_entropy.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"
#include "kernels/core/gemm.h"
#include "kernels/elementwise/elementwise.h"

namespace hone::kernels {

namespace cpu {
void gather_rows(Stream&, Tensor& y, const Tensor& x, const Tensor& rows);
void scatter_rows(Stream&, Tensor& y, const Tensor& x, const Tensor& rows);
void softmax_loss(Stream&, Tensor& losses, Tensor& log_sum_exp, const Tensor& logits, const Tensor& labels);
void softmax_gradient(Stream&, Tensor& logits, const Tensor& log_sum_exp, const Tensor& labels);
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
  check("log_sum_exp", log_sum_exp, {targets.count}, h.dtype());
  check("targets.rows", targets.rows, {targets.count}, DType::int32);
  check("targets.labels", targets.labels, {targets.count}, DType::int32);
  check("dh", dh, h.shape(), h.dtype());
}

// Walks the labelled rows in chunks; `hidden` and `logits` are scratch of at most `chunk` rows, sized by the batch's
// capacity and not by its labels, so that plans do not depend on data.
template <class F>
void for_each_chunk(Stream& stream, const Tensor& h, const LinearWeight& weight, const Targets& targets, int64_t chunk,
                    F&& body) {
  chunk = std::min(chunk, h.rows());
  Tensor hidden_scratch(stream, {chunk, h.width()}, h.dtype());
  Tensor logits_scratch(stream, {chunk, linear_outputs(weight)}, h.dtype());
  for (int64_t begin = 0; begin < targets.count; begin += chunk) {
    const int64_t n = std::min(chunk, targets.count - begin);
    Tensor hidden = hidden_scratch.row_range(0, n), logits = logits_scratch.row_range(0, n);
    const Tensor rows = targets.rows.flat_range(begin, {n}), labels = targets.labels.flat_range(begin, {n});
    run_on<&cpu::gather_rows, &cuda::gather_rows>(stream, hidden, h, rows);
    linear(stream, logits, hidden, weight);
    body(begin, n, hidden, logits, rows, labels);
  }
}

// Turns the logits into their gradient and sends it to the rows they came from; `hidden` is overwritten.
void hidden_gradient(Stream& stream, Tensor& dh, Tensor& hidden, const Tensor& dlogits, const LinearWeight& weight,
                     const Tensor& rows) {
  linear_input_gradient(stream, hidden, dlogits, weight);
  run_on<&cpu::scatter_rows, &cuda::scatter_rows>(stream, dh, hidden, rows);
}
}  // namespace

void linear_cross_entropy(Stream& stream, Tensor& losses, Tensor& log_sum_exp, Tensor* dh, const Tensor& h,
                          const LinearWeight& weight, const Targets& targets, int64_t chunk) {
  const Check check("linear_cross_entropy", stream);
  check_arguments(check, log_sum_exp, dh, h, weight, targets);
  check("losses", losses, {targets.count}, h.dtype());
  if (dh) fill(stream, *dh, 0);
  for_each_chunk(
      stream, h, weight, targets, chunk,
      [&](int64_t begin, int64_t n, Tensor& hidden, Tensor& logits, const Tensor& rows, const Tensor& labels) {
        Tensor part = losses.flat_range(begin, {n}), lse = log_sum_exp.flat_range(begin, {n});
        run_on<&cpu::softmax_loss, &cuda::softmax_loss>(stream, part, lse, logits, labels);
        if (!dh) return;
        run_on<&cpu::softmax_gradient, &cuda::softmax_gradient>(stream, logits, lse, labels);
        hidden_gradient(stream, *dh, hidden, logits, weight, rows);
      });
}

void linear_cross_entropy_backward(Stream& stream, Tensor* dh, Tensor* dweight, const Tensor& dloss, const Tensor& h,
                                   const LinearWeight& weight, const Tensor& log_sum_exp, const Targets& targets,
                                   int64_t chunk) {
  const Check check("linear_cross_entropy_backward", stream);
  check_arguments(check, log_sum_exp, dh, h, weight, targets);
  check("dloss", dloss, {1}, h.dtype());
  check("dweight", dweight, {linear_outputs(weight), h.width()}, h.dtype());
  if (dh) fill(stream, *dh, 0);
  for_each_chunk(
      stream, h, weight, targets, chunk,
      [&](int64_t begin, int64_t n, Tensor& hidden, Tensor& logits, const Tensor& rows, const Tensor& labels) {
        const Tensor lse = log_sum_exp.flat_range(begin, {n});
        run_on<&cpu::softmax_gradient, &cuda::softmax_gradient>(stream, logits, lse, labels);
        scale(stream, logits, dloss);
        if (dweight) linear_weight_gradient(stream, *dweight, logits, hidden);
        if (dh) hidden_gradient(stream, *dh, hidden, logits, weight, rows);
      });
}

void sum_in_order(Stream& stream, Tensor& total, const Tensor& values) {
  Check("sum_in_order", stream)("total", total, {1}, values.dtype());
  run_on<&cpu::sum_in_order, &cuda::sum_in_order>(stream, total, values);
}

}  // namespace hone::kernels
