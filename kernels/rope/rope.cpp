#include "kernels/rope/rope.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void rope_table(Stream&, Tensor&, const Tensor&, const Tensor&, double factor);
void rope(Stream&, Tensor&, const Tensor&, const Tensor&, int64_t head_dim, Turn);
}  // namespace cpu
namespace cuda {
decltype(cpu::rope_table) rope_table;
decltype(cpu::rope) rope;
}  // namespace cuda

void rope_table(Stream& stream, Tensor& turns, const Tensor& positions, const Tensor& inv_freq, double factor) {
  const Check check("rope_table", stream);
  check("positions", positions, {turns.rows()}, DType::int32);
  check("inv_freq", inv_freq, {turns.width() / 2}, DType::float64);
  check.that(turns.width() % 2 == 0, "the channels that turn must be even in number, got ", turns.width());
  run_on<&cpu::rope_table, &cuda::rope_table>(stream, turns, positions, inv_freq, factor);
}

void rope(Stream& stream, Tensor& y, const Tensor& x, const Tensor& turns, int64_t head_dim, Turn turn) {
  const Check check("rope", stream);
  check("y", y, x.shape(), x.dtype());
  check("turns", turns, {x.rows(), turns.width()}, wide_of(x.dtype()));
  check.that(x.width() % head_dim == 0, "width ", x.width(), " is no multiple of head_dim ", head_dim);
  check.that(turns.width() <= head_dim, turns.width(), " channels of ", head_dim, " cannot turn");
  run_on<&cpu::rope, &cuda::rope>(stream, y, x, turns, head_dim, turn);
}

}  // namespace hone::kernels
