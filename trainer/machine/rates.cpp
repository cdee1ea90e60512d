#include "trainer/machine/rates.h"

#include <algorithm>
#include <bit>

#include "kernels/core/gemm.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/host/clock.h"
#include "kernels/host/median.h"

namespace hone::trainer {

namespace {
constexpr double kShare = 0.25;  // of the seconds that one call of the final size may take
constexpr double kRound = 0.02;  // seconds between two waits for the device, so that waiting does not count

double seconds_once(Stream& stream, const std::function<void()>& run) {
  const Stopwatch watch;
  run();
  stream.wait();
  return std::max(watch.seconds(), 1e-7);
}

// Values of either sign between a half and two, with a mantissa that looks random.
template <class T>
Tensor drawn(Stream& stream, int64_t width) {
  std::vector<T> values(size_t(width * width));
  uint32_t state = 1;
  for (T& value : values) {
    state = state * 1664525u + 1013904223u;
    const uint32_t word = 0x3F000000u | (state >> 8 & 0x00FFFFFFu) | (state & 0x80000000u);
    if constexpr (std::is_same_v<T, bfloat16>) {
      value.bits = uint16_t(word >> 16);
    } else {
      value = std::bit_cast<float>(word);
    }
  }
  return Tensor::from(stream, {width, width}, values);
}
}  // namespace

CallSeconds seconds_a_call(Stream& stream, double seconds, const std::function<void()>& run) {
  const int calls = std::clamp(int(kRound / seconds_once(stream, run)), 1, 1000);
  std::vector<double> rounds;
  const Stopwatch all;
  do {
    const Stopwatch watch;
    for (int i = 0; i < calls; ++i) run();
    stream.wait();
    rounds.push_back(watch.seconds() / calls);
  } while (all.seconds() < seconds);
  return {median(rounds), *std::ranges::min_element(rounds)};
}

double copy_rate(Stream& stream, size_t most_bytes, double seconds) {
  constexpr size_t kFirst = size_t(1) << 18, kLast = size_t(512) << 20, kStep = 4;
  for (size_t bytes = kFirst;; bytes *= kStep) {
    Tensor a(stream, {int64_t(bytes / 4)}, DType::float32), b(stream, a.shape(), DType::float32);
    kernels::fill(stream, a, 1);
    const auto run = [&] { kernels::copy(stream, b, a); };
    seconds_once(stream, run);  // code, threads and memory are warm
    const double next = seconds_once(stream, run) * double(kStep);
    if (next < kShare * seconds && bytes * kStep <= std::min(kLast, most_bytes / 2)) continue;
    return 2 * double(bytes) / seconds_a_call(stream, seconds, run).median;
  }
}

MatrixRate matrix_rate(Stream& stream, DType dtype, size_t most_bytes, double seconds) {
  constexpr int64_t kFirst = 256, kLast = 8192;
  require(dtype == DType::float32 || dtype == DType::bfloat16, "[matrix_rate] float32 or bfloat16, got ", dtype);
  for (int64_t width = kFirst;; width *= 2) {
    const bool narrow = dtype == DType::bfloat16;
    const Tensor a = narrow ? drawn<bfloat16>(stream, width) : drawn<float>(stream, width);
    Tensor b(stream, a.shape(), dtype), c(stream, a.shape(), dtype);
    kernels::copy(stream, b, a);
    // As a linear layer multiplies: x Wᵀ.
    const auto run = [&] { kernels::gemm(stream, c, a, kernels::Transpose::no, b, kernels::Transpose::yes); };
    seconds_once(stream, run);  // the library's own buffers, too
    const double next = seconds_once(stream, run) * 8;
    const auto next_bytes = size_t(3 * 4 * width * width) * size_of(dtype);
    if (next < kShare * seconds && 2 * width <= kLast && next_bytes <= most_bytes) continue;
    const double each = seconds_a_call(stream, seconds, run).median;
    return {2 * double(width) * double(width) * double(width) / each, width};
  }
}

}  // namespace hone::trainer
