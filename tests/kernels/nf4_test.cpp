// NF4 beside bitsandbytes' bytes (tests/golden/nf4) and beside the rule its CUDA library searches 8-bit codes by.
#include "kernels/nf4/nf4.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "checkpoints/formats/safetensors.h"
#include "kernels/core/dynamic_map.h"
#include "tests/support/devices.h"
#include "tests/support/environment.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class Nf4 : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, Nf4, each_device(), device_name);

class Golden {
 public:
  explicit Golden(const std::string& name) : file_(golden("nf4") / (name + ".safetensors")) {}
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  Shape shape(const std::string& name) const {
    const std::vector<int64_t>& dims = file_.at(name).shape;
    return dims.size() == 2 ? Shape{dims[0], dims[1]} : Shape{1, dims[0]};
  }
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

QuantizedTensor quantized(Stream& stream, const Shape& shape, const std::vector<float>& values) {
  QuantizedTensor weight = kernels::nf4_empty(stream, shape);
  kernels::nf4_quantize(stream, weight, 0, Tensor::from(stream, {shape.elements()}, values));
  return weight;
}
std::vector<float> absmax_of(const QuantizedTensor& weight) {
  return std::get<FloatScales>(weight.scales).absmax.to_host<float>();
}
std::vector<float> dequantized(Stream& stream, const QuantizedTensor& weight) {
  Tensor rows(stream, weight.shape, DType::float32);
  kernels::nf4_dequantize(stream, rows, weight, 0);
  return rows.to_host<float>();
}
std::vector<uint32_t> bits(const std::vector<float>& values) {
  std::vector<uint32_t> words;
  for (const float value : values) words.push_back(std::bit_cast<uint32_t>(value));
  return words;
}

TEST(Nf4Tables, AreThoseOfBitsandbytes) {
  const Golden tables("tables");
  const auto levels = kernels::nf4_levels();
  const auto map = kernels::dynamic_map();
  EXPECT_EQ(bits({levels.begin(), levels.end()}), bits(tables.floats("levels")));
  EXPECT_EQ(bits({map.begin(), map.end()}), bits(tables.floats("dynamic_map")));
}

TEST_P(Nf4, CodesScalesAndValuesAreThoseOfBitsandbytes) {
  // Where its CPU and its CUDA library differ, these are CUDA's: a block of zeros, one that its CPU library limits.
  const std::map<std::string, size_t> excepted{{"zero_block", 3}, {"denormal_block", 1}};
  for (const std::string name : {"normal", "blocks_across_rows", "zero_block", "outliers", "ragged", "odd",
                                 "denormal_block", "ties", "scaled_ties", "nested", "half"}) {
    SCOPED_TRACE(name);
    const Golden file(name);
    const Shape shape = file.shape("input");
    const QuantizedTensor weight = quantized(stream(), shape, file.floats("input"));
    EXPECT_EQ(bits(absmax_of(weight)), bits(file.floats("absmax")));
    std::vector<uint8_t> codes = weight.codes.to_host<uint8_t>(), theirs = file.bytes("codes");
    if (shape.elements() % 2 == 1) codes.back() &= 0xF0, theirs.back() &= 0xF0;
    if (const auto block = excepted.find(name); block != excepted.end())
      for (size_t i = 0; i < 32; ++i) theirs[32 * block->second + i] = codes[32 * block->second + i];
    EXPECT_EQ(codes, theirs);
    if (file.has("values") && !excepted.contains(name)) {
      EXPECT_EQ(bits(dequantized(stream(), weight)), bits(file.floats("values")));
    }
  }
}

TEST_P(Nf4, NestedScalesOfAFileAreReadToTheBit) {
  for (const std::string name : {"nested", "half"}) {
    const Golden file(name);
    const auto map = kernels::dynamic_map();
    const std::vector<uint8_t> codes = file.bytes("codes"), scales = file.bytes("nested_codes");
    const std::vector<float> nested = file.floats("nested_absmax");
    const QuantizedTensor weight{file.shape("input"), Tensor::from(stream(), {int64_t(codes.size())}, codes),
                                 NestedScales{Tensor::from(stream(), {int64_t(scales.size())}, scales),
                                              Tensor::from(stream(), {int64_t(nested.size())}, nested),
                                              Tensor::from(stream(), {256}, std::vector<float>(map.begin(), map.end())),
                                              file.floats("nested_offset")[0]}};
    EXPECT_EQ(bits(dequantized(stream(), weight)), bits(file.floats("nested_values"))) << name;
  }
}

// Bisection that starts at 127 and halves its step from 64 to 1; then the nearer of where it stands and the neighbour
// on x's side, staying where both are equally near.
uint8_t searched(std::span<const float, 256> map, float x) {
  int at = 127, below = 0, above = 255;
  for (int step = 64; step > 0; step /= 2) {
    if (x > map[size_t(at)]) {
      below = at, at += step;
    } else {
      above = at, at -= step;
    }
  }
  const float here = map[size_t(at)];
  if (x > here) return uint8_t(x > (map[size_t(above)] + here) * 0.5f ? above : at);
  return uint8_t(x < (map[size_t(below)] + here) * 0.5f ? below : at);
}

TEST_P(Nf4, NestedCodesFollowTheSearchOfTheCudaLibrary) {
  const auto map = kernels::dynamic_map();
  // Scales with a mean of 0 and a largest of 1 in each 256, so that the library's x is the scale itself: every value of
  // the map, every midpoint and its two neighbours, with its negative.
  std::vector<float> scales;
  for (size_t i = 0; i + 1 < map.size(); ++i) {
    const float middle = (map[i] + map[i + 1]) / 2;
    for (const float x : {map[i], middle, std::nextafter(middle, 2.0f), std::nextafter(middle, -2.0f)})
      scales.insert(scales.end(), {x, -x});
  }
  std::vector<float> padded;
  for (const float x : scales) {
    if (padded.size() % 256 == 0) padded.insert(padded.end(), {1.0f, -1.0f});
    padded.push_back(x);
  }
  const int64_t blocks = int64_t(padded.size());
  QuantizedTensor weight = kernels::nf4_empty(stream(), {blocks, 64});
  std::get<FloatScales>(weight.scales).absmax.write<float>(padded);
  const QuantizedTensor nested = kernels::nf4_nest_scales(stream(), weight);
  const NestedScales& made = std::get<NestedScales>(nested.scales);
  ASSERT_EQ(made.offset, 0);
  const std::vector<uint8_t> codes = made.codes.to_host<uint8_t>();
  for (size_t i = 0; i < codes.size(); ++i) ASSERT_EQ(codes[i], searched(map, padded[i])) << padded[i];
  EXPECT_EQ(made.nested.to_host<float>(), std::vector<float>(size_t((blocks + 255) / 256), 1.0f));
}

TEST_P(Nf4, NestedScalesOfRealWeightsFollowOneOfTheLibrarysRules) {
  const Golden file("nested");
  const QuantizedTensor nested =
      kernels::nf4_nest_scales(stream(), quantized(stream(), file.shape("input"), file.floats("input")));
  const NestedScales& made = std::get<NestedScales>(nested.scales);
  EXPECT_LT(std::abs(made.offset / file.floats("nested_offset")[0] - 1), 2e-7);  // a mean, summed in another order
  const std::vector<uint8_t> ours = made.codes.to_host<uint8_t>(), theirs = file.bytes("nested_codes");
  int differ = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    differ += ours[i] != theirs[i];
    EXPECT_LE(std::abs(int(ours[i]) - int(theirs[i])), 1);
  }
  EXPECT_LE(differ, 3) << "the rules differ in about one code of 500";
}

