#include "trainer/machine/machine.h"

#include <algorithm>
#include <filesystem>

#include "kernels/host/memory.h"
#include "trainer/machine/rates.h"
#include "trainer/plan/disk.h"

namespace hone::trainer {

namespace {
// What `measure` returns, or why it could not.
template <class F>
Measured tried(F&& measure) {
  try {
    return {.value = measure(), .problem = {}};
  } catch (const std::bad_alloc&) {
    return {.value = 0, .problem = "out of memory"};
  } catch (const Error& error) {
    return {.value = 0, .problem = error.what()};
  }
}

SeenGpu look_at(const CudaDevice& device, double seconds) {
  SeenGpu gpu{.device = device, .budget = {}, .copy = {}, .matrix = {}, .problem = {}};
  try {
    gpu.budget = cuda_memory_budget(device);
    Stream stream = Stream::cuda(device.index);
    if (seconds <= 0) return gpu;
    const size_t most = gpu.budget.bytes / 2;
    gpu.copy = tried([&] { return copy_rate(stream, most, seconds); });
    gpu.matrix = tried([&] { return matrix_rate(stream, DType::bfloat16, most, seconds).flops; });
    if (gpu.copy.value == 0 && gpu.matrix.value == 0) gpu.problem = gpu.copy.problem;
  } catch (const Error& error) {
    gpu.problem = error.what();
  }
  return gpu;
}
}  // namespace

bool Machine::has_working_gpu() const {
  return std::ranges::any_of(gpus, [](const SeenGpu& gpu) { return gpu.problem.empty(); });
}

std::string Machine::why_no_gpu() const { return gpus.empty() ? no_gpu : gpus.front().problem; }

Machine look_at_machine(const Looking& looking) {
  Machine machine;
  machine.processor = processor();
  machine.memory = total_memory(), machine.available = available_memory();
  machine.cuda = cuda_versions(), machine.libraries = cuda_libraries();
  std::error_code ignored;
  machine.folder = fs::weakly_canonical(looking.folder, ignored);
  if (const Measured free = tried([&] { return double(free_bytes(looking.folder)); }); free.problem.empty())
    machine.free = uint64_t(free.value);
  const double seconds = looking.seconds;
  if (seconds > 0) {
    Stream cpu = Stream::cpu(std::max(1, machine.processor.threads));
    const size_t most = machine.available / 4;
    machine.copy = tried([&] { return copy_rate(cpu, most, seconds); });
    machine.float32 = tried([&] { return matrix_rate(cpu, DType::float32, most, seconds).flops; });
    machine.bfloat16 = tried([&] { return matrix_rate(cpu, DType::bfloat16, most, seconds).flops; });
    machine.write = tried([&] {
      const DiskRates rate = disk_rates(looking.folder, seconds);
      machine.read.value = rate.read;
      return rate.write;
    });
  }
  for (const CudaDevice& device : cuda_devices()) machine.gpus.push_back(look_at(device, seconds));
  if (machine.gpus.empty()) machine.no_gpu = why_no_cuda();
  return machine;
}

}  // namespace hone::trainer
