// AdamW with 8-bit moments beside bitsandbytes' AdamW8bit (tests/golden/adamw8) and beside its own formulas in double.
#include "kernels/adamw/adamw8.h"

#include <bit>
#include <cmath>

#include "checkpoints/formats/safetensors.h"
#include "kernels/host/json.h"
#include "tests/support/devices.h"
#include "tests/support/environment.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

using kernels::kMomentBlock;
using kernels::Moment8;
using Options = kernels::AdamW;

class AdamW8 : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, AdamW8, each_device(), device_name);

class Golden {
 public:
  explicit Golden(const std::string& name) : file_(golden("adamw8") / (name + ".safetensors")) {}
  std::vector<float> floats(const std::string& name) const {
    std::vector<float> values(size_t(file_.at(name).elements()));
    file_.read_float32(file_.at(name), 0, values);
    return values;
  }
  std::vector<uint8_t> bytes(const std::string& name) const {
    std::vector<uint8_t> values(size_t(file_.at(name).elements()));
    file_.read(file_.at(name), 0, std::as_writable_bytes(std::span(values)));
    return values;
  }

 private:
  checkpoints::SafetensorsFile file_;
};

// A moment on the host.
struct Bytes {
  std::vector<uint8_t> codes;
  std::vector<float> absmax;
  Bytes(std::vector<uint8_t> c, std::vector<float> a) : codes(std::move(c)), absmax(std::move(a)) {}
  explicit Bytes(size_t n) : codes(n), absmax((n + 255) / 256) {}
  explicit Bytes(const Moment8& moment)
      : codes(moment.codes.to_host<uint8_t>()), absmax(moment.absmax.to_host<float>()) {}
  double value(size_t i, std::span<const float, 256> map) const { return double(map[codes[i]]) * absmax[i / 256]; }
  bool operator==(const Bytes&) const = default;
};

// Codes that lie `offset` bytes from where the buffer starts, with bytes of 0xEE around them.
class GuardedMoment {
 public:
  GuardedMoment(Stream& stream, const Bytes& bytes, int64_t offset)
      : n_(std::ssize(bytes.codes)), first_(64 + offset), all_(codes_of(stream, bytes)) {
    moment = {all_.flat_range(first_, {n_}), Tensor::from(stream, {std::ssize(bytes.absmax)}, bytes.absmax)};
  }
  bool intact() const {
    std::vector<uint8_t> codes = all_.to_host<uint8_t>();
    codes.erase(codes.begin() + first_, codes.begin() + first_ + n_);
    return codes == std::vector<uint8_t>(codes.size(), 0xEE);
  }
  Moment8 moment;

 private:
  Tensor codes_of(Stream& stream, const Bytes& bytes) const {
    std::vector<uint8_t> codes(size_t(first_ + n_ + 64), 0xEE);
    std::copy(bytes.codes.begin(), bytes.codes.end(), codes.begin() + first_);
    return Tensor::from(stream, {std::ssize(codes)}, codes);
  }
  int64_t n_, first_;
  Tensor all_;
};

struct After {
  Values values;
  Bytes first, second;
};
After step(Stream& stream, const Values& start, const Bytes& first, const Bytes& second, double steps,
           const Values& gradients, const Options& options, double rate, int64_t decay_end, int64_t offset = 0) {
  const int64_t n = std::ssize(start);
  Framed values(stream, {n}, DType::float32, 0, start);
  GuardedMoment one(stream, first, offset), two(stream, second, offset);
  Tensor taken = Tensor::from<double>(stream, {1}, {steps});
  Values sums(size_t(offset), NAN);  // 2 targets and gradients twice as large: one division
  for (const double g : gradients) sums.push_back(2 * g);
  const Tensor all = tensor_of(stream, {std::ssize(sums)}, sums, DType::float32), g = all.flat_range(offset, {n});
  Tensor totals = Tensor::from<double>(stream, {kernels::kTotals}, {1, 2, -1});
  kernels::gradient_squares(stream, totals, g);
  kernels::adamw8(stream, *values, one.moment, two.moment, taken, g, totals, options, rate, decay_end);
  EXPECT_EQ(taken.to_host<double>()[0], steps + 1);
  EXPECT_TRUE(values.intact() && one.intact() && two.intact());
  return {values.values(), Bytes(one.moment), Bytes(two.moment)};
}