TEST_P(Nf4, EqualScalesNestToCodeZero) {
  const QuantizedTensor nested =
      kernels::nf4_nest_scales(stream(), quantized(stream(), {4, 64}, std::vector<float>(256, 0.5f)));
  EXPECT_EQ(std::get<NestedScales>(nested.scales).codes.to_host<uint8_t>(), std::vector<uint8_t>(4, 0));
  EXPECT_EQ(dequantized(stream(), nested), std::vector<float>(256, 0.5f));
}

TEST_P(Nf4, ZerosAndWhatIsNoNumber) {
  std::vector<float> values(128, 0.0f);
  QuantizedTensor weight = quantized(stream(), {2, 64}, values);
  EXPECT_EQ(weight.codes.to_host<uint8_t>(), std::vector<uint8_t>(64, 0x00));
  EXPECT_EQ(absmax_of(weight), (std::vector<float>{0, 0}));
  for (const float value : dequantized(stream(), weight)) EXPECT_EQ(value, 0);
  values[0] = NAN, values[1] = 2;  // code 0, and the block's scale is that of its numbers
  weight = quantized(stream(), {2, 64}, values);
  EXPECT_EQ(absmax_of(weight)[0], 2);
  EXPECT_EQ(weight.codes.to_host<uint8_t>()[0], 0x0F);
}

