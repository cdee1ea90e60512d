#include "kernels/rope/rope.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void rope_table(Stream&, Tensor&, const Tensor&, const Tensor&);
void rope(Stream&, Tensor&, const Tensor&, const Tensor&, Turn);
}  // namespace cpu
namespace cuda {
decltype(cpu::rope_table) rope_table;
decltype(cpu::rope) rope;
}  // namespace cuda

void rope_table(Stream& stream, Tensor& turns, const Tensor& positions, const Tensor& inv_freq) {
  const Check check("rope_table", stream);
  check("positions", positions, {turns.rows()}, DType::int32);
  check("inv_freq", inv_freq, {turns.width() / 2}, DType::float64);
  check.that(turns.width() % 2 == 0, "head_dim must be even, got ", turns.width());
  run_on<&cpu::rope_table, &cuda::rope_table>(stream, turns, positions, inv_freq);
}

void rope(Stream& stream, Tensor& y, const Tensor& x, const Tensor& turns, Turn turn) {
  const Check check("rope", stream);
  check("y", y, x.shape(), x.dtype());
  check("turns", turns, {x.rows(), turns.width()}, wide_of(x.dtype()));
  check.that(x.width() % turns.width() == 0, "width ", x.width(), " is no multiple of head_dim ", turns.width());
  run_on<&cpu::rope, &cuda::rope>(stream, y, x, turns, turn);
}

}  // namespace hone::kernels
