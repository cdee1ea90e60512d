#include "kernels/random_normal/random_normal.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/random_normal/uniform.h"

namespace hone::kernels::cpu {

void random_normal(Stream& stream, Tensor& y, double deviation, const RandomKey& key, int64_t first) {
  visit_stored(y.dtype(), [&]<class T>() {
    T* const to = y.data<T>();
    const int64_t elements = y.elements();
    stream.parallel((elements + 3) / 4, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const auto numbers = random_block(key, uint32_t(first / 4 + block));
        float normal[4];
        for (size_t i = 0; i < 4; i += 2) {
          const float radius = float(deviation) * std::sqrt(-2 * std::log(inside_one(numbers[i]))),
                      angle = std::numbers::pi_v<float> * half_turns(numbers[i + 1]);
          normal[i] = radius * std::cos(angle), normal[i + 1] = radius * std::sin(angle);
        }
        const int64_t n = std::min<int64_t>(4, elements - 4 * block);
        for (int64_t i = 0; i < n; ++i) to[4 * block + i] = T(Wide<T>(normal[i]));
      }
    });
  });
}

}  // namespace hone::kernels::cpu