// Every bfloat16 value under every mantissa of the block's largest, at exponents on both sides of where the rule of the
// bounds holds: the bytes of the same values in float32.
TEST_P(Nf4, BfloatsAreQuantisedAsTheirFloats) {
  Stream cpu = Stream::cpu(2);
  const auto bits_as = [](uint32_t word) { return std::bit_cast<bfloat16>(uint16_t(word)); };
  for (const uint32_t exponent : {1u, 15u, 16u, 127u, 239u, 240u, 254u}) {
    std::vector<bfloat16> narrow;
    for (uint32_t mantissa = 0; mantissa < 128; mantissa += exponent == 127 ? 1 : 9) {
      const uint32_t largest = exponent << 7 | mantissa;
      for (uint32_t magnitude = exponent > 18 ? (exponent - 8) << 7 : 0; magnitude <= largest; ++magnitude)
        for (const uint32_t sign : {0x8000u, 0u}) {
          if (narrow.size() % 64 == 0) narrow.push_back(bits_as(largest));
          narrow.push_back(bits_as(sign | magnitude));
        }
      while (narrow.size() % 64 != 0) narrow.push_back(bits_as(0x8000));
    }
    narrow.resize(narrow.size() - 5);  // a last block that is not whole
    std::vector<float> wide;
    for (const bfloat16 value : narrow) wide.push_back(float(value));
    const Shape shape{int64_t(wide.size()), 1};
    const QuantizedTensor expected = quantized(cpu, shape, wide);
    QuantizedTensor weight = kernels::nf4_empty(stream(), shape);
    kernels::nf4_quantize(stream(), weight, 0, Tensor::from(stream(), {shape[0]}, narrow));
    EXPECT_EQ(absmax_of(weight), absmax_of(expected)) << exponent;
    EXPECT_EQ(weight.codes.to_host<uint8_t>(), expected.codes.to_host<uint8_t>()) << exponent;
  }
}

// A weight with bytes of 0xEE before and behind its codes, and of -7 around its scales.
class GuardedWeight {
 public:
  GuardedWeight(Stream& stream, const Shape& shape)
      : bytes_((shape.elements() + 1) / 2),
        blocks_((shape.elements() + 63) / 64),
        codes_(Tensor::from(stream, {bytes_ + 128}, std::vector<uint8_t>(size_t(bytes_ + 128), 0xEE))),
        absmax_(Tensor::from(stream, {blocks_ + 8}, std::vector<float>(size_t(blocks_ + 8), -7.0f))),
        weight{shape, codes_.flat_range(64, {bytes_}), FloatScales{absmax_.flat_range(4, {blocks_})}} {}
  bool intact() const {
    const std::vector<uint8_t> codes = codes_.to_host<uint8_t>();
    const std::vector<float> absmax = absmax_.to_host<float>();
    return std::count(codes.begin(), codes.begin() + 64, 0xEE) == 64 &&
           std::count(codes.end() - 64, codes.end(), 0xEE) == 64 &&
           std::count(absmax.begin(), absmax.begin() + 4, -7.0f) == 4 &&
           std::count(absmax.end() - 4, absmax.end(), -7.0f) == 4;
  }

 private:
  int64_t bytes_, blocks_;
  Tensor codes_, absmax_;

 public:
  QuantizedTensor weight;
};

// Below a piece of 16 bytes and above it; whole pieces, with blocks inside rows and across their ends, and not; more
// than a block of threads has, and more than a block of nested scales.
const std::vector<Shape> kShapes{{1, 1}, {7, 13}, {65, 63}, {33, 64}, {40, 65}, {300, 100}, {9, 72}, {70, 264}};

std::vector<float> drawn(int64_t count) {
  const Values values = random_values(count, 5);
  return {values.begin(), values.end()};
}