TEST(DynamicMaps, AreThoseOfBitsandbytes) {
  const Golden maps("maps");
  const auto bits = [](std::span<const float> values) {
    std::vector<uint32_t> words;
    for (const float value : values) words.push_back(std::bit_cast<uint32_t>(value));
    return words;
  };
  EXPECT_EQ(bits(kernels::dynamic_map()), bits(maps.floats("signed")));
  EXPECT_EQ(bits(kernels::unsigned_dynamic_map()), bits(maps.floats("unsigned")));
}

TEST(DynamicMaps, TheTreeFindsWhatTheBoundsSay) {
  for (const auto map : {kernels::dynamic_map(), kernels::unsigned_dynamic_map()}) {
    const kernels::DynamicBounds bounds = kernels::dynamic_bounds(map);
    const kernels::DynamicTree tree = kernels::dynamic_tree(bounds);
    for (size_t c = 0; c < 256; ++c) {
      EXPECT_EQ(kernels::dynamic_code(tree.data(), map[c]), c);
      if (c == 0) continue;
      EXPECT_EQ(kernels::dynamic_code(tree.data(), bounds[c]), c);
      EXPECT_EQ(kernels::dynamic_code(tree.data(), std::nextafter(bounds[c], -2.0f)), c - 1);
    }
    EXPECT_EQ(kernels::dynamic_code(tree.data(), NAN), 0);
  }
}

// From the library's state before each step. Its CPU library finds codes by a table of 65,536 places, too coarse for
// small numbers: moments themselves must agree, and codes where a place is smaller than half the way between two.
TEST_P(AdamW8, StepsAsBitsandbytes) {
  const Json cases = read_json(golden("adamw8") / "cases.json").at("cases");
  for (const Json& c : cases) {
    SCOPED_TRACE(c.at("case").get<std::string>());
    const Golden file(c.at("case"));
    const std::vector<float> start = file.floats("start"), gradients = file.floats("gradients");
    const size_t n = start.size();
    const Options options{.beta1 = c.at("betas")[0],
                          .beta2 = c.at("betas")[1],
                          .eps = c.at("epsilon"),
                          .decay = c.at("weight_decay"),
                          .max_norm = 1e30};
    Values before(start.begin(), start.end());
    Bytes first(n), second(n);
    for (size_t s = 0; s < gradients.size() / n; ++s) {
      const auto name = [&](const std::string& what) { return joined(s + 1, '.', what); };
      const After after =
          step(stream(), before, first, second, double(s),
               {gradients.begin() + std::ptrdiff_t(s * n), gradients.begin() + std::ptrdiff_t((s + 1) * n)}, options,
               c.at("learning_rate"), std::ssize(start));
      const std::vector<float> values = file.floats(name("values"));
      EXPECT_LT(relative_error(after.values, values), kFloat32) << "step " << s + 1;
      before.assign(values.begin(), values.end());
      first = {file.bytes(name("codes1")), file.floats(name("absmax1"))};
      second = {file.bytes(name("codes2")), file.floats(name("absmax2"))};
      EXPECT_LT(relative_error(after.first.absmax, first.absmax), kFloat32);
      EXPECT_LT(relative_error(after.second.absmax, second.absmax), kFloat32);
      const auto compare = [&](const Bytes& ours, const Bytes& theirs, std::span<const float, 256> map) {
        int differ = 0, large = 0;
        for (size_t i = 0; i < n; ++i) {
          EXPECT_LT(std::abs(ours.value(i, map) - theirs.value(i, map)) / theirs.absmax[i / 256], 0.015);
          if (std::abs(map[ours.codes[i]]) < 0.01) continue;
          ++large, differ += ours.codes[i] != theirs.codes[i];
          EXPECT_LE(std::abs(int(ours.codes[i]) - int(theirs.codes[i])), 1);
        }
        EXPECT_GT(large, 100);
        EXPECT_LE(differ, large / 40);
      };
      compare(after.first, first, kernels::dynamic_map());
      compare(after.second, second, kernels::unsigned_dynamic_map());
    }
  }
}

