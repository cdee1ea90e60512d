// The reader beside the rules and tests of the Rust library (huggingface/safetensors, safetensors/src/tensor.rs), and
// beside files that the Python library wrote (tests/golden/make_checkpoints.py).
#include "checkpoints/formats/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include <sys/stat.h>

#include "kernels/host/hash.h"
#include "kernels/host/json.h"
#include "tests/checkpoints/support.h"

namespace hone::checkpoints {
namespace {

using test::expect_error, test::header_file, test::TemporaryFolder;

class Safetensors : public ::testing::Test {
 protected:
  // Opens a file of these bytes.
  SafetensorsFile open(const std::string& bytes) { return SafetensorsFile(folder_.write("file.safetensors", bytes)); }
  // The file is refused with ExitCode::input, naming the file, and with `words` in the message.
  void refused(const std::string& bytes, const std::string& words) {
    expect_error([&] { open(bytes); }, ExitCode::input, words);
    expect_error([&] { open(bytes); }, ExitCode::input, "file.safetensors");
  }
  TemporaryFolder folder_;
};

std::string entry(const std::string& dtype, const std::string& shape, uint64_t begin, uint64_t end) {
  return joined(R"({"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":[)", begin, ",", end, "]}");
}

// --- upstream's tests, by their names ----------------------------------------------------------------------------

TEST_F(Safetensors, Deserialization) {
  const SafetensorsFile file = open(
      header_file(R"({"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}       )", std::string(16, '\0')));
  ASSERT_EQ(file.tensors().size(), 1u);
  const TensorInfo& info = file.at("test");
  EXPECT_EQ(info.dtype, FileDType::I32);
  EXPECT_EQ(info.shape, (std::vector<int64_t>{2, 2}));
  std::vector<std::byte> bytes(16, std::byte(7));
  file.read(info, 0, bytes);
  EXPECT_EQ(bytes, std::vector<std::byte>(16));
  EXPECT_EQ(file.find("tes"), nullptr);
  expect_error([&] { file.at("tes"); }, ExitCode::input, "tensor tes is missing");
}

TEST_F(Safetensors, EmptyShapesAllowed) {
  const SafetensorsFile file =
      open(header_file(joined(R"({"test":)", entry("I32", "[]", 0, 4), "}"), std::string(4, '\0')));
  EXPECT_EQ(file.at("test").elements(), 1);
  EXPECT_TRUE(file.at("test").shape.empty());
}

TEST_F(Safetensors, ZeroSizedTensor) {
  const SafetensorsFile file = open(header_file(joined(R"({"test":)", entry("I32", "[2,0]", 0, 0), "}"), ""));
  EXPECT_EQ(file.at("test").elements(), 0);
}

TEST_F(Safetensors, JsonAttack) {  // ten tensors that share their bytes
  std::string header;
  for (int i = 0; i < 10; ++i) header += joined(i ? "," : "{", "\"weight_", i, "\":", entry("F32", "[2,2]", 0, 16));
  refused(header_file(header + "}", std::string(16, '\0')), "begins at byte 0, expected 16");
}

TEST_F(Safetensors, MetadataIncompleteBuffer) {
  const std::string header = joined(R"({"test":)", entry("I32", "[2,2]", 0, 16), "}");
  refused(header_file(header, std::string(16, '\0') + "extra_bogus_data_for_polyglot_file"),
          "bytes after the last tensor");
  refused(header_file(header, std::string(15, '\0')), "was it cut");
}

TEST_F(Safetensors, HeaderTooLarge) {
  refused(std::string("<\x00\x00\x00\x00\xff\xff\xff", 8) + "{}", "header of");
  std::string longest("\x01\xe1\xf5\x05\0\0\0\0", 8);  // 100,000,001
  refused(longest + "{}", "at most 100000000");
  refused(std::string(8, '\xff') + "{}", "header of 18446744073709551615 bytes");
}

TEST_F(Safetensors, HeaderTooSmall) {
  refused("", "0 bytes are too few");
  refused("1234567", "7 bytes are too few");
  refused(std::string(8, '\0'), "not valid JSON");  // no header at all
}

TEST_F(Safetensors, InvalidHeaderLength) { refused(std::string("<\0\0\0\0\0\0\0", 8), "header of 60 bytes"); }

TEST_F(Safetensors, InvalidHeaderNotUtf8) { refused(std::string("\x01\0\0\0\0\0\0\0\xff", 9), "UTF-8"); }

TEST_F(Safetensors, InvalidHeaderNotJson) { refused(std::string("\x01\0\0\0\0\0\0\0{", 9), "not valid JSON"); }

TEST_F(Safetensors, WhitespacePaddedHeader) {
  EXPECT_TRUE(open(std::string("\x06\0\0\0\0\0\0\0{}\x0d\x20\x09\x0a", 14)).tensors().empty());
}

TEST_F(Safetensors, WhitespaceLeadingPaddedHeader) {
  EXPECT_TRUE(open(std::string("\x06\0\0\0\0\0\0\0\x09\x0a{}\x0d\x20", 14)).tensors().empty());
}

TEST_F(Safetensors, InvalidInfo) {
  refused(header_file(joined(R"({"test":)", entry("I32", "[2,2]", 0, 4), "}"), std::string(4, '\0')), "needs 16 bytes");
}

TEST_F(Safetensors, ValidationOverflow) {
  // The product of the dimensions, and the product with the size of an element.
  refused(
      header_file(joined(R"({"test":)", entry("I32", "[2,18446744073709551614]", 0, 16), "}"), std::string(16, '\0')),
      "test");
  refused(
      header_file(joined(R"({"test":)", entry("I32", "[2,9223372036854775807]", 0, 16), "}"), std::string(16, '\0')),
      "overflows");
  refused(
      header_file(joined(R"({"test":)", entry("I32", "[2,4611686018427387903]", 0, 16), "}"), std::string(16, '\0')),
      "overflows");
  refused(header_file(joined(R"({"test":)", entry("U8", "[4294967296,4294967296,0]", 0, 0), "}"), ""), "overflows");
}

TEST_F(Safetensors, Float4Misaligned) {
  refused(header_file(joined(R"({"test":)", entry("F4", "[1,3]", 0, 2), "}"), std::string(2, '\0')), "no whole bytes");
  EXPECT_EQ(open(header_file(joined(R"({"test":)", entry("F4", "[1,4]", 0, 2), "}"), std::string(2, '\0')))
                .at("test")
                .elements(),
            4);
  EXPECT_EQ(open(header_file(joined(R"({"test":)", entry("F6_E2M3", "[4]", 0, 3), "}"), std::string(3, '\0')))
                .at("test")
                .elements(),
            4);
}

TEST_F(Safetensors, AbuseAttempts) {  // attacks/safetensors_abuse_attempt_1 to 3.py
  // 1: a header of nearly the largest size, full of names
  std::string header = "{";
  for (int i = 0; i < 20000; ++i) header += joined(i ? "," : "", "\"weight_", i, "\":", entry("F32", "[2,2]", 0, 16));
  refused(header_file(header + "}", std::string(16, '\0')), "without holes");
  // 2: offsets outside of the file
  refused(header_file(R"({"a":{"dtype":"F32","shape":[1000000,1000],"data_offsets":[0,4000000000]}})",
                      std::string(64, '\0')),
          "was it cut");
  // 3: a length of the header far behind the end
  refused(std::string("\0\xe1\xf5\x05\0\0\0\0", 8) + "{}", "header of 100000000 bytes in a file of 10");
}

// --- our own rules ------------------------------------------------------------------------------------------------

TEST_F(Safetensors, RefusesWhatJsonLetsPass) {
  const std::string data(4, '\0'), ok = entry("F32", "[1]", 0, 4);
  refused(header_file(joined(R"({"a":)", ok, R"(,"a":)", ok, "}"), data), "occurs twice");
  refused(header_file(R"({"__metadata__":{},"__metadata__":{}})", ""), "occurs twice");
  refused(header_file(R"({"__metadata__":{"a":1}})", ""), "expected a text");
  refused(header_file(R"({"__metadata__":["a"]})", ""), "expected an object");
  refused(header_file("[]", ""), "expected an object");
  refused(header_file("{} {}", ""), "not valid JSON");
  refused(header_file(std::string("{}\0", 3), ""), "NUL");
  refused(header_file("\xEF\xBB\xBF{}", ""), "byte-order mark");
  refused(header_file(R"({"a":{"b":{"c":{"d":{}}}}})", ""), "nested deeper");
  for (const char* shape : {"[1.0]", "[1e0]", "[-1]", "[\"1\"]", "[[1]]", "1", "null", "[null]", "[true]"})
    refused(header_file(joined(R"({"a":)", entry("F32", shape, 0, 4), "}"), data), "a.shape");
  for (const char* offsets :
       {"[0]", "[0,4,4]", "[0.0,4]", "[-4,0]", "[4,0]", "{}", "[0,\"4\"]", "[18446744073709551612,0]"})
    refused(header_file(joined(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)", offsets, "}}"), data), "a");
  refused(header_file(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", data), "a.dtype is missing");
  refused(header_file(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", data), "a.shape is missing");
  refused(header_file(R"({"a":{"dtype":"F32","shape":[1]}})", data), "a.data_offsets is missing");
  refused(header_file(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1}})", data),
          "unknown key extra");
  refused(header_file(joined(R"({"a":)", entry("F33", "[1]", 0, 4), "}"), data), "unknown dtype F33");
  refused(header_file(joined(R"({"a":)", entry("f32", "[1]", 0, 4), "}"), data), "unknown dtype f32");
}

TEST_F(Safetensors, RefusesHolesAndOverlaps) {
  const std::string data(12, '\0');
  refused(header_file(joined(R"({"a":)", entry("F32", "[1]", 0, 4), R"(,"b":)", entry("F32", "[1]", 8, 12), "}"), data),
          "tensor b");
  refused(header_file(joined(R"({"a":)", entry("F32", "[2]", 0, 8), R"(,"b":)", entry("F32", "[2]", 4, 12), "}"), data),
          "tensor b");
  refused(header_file(joined(R"({"a":)", entry("F32", "[2]", 4, 12), "}"), data), "begins at byte 4, expected 0");
  // Order in the header does not matter, and an empty tensor may lie between two others.
  EXPECT_EQ(open(header_file(joined(R"({"b":)", entry("F32", "[2]", 4, 12), R"(,"e":)", entry("F32", "[0]", 4, 4),
                                    R"(,"a":)", entry("F32", "[1]", 0, 4), "}"),
                             data))
                .tensors()
                .size(),
            3u);
}

TEST_F(Safetensors, KeepsItsLimits) {
  const std::string data(1, '\0');
  const auto named = [&](size_t length) {
    return header_file(joined("{\"", std::string(length, 'n'), "\":", entry("U8", "[1]", 0, 1), "}"), data);
  };
  EXPECT_EQ(open(named(1024)).tensors().size(), 1u);
  refused(named(1025), "name has 1025 bytes");
  const auto shaped = [&](const std::string& shape) {
    return header_file(joined(R"({"a":)", entry("U8", shape, 0, 1), "}"), data);
  };
  EXPECT_EQ(open(shaped("[1,1,1,1,1,1,1,1]")).at("a").elements(), 1);
  refused(shaped("[1,1,1,1,1,1,1,1,1]"), "9 dimensions");
  const auto described = [&](size_t length) {
    return header_file(joined(R"({"__metadata__":{"k":")", std::string(length, 'm'), "\"}}"), "");
  };
  EXPECT_EQ(open(described((1 << 20) - 1)).metadata().at("k").size(), size_t((1 << 20) - 1));
  refused(described(1 << 20), "bytes of metadata");
  std::string many = R"({"a":{"dtype":"U8","shape":[)";
  for (int i = 0; i < 10'000'001; ++i) many += "1,";
  refused(header_file(many + R"(1],"data_offsets":[0,1]}})", data), "more than 10000000 values");
}

TEST_F(Safetensors, RefusesWhatIsNoFile) {
  expect_error([&] { SafetensorsFile(folder_ / "absent.safetensors"); }, ExitCode::input, "no such file");
  expect_error([&] { SafetensorsFile(folder_.path()); }, ExitCode::input, "not a regular file");
  ASSERT_EQ(::mkfifo((folder_ / "pipe.safetensors").c_str(), 0600), 0);  // must not wait for a writer
  expect_error([&] { SafetensorsFile(folder_ / "pipe.safetensors"); }, ExitCode::input, "not a regular file");
}

TEST_F(Safetensors, EveryCutAndEveryFlippedBitOfTheHeaderIsHandled) {
  const std::string whole = header_file(
      joined(R"({"a":)", entry("F32", "[1]", 0, 4), R"(,"b":)", entry("U8", "[3]", 4, 7), "}  "), "1234567");
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_THROW(open(whole.substr(0, size)), Error) << size;
  int opened = 0;
  for (size_t bit = 0; bit < (whole.size() - 7) * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = char(flipped[bit / 8] ^ (1 << bit % 8));
    try {
      const SafetensorsFile file = open(flipped);
      ++opened;  // a name or F32 ↔ U32: still consistent
      for (const TensorInfo& info : file.tensors()) {
        std::vector<std::byte> bytes(info.end - info.begin);
        file.read(info, 0, bytes);
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
    }
  }
  EXPECT_LT(opened, 30);
}

// --- values -------------------------------------------------------------------------------------------------------

const Json& conversions() {
  static const Json json = read_json(test::golden("checkpoints/expected.json")).at("conversions");
  return json;
}

TEST_F(Safetensors, ConvertsEveryHalfAndBfloat16AsNumpyAndTorch) {
  for (const FileDType dtype : {FileDType::F16, FileDType::BF16}) {
    const uint16_t exponent = dtype == FileDType::F16 ? 0x7C00 : 0x7F80;
    std::vector<uint16_t> finite;
    for (uint32_t bits = 0; bits < 65536; ++bits)
      if ((bits & exponent) != exponent) finite.push_back(uint16_t(bits));
    const auto bytes = std::as_bytes(std::span(finite));
    write_safetensors(folder_ / "x", {{"x", dtype, {int64_t(finite.size())}, {bytes.begin(), bytes.end()}}});
    const SafetensorsFile file(folder_ / "x");
    std::vector<float> values(finite.size());
    const size_t half = values.size() / 2 + 1;  // in two pieces
    file.read_float32(file.at("x"), 0, std::span(values).first(half));
    file.read_float32(file.at("x"), int64_t(half), std::span(values).subspan(half));
    const std::string text(reinterpret_cast<const char*>(values.data()), values.size() * 4);
    EXPECT_EQ(sha256_of(text), conversions().at(std::string(name_of(dtype))).at("sha256").get<std::string>());
  }
}

TEST_F(Safetensors, RoundsDoublesToNearestEven) {
  std::vector<double> wide;
  for (const Json& hex : conversions().at("F64").at("values"))
    wide.push_back(std::strtod(hex.get<std::string>().c_str(), nullptr));
  const auto bytes = std::as_bytes(std::span(wide));
  write_safetensors(folder_ / "x", {{"x", FileDType::F64, {int64_t(wide.size())}, {bytes.begin(), bytes.end()}}});
  const SafetensorsFile file(folder_ / "x");
  std::vector<float> values(wide.size());
  file.read_float32(file.at("x"), 0, values);
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint32_t>(values[i]), conversions().at("F64").at("float32_bits")[i].get<uint32_t>())
        << wide[i];
}

TEST_F(Safetensors, RefusesValuesThatAreNotFiniteAndOtherTypes) {
  const float nan = std::nanf(""), infinity = INFINITY;
  write_safetensors(folder_ / "x", {host_tensor("nan", {3}, std::vector{1.f, 2.f, nan}),
                                    host_tensor("infinite", {1}, std::vector{-infinity}),
                                    {"half", FileDType::F16, {1}, {std::byte(0), std::byte(0x7C)}},
                                    {"bfloat", FileDType::BF16, {1}, {std::byte(0xC0), std::byte(0xFF)}},
                                    {"wide", FileDType::F64, {1}, std::vector<std::byte>(8, std::byte(0x7E))},
                                    {"codes", FileDType::U8, {1}, {std::byte(1)}}});
  const SafetensorsFile file(folder_ / "x");
  std::vector<float> one(1);
  file.read_float32(file.at("nan"), 1, one);  // the piece without it is fine
  EXPECT_EQ(one[0], 2);
  for (const char* name : {"infinite", "half", "bfloat", "wide"})
    expect_error([&] { file.read_float32(file.at(name), 0, one); }, ExitCode::input,
                 joined("tensor ", name, ": holds a value that is not finite"));
  expect_error([&] { file.read_float32(file.at("nan"), 2, one); }, ExitCode::input, "tensor nan");
  expect_error([&] { file.read_float32(file.at("codes"), 0, one); }, ExitCode::input,
               "tensor codes: expected F32, F16, BF16 or F64, got U8");
  for (const int64_t first : {int64_t(-1), int64_t(3), int64_t(1) << 62})
    expect_error([&] { file.read_float32(file.at("nan"), first, one); }, ExitCode::bug, "tensor nan");
  std::vector<std::byte> bytes(2);
  expect_error([&] { file.read(file.at("codes"), 0, bytes); }, ExitCode::bug, "tensor codes");
  expect_error([&] { file.read(file.at("codes"), UINT64_MAX, bytes); }, ExitCode::bug, "tensor codes");
}

// --- writing ------------------------------------------------------------------------------------------------------

TEST_F(Safetensors, WritesUpstreamsGoldenBytes) {
  write_safetensors(folder_ / "empty", {});
  EXPECT_EQ(read_text(folder_ / "empty"), std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
  write_safetensors(folder_ / "metadata", {}, {{"framework", "pt"}});
  EXPECT_EQ(read_text(folder_ / "metadata"),
            std::string("\x28\0\0\0\0\0\0\0", 8) + R"({"__metadata__":{"framework":"pt"}}     )");
}

std::vector<HostTensor> tensors_of(const SafetensorsFile& file) {
  std::vector<HostTensor> tensors;
  for (const TensorInfo& info : file.tensors()) {
    tensors.push_back({info.name, info.dtype, info.shape, std::vector<std::byte>(info.end - info.begin)});
    file.read(info, 0, tensors.back().bytes);
  }
  return tensors;
}

TEST_F(Safetensors, WritesTheBytesThatThePythonLibraryWrites) {
  for (const char* name : {"dtypes", "no_metadata"}) {
    const fs::path golden = test::golden(joined("checkpoints/", name, ".safetensors"));
    const SafetensorsFile file(golden);
    std::vector<HostTensor> tensors = tensors_of(file);
    std::ranges::sort(tensors, std::greater{}, &HostTensor::name);  // the order that is given does not matter
    write_safetensors(folder_ / "out", tensors, file.metadata());
    EXPECT_EQ(read_text(folder_ / "out"), read_text(golden)) << name;
  }
}

TEST_F(Safetensors, ReadsEveryTypeOfThePythonLibrary) {
  const SafetensorsFile file(test::golden("checkpoints/dtypes.safetensors"));
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
  EXPECT_EQ(file.tensors().size(), 22u);
  std::set<FileDType> seen;
  for (const HostTensor& tensor : tensors_of(file)) {
    seen.insert(tensor.dtype);
    if (tensor.shape != std::vector<int64_t>{2, 3} || tensor.dtype == FileDType::BOOL) continue;
    for (size_t i = 0; i < tensor.bytes.size(); ++i) EXPECT_EQ(size_t(tensor.bytes[i]), i) << tensor.name;
  }
  EXPECT_EQ(seen.size(), 19u);  // all but the types of less than a byte
  std::vector<float> scalar(1);
  file.read_float32(file.at("scalar"), 0, scalar);
  EXPECT_EQ(scalar[0], 1.5f);
}

TEST_F(Safetensors, StreamsTensorsInPiecesAndRefusesWhatDoesNotFit) {
  const std::vector<TensorSpec> specs{
      {"b", FileDType::U8, {3}}, {"none", FileDType::F32, {0, 2}}, {"a", FileDType::U8, {2}}};
  const std::vector<std::byte> bytes(3, std::byte(9));
  const auto piece = [&](size_t count) { return std::span(bytes).first(count); };
  SafetensorsWriter writer(folder_ / "out", specs);
  EXPECT_EQ(writer.order()[0].name, "none");
  expect_error([&] { writer.put("b", piece(1)); }, ExitCode::bug, "b is put where a is next");
  writer.put("none", {});
  writer.put("a", piece(1));
  expect_error([&] { writer.put("b", piece(1)); }, ExitCode::bug, "b is put where a is next");
  expect_error([&] { writer.put("a", piece(2)); }, ExitCode::bug, "1 are missing");
  writer.put("a", piece(1));
  writer.put("b", piece(2));
  expect_error([&] { writer.commit(); }, ExitCode::bug, "b misses 1 bytes");
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  writer.put("b", piece(1));
  expect_error([&] { writer.put("b", piece(1)); }, ExitCode::bug, "where the end is next");
  writer.commit();
  EXPECT_EQ(SafetensorsFile(folder_ / "out").tensors().size(), 3u);
  expect_error(
      [&] {
        SafetensorsWriter(folder_ / "x", {{"a", FileDType::U8, {1}}, {"a", FileDType::F32, {1}}});
      },
      ExitCode::bug, "given twice");
  expect_error(
      [&] {
        SafetensorsWriter(folder_ / "x", {{"a", FileDType::F32, {1LL << 40, 1LL << 40}}});
      },
      ExitCode::bug, "no number of bytes");
  expect_error(
      [&] {
        write_safetensors(folder_ / "x", {{"a", FileDType::U8, {2}, {std::byte(1)}}});
      },
      ExitCode::bug, "needs 2 bytes, got 1");
  EXPECT_EQ(entries_of(folder_.path()).size(), 1u);  // no temporary file is left
}

}  // namespace
}  // namespace hone::checkpoints