// In pieces that lie where vectors can be loaded and where not; nothing is written outside, and the bytes are those of
// one thread of the CPU.
TEST_P(Nf4, PiecesMakeTheBytesOfTheWhole) {
  Stream cpu = Stream::cpu();
  for (const Shape& shape : kShapes)
    for (const DType dtype : {DType::float32, DType::bfloat16})
      for (const int64_t offset : {0, 1, 8}) {
        SCOPED_TRACE(joined(shape, ", ", dtype, ", offset ", offset));
        const int64_t n = shape.elements(), most = n < 2000 ? 192 : 9600;
        const Values values = [&] {
          const std::vector<float> v = drawn(n);
          return rounded_to(dtype, Values(v.begin(), v.end()));
        }();
        const QuantizedTensor whole = quantized(cpu, shape, {values.begin(), values.end()});
        GuardedWeight guarded(stream(), shape);
        for (int64_t at = 0; at < n; at += most) {
          const int64_t count = std::min<int64_t>(most, n - at);
          Values piece(size_t(offset), NAN);
          piece.insert(piece.end(), values.begin() + at, values.begin() + at + count);
          const Tensor all = tensor_of(stream(), {offset + count}, piece, dtype);
          kernels::nf4_quantize(stream(), guarded.weight, at, all.flat_range(offset, {count}));
        }
        EXPECT_EQ(guarded.weight.codes.to_host<uint8_t>(), whole.codes.to_host<uint8_t>());
        EXPECT_EQ(absmax_of(guarded.weight), absmax_of(whole));
        EXPECT_TRUE(guarded.intact());
      }
}

QuantizedTensor moved_to(Stream& stream, const QuantizedTensor& weight) {
  const auto moved = [&]<class T>(const Tensor& tensor, T) {
    return Tensor::from(stream, tensor.shape(), tensor.to_host<T>());
  };
  const Tensor codes = moved(weight.codes, uint8_t());
  if (const auto* plain = std::get_if<FloatScales>(&weight.scales))
    return {weight.shape, codes, FloatScales{moved(plain->absmax, float())}};
  const auto& nested = std::get<NestedScales>(weight.scales);
  return {weight.shape, codes,
          NestedScales{moved(nested.codes, uint8_t()), moved(nested.nested, float()), moved(nested.map, float()),
                       nested.offset}};
}

// Windows of rows and columns, from the middle of a block too, in all types, on threads; nothing is written outside.
TEST_P(Nf4, RowsAndColumns) {
  Stream one = Stream::cpu();
  for (const Shape& shape : kShapes)
    for (const bool nest : {false, true}) {
      SCOPED_TRACE(joined(shape, nest ? ", nested" : ""));
      const QuantizedTensor plain = quantized(one, shape, drawn(shape.elements()));
      const QuantizedTensor source = nest ? kernels::nf4_nest_scales(one, plain) : plain;
      const std::vector<float> all = dequantized(one, source);
      const QuantizedTensor weight = moved_to(stream(), source);
      struct Window {
        int64_t row, column, pad;
      };
      for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
        for (const Window w : {Window{0, 0, 0},
                               {0, 0, 3},
                               {shape[0] / 2, 0, 8},
                               {shape[0] / 2, shape[1] / 2, 1},
                               {0, shape[1] / 3, 8}}) {
          const int64_t rows = shape[0] - w.row, columns = shape[1] - w.column;
          const auto got = [&](Stream& stream) {
            Framed to(stream, {rows, columns}, dtype, w.pad);
            kernels::nf4_dequantize(stream, *to, stream.device().type == DeviceType::cpu ? source : weight, w.row,
                                    w.column);
            EXPECT_TRUE(to.intact());
            return to.values();
          };
          Values expected;
          for (int64_t r = w.row; r < shape[0]; ++r)
            for (int64_t i = w.column; i < shape[1]; ++i) expected.push_back(all[size_t(r * shape[1] + i)]);
          EXPECT_EQ(on_device(stream(), got), rounded_to(dtype, expected))
              << dtype << ", from row " << w.row << ", column " << w.column << ", pad " << w.pad;
        }
    }
}

// The same scales as the CPU's, to the byte, and the same mean; on meta, the bytes that run.
TEST_P(Nf4, NestedScalesAreThoseOfTheCpu) {
  Stream cpu = Stream::cpu();
  for (const int64_t blocks : {1, 15, 16, 17, 255, 256, 257, 2100}) {
    std::vector<float> scales = drawn(blocks);
    for (float& scale : scales) scale = std::abs(scale) + 0.01f;
    const auto nested = [&](Stream& stream) {
      QuantizedTensor weight = kernels::nf4_empty(stream, {blocks, 64});
      std::get<FloatScales>(weight.scales).absmax.write<float>(scales);
      return std::get<NestedScales>(kernels::nf4_nest_scales(stream, weight).scales);
    };
    const NestedScales expected = nested(cpu), got = nested(stream());
    EXPECT_EQ(got.offset, expected.offset) << blocks;
    EXPECT_EQ(got.codes.to_host<uint8_t>(), expected.codes.to_host<uint8_t>()) << blocks;
    EXPECT_EQ(got.nested.to_host<float>(), expected.nested.to_host<float>()) << blocks;
    double sum = 0;
    for (const float scale : scales) sum += scale;
    EXPECT_LT(std::abs(expected.offset / (sum / double(blocks)) - 1), kFloat32);
  }
}