// Each code is the nearest one, but that what is below 0 stays so.
void expect_nearest(const Bytes& got, const Values& moments, std::span<const float, 256> map) {
  for (size_t b = 0; b * 256 < moments.size(); ++b) {
    double largest = 0;
    for (size_t i = b * 256; i < std::min(moments.size(), b * 256 + 256); ++i)
      largest = std::max(largest, std::abs(moments[i]));
    EXPECT_LE(std::abs(got.absmax[b] - largest), kFloat32 * largest);
    for (size_t i = b * 256; i < std::min(moments.size(), b * 256 + 256); ++i) {
      const double x = largest > 0 ? moments[i] / largest : 0;
      const size_t c = got.codes[i];
      if (largest == 0) {
        EXPECT_EQ(c, 0u);
      } else if (x < 0 && map[c + 1] == 0 && x > map[c]) {
        continue;  // would be nearer to 0
      } else {
        const double slack = kFloat32 * std::abs(x) + 1e-12;
        ASSERT_GE(x + slack, c == 0 ? -2.0 : (double(map[c]) + map[c - 1]) / 2) << "element " << i;
        ASSERT_LE(x - slack, c == 255 ? 2.0 : (double(map[c]) + map[c + 1]) / 2) << "element " << i;
      }
    }
  }
}

// Sizes on both sides of a block of moments, of a warp's part of one, of a thread's share of the CPU; where vectors can
// be loaded and where not; the end of decay inside a block and outside.
TEST_P(AdamW8, IsTheFormula) {
  const Options options{.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-6, .decay = 0.1, .max_norm = 1e30};
  for (const int64_t n : {1, 31, 128, 255, 256, 257, 515, 4096, 4357, 8300})
    for (const int64_t offset : {0, 1, 4}) {
      SCOPED_TRACE(joined(n, ", offset ", offset));
      const Values start = rounded_to(DType::float32, random_values(n, 1)), noise = random_values(n, 2),
                   sizes = random_values(n, 3, -12, 2);
      Values gradients(static_cast<size_t>(n));
      for (size_t i = 0; i < gradients.size(); ++i) gradients[i] = i % 7 == 0 ? 0 : noise[i] * std::exp(sizes[i]);
      gradients = rounded_to(DType::float32, gradients);
      Bytes first(static_cast<size_t>(n)), second(static_cast<size_t>(n));
      for (size_t i = 0; i < size_t(n); ++i) first.codes[i] = uint8_t(37 * i), second.codes[i] = uint8_t(53 * i + 11);
      for (size_t b = 0; b < first.absmax.size(); ++b)
        first.absmax[b] = 0.3f / float(b + 1), second.absmax[b] = 0.2f * float(b % 3);
      const int64_t decay_end = offset == 0 ? n : n / 2 + offset;
      const double rate = 0.01, steps = 4;
      const After after = [&] {
        std::optional<After> kept;
        on_device(stream(), [&](Stream& on) {
          const After result = step(on, start, first, second, steps, gradients, options, rate, decay_end, offset);
          EXPECT_TRUE(!kept || (result.first == kept->first && result.second == kept->second));
          kept = result;
          return result.values;
        });
        return *kept;
      }();
      Values values(start.size()), one(start.size()), two(start.size());
      for (size_t i = 0; i < start.size(); ++i) {
        one[i] = 0.9 * first.value(i, kernels::dynamic_map()) + 0.1 * gradients[i];
        two[i] = 0.99 * second.value(i, kernels::unsigned_dynamic_map()) + 0.01 * gradients[i] * gradients[i];
        values[i] = start[i] * (int64_t(i) < decay_end ? 1 - rate * 0.1 : 1) -
                    rate / (1 - std::pow(0.9, 5)) * one[i] / (std::sqrt(two[i] / (1 - std::pow(0.99, 5))) + 1e-6);
      }
      EXPECT_LT(relative_error(after.values, values), kFloat32);
      expect_nearest(after.first, one, kernels::dynamic_map());
      expect_nearest(after.second, two, kernels::unsigned_dynamic_map());
    }
}

