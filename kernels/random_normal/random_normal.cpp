#include "kernels/random_normal/random_normal.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void random_normal(Stream&, Tensor&, double, const RandomKey&, int64_t);
}
namespace cuda {
decltype(cpu::random_normal) random_normal;
}

void random_normal(Stream& stream, Tensor& y, double deviation, const RandomKey& key, int64_t first) {
  const Check check("random_normal", stream);
  check("y", y, y.shape(), y.dtype());
  check.that(y.contiguous(), "y must be contiguous");
  check.that(first >= 0 && first % 4 == 0 && first + y.elements() <= int64_t(4) << 32,
             "numbers begin at a multiple of 4 and end below 2^34, got ", y.elements(), " from ", first);
  run_on<&cpu::random_normal, &cuda::random_normal>(stream, y, deviation, key, first);
}

}  // namespace hone::kernels
