#include "kernels/rope/rope.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void rope(Stream&, Tensor&, const Tensor&, const Tensor&, const Tensor&, Turn);
}
namespace cuda {
decltype(cpu::rope) rope;
}

void rope(Stream& stream, Tensor& y, const Tensor& x, const Tensor& positions, const Tensor& inv_freq, Turn turn) {
  const Check check("rope", stream);
  check("y", y, x.shape(), x.dtype());
  check("positions", positions, {x.rows()}, DType::int32);
  check("inv_freq", inv_freq, {inv_freq.elements()}, x.dtype());
  check.that(x.width() % (2 * inv_freq.elements()) == 0, "width ", x.width(), " is no multiple of head_dim ",
             2 * inv_freq.elements());
  run_on<&cpu::rope, &cuda::rope>(stream, y, x, positions, inv_freq, turn);
}

}  // namespace hone::kernels