// More blocks of moments than CUDA has warps for at once: each goes over several.
TEST_P(AdamW8, GoesOverMoreBlocksThanThereAreWarps) {
  if (HONE_SANITIZED) GTEST_SKIP() << "two million parameters: not under sanitizers";
  const int64_t n = 1024 * 8 * kMomentBlock + 300;
  const Tensor g = Tensor::from(stream(), {n}, [&] {
    std::vector<float> gradients(static_cast<size_t>(n));
    for (size_t i = 0; i < gradients.size(); ++i) gradients[i] = float(1 + i % 1021) / (i % 3 == 0 ? -1024 : 1024);
    return gradients;
  }());
  const Tensor totals = Tensor::from<double>(stream(), {kernels::kTotals}, {1, 1, 1});
  Tensor values = Tensor::from(stream(), {n}, std::vector<float>(static_cast<size_t>(n))),
         steps = Tensor::from<double>(stream(), {1}, {0});
  Moment8 first = kernels::moment8(stream(), n), second = kernels::moment8(stream(), n);
  kernels::adamw8(stream(), values, first, second, steps, g, totals, {}, 0.5, 0);
  const std::vector<float> after = values.to_host<float>();
  for (size_t i = 0; i < after.size(); ++i) ASSERT_LT(std::abs(after[i] + (i % 3 == 0 ? -0.5 : 0.5)), 1e-4) << i;
}

TEST_P(AdamW8, AFirstMomentBelowZeroStaysSo) {
  const double tiny = -1e-9;
  const After after = step(stream(), Values(3), Bytes(3), Bytes(3), 0, {1, tiny, -tiny}, {.max_norm = 1e30}, 0.1, 0);
  EXPECT_EQ(after.first.codes, (std::vector<uint8_t>{255, 126, 127}));
  EXPECT_EQ(after.second.codes, (std::vector<uint8_t>{255, 0, 0}));
}

TEST_P(AdamW8, NothingToLearnAndNoStep) {
  const After still = step(stream(), {1, 2}, Bytes(2), Bytes(2), 0, {0, 0}, {}, 0.1, 0);
  EXPECT_EQ(still.values, (Values{1, 2}));
  EXPECT_EQ(still.first, Bytes(2));
  EXPECT_EQ(still.second, Bytes(2));

  Framed values(stream(), {3}, DType::float32, 0, {1, 2, 3});
  Moment8 first = kernels::moment8(stream(), 3), second = kernels::moment8(stream(), 3);
  Tensor steps = Tensor::from<double>(stream(), {1}, {0});
  const Tensor g = tensor_of(stream(), {3}, {1, 1, 1}, DType::float32);
  for (const Values& totals : {Values{NAN, 1, 3}, Values{1, 0, 3}, Values{1, 1, INFINITY}})
    kernels::adamw8(stream(), *values, first, second, steps, g, tensor_of(stream(), {3}, totals, DType::float64), {}, 1,
                    3);
  EXPECT_EQ(values.values(), (Values{1, 2, 3}));
  EXPECT_EQ(Bytes(first), Bytes(3));
  EXPECT_EQ(Bytes(second), Bytes(3));
  EXPECT_EQ(steps.to_host<double>()[0], 0);
}

TEST_P(AdamW8, PlannedBytesAreTheMeasured) {
  const auto peak = [](Stream& stream) {
    const int64_t n = 4357;
    Tensor values(stream, {n}, DType::float32), totals(stream, {kernels::kTotals}, DType::float64),
        steps(stream, {1}, DType::float64);
    Moment8 first = kernels::moment8(stream, n), second = kernels::moment8(stream, n);
    kernels::adamw8(stream, values, first, second, steps, values, totals, {}, 0.1, n);
    return stream.allocator()->usage().peak;
  };
  Stream meta = Stream::meta(stream().target());
  EXPECT_EQ(peak(meta), peak(stream()));
}

}  // namespace
}  // namespace hone::test