struct FewRows {
  int64_t rows, in, out;
};
// One row and several; a run of 32, a warp's 128, a block's 1024, and parts of each; whole 16 outputs and not.
const std::vector<FewRows> kFewRowSizes{{1, 32, 1},   {1, 64, 16},   {3, 96, 17},
                                        {8, 128, 33}, {5, 1184, 40}, {2, 2080, 20}};

void multiply_few(Stream& stream, const FewRows& s, bool nest, DType dtype, int64_t pad) {
  SCOPED_TRACE(joined(s.rows, " x ", s.in, " -> ", s.out, nest ? ", nested, " : ", ", dtype, ", pad ", pad));
  Stream cpu = Stream::cpu();
  const QuantizedTensor plain = quantized(cpu, {s.out, s.in}, drawn(s.out * s.in)),
                        source = nest ? kernels::nf4_nest_scales(cpu, plain) : plain;
  const std::vector<float> levels = dequantized(cpu, source);
  const Values weight = rounded_to(DType::bfloat16, Values(levels.begin(), levels.end())),
               x = rounded_to(DType::bfloat16, random_values(s.rows * s.in, 8)), before(size_t(s.rows * s.out), 1.0);
  for (const double beta : {0.0, 0.5}) {
    const double alpha = 1 - beta / 2;
    Values expected;
    for (int64_t m = 0; m < s.rows; ++m)
      for (int64_t n = 0; n < s.out; ++n) {
        double sum = 0;
        for (int64_t k = 0; k < s.in; ++k) sum += x[size_t(m * s.in + k)] * weight[size_t(n * s.in + k)];
        expected.push_back(alpha * sum + beta);
      }
    const Values got = on_device(stream, [&](Stream& on) {
      const QuantizedTensor there = moved_to(on, source);
      Framed from(on, {s.rows, s.in}, DType::bfloat16, pad, x);
      Framed to(on, {s.rows, s.out}, dtype, pad, beta == 0 ? Values() : before);
      kernels::nf4_linear(on, *to, *from, there, beta, alpha);
      EXPECT_TRUE(to.intact());
      return to.values();
    });
    EXPECT_LT(relative_error(got, expected), tolerance_of(dtype));
  }
}

TEST_P(Nf4, FewRowsMeetTheCodes) {
  for (const FewRows& s : kFewRowSizes)
    for (const bool nest : {false, true})
      for (const DType dtype : {DType::bfloat16, DType::float32})
        multiply_few(stream(), s, nest, dtype, dtype == DType::float32 ? 3 : nest ? 8 : 0);
}

TEST_P(Nf4, MoreRowsAndOtherWidthsAreRefused) {
  const QuantizedTensor weight = kernels::nf4_empty(stream(), {4, 64}), odd = kernels::nf4_empty(stream(), {4, 48});
  const auto takes = [&](int64_t rows, DType dtype, const QuantizedTensor& w) {
    return kernels::nf4_linear_takes(Tensor(stream(), {rows, w.width()}, dtype), w);
  };
  EXPECT_TRUE(takes(8, DType::bfloat16, weight));
  EXPECT_FALSE(takes(9, DType::bfloat16, weight) || takes(1, DType::float32, weight) || takes(1, DType::bfloat16, odd));
  Tensor y(stream(), {9, 4}, DType::bfloat16);
  EXPECT_THROW(kernels::nf4_linear(stream(), y, Tensor(stream(), {9, 64}, DType::bfloat16), weight), Error);
}

TEST_P(Nf4, PlannedBytesAreTheMeasured) {
  const auto peak = [](Stream& stream) {
    QuantizedTensor weight = kernels::nf4_empty(stream, {300, 100});
    const Tensor values = tensor_of(stream, {30000}, Values(30000), DType::bfloat16);
    kernels::nf4_quantize(stream, weight, 0, values);
    weight = kernels::nf4_nest_scales(stream, weight);
    Tensor rows(stream, {10, 100}, DType::bfloat16);
    kernels::nf4_dequantize(stream, rows, weight, 20);
    return stream.allocator()->usage().peak;
  };
  Stream meta = Stream::meta(stream().target());
  EXPECT_EQ(peak(meta), peak(stream()));
}

}  // namespace
}  // namespace hone::test
