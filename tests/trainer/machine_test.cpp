// What hone doctor says, of machines made up here, and what it measures on this one.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/environment.h"
#include "trainer/machine/checks.h"
#include "trainer/machine/rates.h"
#include "trainer/machine/reach.h"
#include "trainer/plan/disk.h"
#include "trainer/report/cells.h"

namespace hone::test {
namespace {

using namespace trainer;

constexpr size_t kGiB = size_t(1) << 30;

// A DGX Spark that is well.
Machine spark() {
  Machine m;
  m.processor = {.model = "10 x Cortex-X925, 10 x Cortex-A725", .threads = 20, .instructions = {"NEON", "bfloat16"}};
  m.memory = 120 * kGiB, m.available = 110 * kGiB;
  m.copy.value = 112e9, m.float32.value = 900e9, m.bfloat16.value = 1.8e12;
  m.gpus = {{.device = {.name = "NVIDIA GB10",
                        .major = 12,
                        .minor = 1,
                        .multiprocessors = 48,
                        .memory = 120 * kGiB,
                        .unified = true},
             .budget = {.bytes = 101 * kGiB, .reserve = 9 * kGiB},
             .copy = {231e9, ""},
             .matrix = {94.6e12, ""},
             .problem = ""}};
  m.cuda = {.driver = "13.0", .runtime = "13.0"};
  m.libraries = {{.name = "cuBLASLt", .version = "13.1.0", .problem = ""}};
  m.folder = "/home/ada/night", m.free = 412 * kGiB;
  m.read.value = 6.4e9, m.write.value = 3.1e9;
  return m;
}
Machine without_gpu() {
  Machine m = spark();
  m.gpus.clear(), m.libraries.clear(), m.cuda = {};
  m.no_gpu = "this program was built without CUDA";
  return m;
}

const Check& check_of(const std::vector<Check>& checks, const std::string& name) {
  const auto found = std::ranges::find(checks, name, &Check::name);
  if (found == checks.end()) throw std::runtime_error("no check is called " + name);
  return *found;
}
// What a machine is told to look at, by name.
std::vector<std::string> looks(const Machine& machine) {
  std::vector<std::string> names;
  for (const Check& check : checks_of(machine))
    if (check.state == Check::State::look) names.push_back(check.name);
  return names;
}
using Names = std::vector<std::string>;

TEST(Doctor, FindsNothingWhereAllIsWell) {
  for (const Check& check : checks_of(spark())) {
    EXPECT_EQ(check.state, Check::State::ok) << check.name;
    EXPECT_EQ(check.remedy, "") << check.name;
  }
  EXPECT_TRUE(spark().has_working_gpu());
}

TEST(Doctor, ReadsAtEightyColumns) {
  EXPECT_EQ(doctor_text(spark(), {.width = 80}),
            "ok       processor      10 x Cortex-X925, 10 x Cortex-A725   20 threads\n"
            "                        NEON, bfloat16\n"
            "ok       its rates      copy 112 GB/s   float32 900 GF/s   bfloat16 1.80 TF/s\n"
            "ok       memory         120.0 GiB   110.0 GiB free\n"
            "ok       GPU 0          NVIDIA GB10   compute capability 12.1\n"
            "                        48 multiprocessors   120.0 GiB unified memory\n"
            "                        110.0 GiB free, 101.0 GiB of it for a run\n"
            "ok       GPU 0 copy     231 GB/s   should reach 230 GB/s\n"
            "ok       GPU 0 matrix   94.6 TF/s   should reach 95.0 TF/s\n"
            "ok       CUDA           the driver serves 13.0   hone was built with 13.0\n"
            "ok       cuBLASLt       13.1.0\n"
            "ok       disk           /home/ada/night   412.0 GiB free   reads 6.40 GB/s\n"
            "                        writes 3.10 GB/s\n"
            "in all   nothing is wrong\n"
            "next     hone plan RECIPE says whether a run fits\n");
  Machine slow = without_gpu();
  slow.copy.value = slow.float32.value = slow.bfloat16.value = 0;  // and without measuring
  slow.read.value = slow.write.value = 0;
  slow.available = kGiB;
  EXPECT_EQ(doctor_text(slow, {.width = 60}),
            "ok       processor      10 x Cortex-X925, 10 x Cortex-A725\n"
            "                        20 threads   NEON, bfloat16\n"
            "look     memory         120.0 GiB   1.0 GiB free\n"
            "                        Little is free: end what else runs,\n"
            "                        or a run will be refused.\n"
            "missing  GPU            this program was built without CUDA\n"
            "                        For one of NVIDIA's, install its\n"
            "                        CUDA toolkit and build hone anew.\n"
            "ok       disk           /home/ada/night   412.0 GiB free\n"
            "in all   1 line to look at   a run would use the processor\n"
            "next     hone plan RECIPE says whether a run fits\n");
}

TEST(Doctor, FitsEveryScreenAndColoursOnlyWhatToLookAt) {
  Machine ill = spark();
  ill.gpus[0].matrix.value = 61.5e12, ill.libraries[0] = {"cuBLASLt", "", "libcublasLt.so.13: no such file"};
  for (const Machine& machine : {spark(), without_gpu(), ill})
    for (int width = 20; width <= 130; ++width) {
      std::istringstream lines(doctor_text(machine, {.width = width}));
      for (std::string line; std::getline(lines, line);) EXPECT_LE(cells(line), width) << line;
    }
  EXPECT_EQ(doctor_text(spark(), {.width = 80, .colour = true}).find('\x1b'), std::string::npos);
  EXPECT_NE(doctor_text(ill, {.width = 80, .colour = true}).find("\x1b[33mlook\x1b[0m     GPU 0 matrix"),
            std::string::npos);
}

TEST(Doctor, LooksAtAGpuThatIsSlow) {
  Machine m = spark();
  m.gpus[0].copy.value = 209e9;  // of a Spark the bounds are narrow
  EXPECT_EQ(looks(m), Names{"GPU 0 copy"});
  m = spark();
  m.gpus[0].matrix.value = 84e12;
  EXPECT_EQ(looks(m), Names{"GPU 0 matrix"});
  EXPECT_NE(check_of(checks_of(m), "GPU 0 matrix").remedy.find("power supply"), std::string::npos);
  m.gpus[0].device.name = "NVIDIA H100 80GB HBM3", m.gpus[0].device.major = 9, m.gpus[0].device.minor = 0;
  m.gpus[0].copy.value = 0.71 * 2.9e12, m.gpus[0].matrix.value = 0.69 * 700e12;
  EXPECT_EQ(looks(m), Names{"GPU 0 matrix"});
  EXPECT_EQ(check_of(checks_of(m), "GPU 0 matrix").remedy.find("power supply"), std::string::npos);
}

TEST(Doctor, KnowsWhatDevicesShouldReach) {
  const auto device = [](const char* name, int memory_clock_khz, int memory_bus_bits) {
    CudaDevice made;
    made.name = name, made.memory_clock_khz = memory_clock_khz, made.memory_bus_bits = memory_bus_bits;
    return made;
  };
  const Reach h200 = reach_of(device("NVIDIA H200", 3201000, 6144));
  EXPECT_EQ(h200.copy, 4.2e12);
  EXPECT_EQ(h200.least_matrix, 0.7 * 700e12);
  const Reach l4 = reach_of(device("NVIDIA L4", 6251000, 192));
  EXPECT_NEAR(l4.copy, 0.87 * 300e9, 1e8);
  EXPECT_NEAR(l4.least_copy, 0.7 * 300e9, 1e8);
  EXPECT_EQ(l4.matrix, 0);
  const Reach pcie = reach_of(device("NVIDIA H100 PCIe", 1593000, 5120));  // slower memory than others of that name
  EXPECT_NEAR(pcie.copy, 0.87 * 2.039e12, 1e9);
  EXPECT_EQ(pcie.matrix, 0);
  EXPECT_EQ(reach_of(device("another", 0, 0)).copy, 0);  // says nothing: nothing is known

  Machine m = spark();
  m.gpus[0].device.name = "another", m.gpus[0].copy.value = m.gpus[0].matrix.value = 1;
  EXPECT_EQ(looks(m), Names{});
}

TEST(Doctor, LooksAtMemoryDriverAndCapability) {
  Machine m = spark();
  m.gpus[0].budget = {.bytes = 50 * kGiB, .reserve = 9 * kGiB};
  EXPECT_EQ(looks(m), Names{"GPU 0"});
  for (const auto& [driver, old] : std::vector<std::pair<std::string, bool>>{
           {"12.9", true}, {"12.10", true}, {"13.0", false}, {"13.2", false}, {"14.0", false}}) {
    m = spark(), m.cuda.driver = driver;
    EXPECT_EQ(looks(m), old ? Names{"CUDA"} : Names{}) << driver;
  }
  m = spark(), m.gpus[0].device.major = 7, m.gpus[0].device.minor = 5;
  EXPECT_EQ(looks(m), Names{"GPU 0"});
  m = spark(), m.available = 11 * kGiB;
  EXPECT_EQ(looks(m), Names{"memory"});
  m = spark(), m.write = {0, "cannot write /home/ada/night: read-only"};
  EXPECT_EQ(looks(m), Names{"disk"});
}

TEST(Doctor, SaysWhatIsMissing) {
  Machine m = spark();
  m.gpus[0].copy = m.gpus[0].matrix = {0, "no kernel image"}, m.gpus[0].problem = "no kernel image";
  std::vector<Check> checks = checks_of(m);
  EXPECT_EQ(check_of(checks, "GPU 0").state, Check::State::missing);
  EXPECT_EQ(check_of(checks, "GPU 0").remedy, "no kernel image");
  EXPECT_THROW(check_of(checks, "GPU 0 copy"), std::runtime_error);
  EXPECT_FALSE(m.has_working_gpu());
  EXPECT_EQ(m.why_no_gpu(), "no kernel image");
  // One that copies but has no library for products works, with something to look at.
  m = spark(), m.gpus[0].matrix = {0, "no cuBLASLt"}, m.libraries[0] = {"cuBLASLt", "", "not found"};
  checks = checks_of(m);
  EXPECT_EQ(check_of(checks, "GPU 0 matrix").state, Check::State::look);
  EXPECT_EQ(check_of(checks, "cuBLASLt").state, Check::State::missing);
  m = without_gpu(), m.cuda = {"", "13.0"}, m.no_gpu = "CUDA lists no device";
  EXPECT_EQ(check_of(checks_of(m), "CUDA").state, Check::State::missing);
  EXPECT_EQ(check_of(checks_of(m), "GPU").facts, Names{"CUDA lists no device"});
  EXPECT_EQ(m.why_no_gpu(), "CUDA lists no device");
}

TEST(Doctor, SaysTheSameToPrograms) {
  const OrderedJson json = doctor_json(spark());
  EXPECT_EQ(json.at("processor").at("threads"), 20);
  EXPECT_EQ(json.at("memory").at("available_bytes"), 110 * kGiB);
  const OrderedJson& gpu = json.at("gpus").at(0);
  EXPECT_EQ(gpu.at("compute_capability"), "12.1");
  EXPECT_EQ(gpu.at("matrix_flops_per_second"), 94.6e12);
  EXPECT_EQ(gpu.at("matrix_least"), 85e12);
  EXPECT_EQ(gpu.at("unified"), true);
  EXPECT_EQ(json.at("cuda").at("driver"), "13.0");
  EXPECT_EQ(json.at("libraries").at(0).at("version"), "13.1.0");
  EXPECT_EQ(json.at("checks").size(), checks_of(spark()).size());
  EXPECT_EQ(json.at("checks").at(0).at("state"), "ok");
  Machine unmeasured = spark();
  unmeasured.copy.value = 0;
  EXPECT_TRUE(doctor_json(unmeasured).at("processor").at("copy_bytes_per_second").is_null());
}

TEST(DeviceRates, AreMeasuredOnTheProcessor) {
  Stream stream = Stream::cpu(2);
  EXPECT_GT(copy_rate(stream, 64 << 20, 0.02), 1e6);
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    const MatrixRate rate = matrix_rate(stream, dtype, 64 << 20, 0.02);
    EXPECT_GT(rate.flops, 1e6) << dtype;
    EXPECT_GE(rate.width, 256) << dtype;
  }
  // Memory bounds the sizes, however long the seconds.
  stream.allocator()->reset_peak();
  const size_t before = stream.allocator()->usage().live;
  matrix_rate(stream, DType::float32, 4 << 20, 0.2);
  copy_rate(stream, 4 << 20, 0.2);
  EXPECT_LE(stream.allocator()->usage().peak - before, size_t(4) << 20);
  EXPECT_EQ(stream.allocator()->usage().live, before);
}

TEST(DeviceRates, ADisksLeaveNothingBehind) {
  const TemporaryFolder folder;
  const DiskRates rates = disk_rates(folder.path(), 0.02);
  EXPECT_GT(rates.write, 0);
  EXPECT_GT(rates.read, 0);
  EXPECT_TRUE(fs::is_empty(folder.path()));
  EXPECT_THROW(disk_rates(folder / "nowhere", 0.02), Error);
}

TEST(Doctor, LooksAtThisMachine) {
  const TemporaryFolder folder;
  const Machine quick = look_at_machine({.folder = folder.path(), .seconds = 0});
  EXPECT_GT(quick.memory, 0u);
  EXPECT_GT(quick.free, 0u);
  EXPECT_EQ(quick.copy.value + quick.float32.value + quick.read.value + quick.write.value, 0);
  EXPECT_EQ(quick.gpus.empty(), !quick.no_gpu.empty());
  const Machine measured = look_at_machine({.folder = folder.path(), .seconds = 0.01});
  EXPECT_GT(measured.copy.value, 0);
  EXPECT_GT(measured.bfloat16.value, 0);
  EXPECT_GT(measured.read.value, 0);
  const Machine nowhere = look_at_machine({.folder = folder / "nowhere", .seconds = 0.01});
  EXPECT_NE(nowhere.write.problem, "");
}

}  // namespace
}  // namespace hone::test
