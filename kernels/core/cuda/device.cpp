// cuda streams, and what CUDA says of its devices.
#include "kernels/core/cuda/device.h"

#include <algorithm>

#include "kernels/core/cuda/error.h"
#include "kernels/core/cuda/matrix_product.h"
#include "kernels/core/cuda/memory.h"
#include "kernels/core/stream.h"
#include "kernels/host/memory.h"

namespace hone {

using kernels::cuda::check;

namespace {

std::string version_text(int version) {  // 13000 → "13.0"
  return version == 0 ? "" : std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

int attribute(cudaDeviceAttr which, int index) {
  int value = 0;
  if (cudaDeviceGetAttribute(&value, which, index) == cudaSuccess) return value;
  (void)cudaGetLastError();
  return 0;
}

CudaDevice describe(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  return {.index = index,
          .name = properties.name,
          .major = properties.major,
          .minor = properties.minor,
          .multiprocessors = properties.multiProcessorCount,
          .memory = properties.totalGlobalMem,
          .shared_memory = properties.sharedMemPerBlockOptin,
          .unified = properties.integrated != 0,
          .reads_host_memory = properties.integrated != 0 && attribute(cudaDevAttrPageableMemoryAccess, index) != 0,
          .clock_khz = attribute(cudaDevAttrClockRate, index),
          .memory_clock_khz = attribute(cudaDevAttrMemoryClockRate, index),
          .memory_bus_bits = properties.memoryBusWidth};
}

}  // namespace

std::string why_no_cuda() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return "";
  (void)cudaGetLastError();
  return std::string(error == cudaSuccess ? "CUDA lists no device" : cudaGetErrorString(error)) + ". " +
         kernels::cuda::remedy(error == cudaSuccess ? cudaErrorNoDevice : error);
}

std::vector<CudaDevice> cuda_devices() {
  std::vector<CudaDevice> devices;
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    (void)cudaGetLastError();
    return devices;
  }
  for (int i = 0; i < count; ++i) devices.push_back(describe(i));
  return devices;
}

CudaVersions cuda_versions() {
  int driver = 0, runtime = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
  if (cudaRuntimeGetVersion(&runtime) != cudaSuccess) runtime = 0;
  (void)cudaGetLastError();
  return {version_text(driver), version_text(runtime)};
}

std::vector<CudaLibrary> cuda_libraries() {
  CudaLibrary products{"cuBLASLt", {}, {}};
  products.version = kernels::cuda::matrix_library(&products.problem);
  return {products, cuda_attention_library()};
}

std::vector<std::string> cuda_algorithms() {
  std::vector<std::string> lines = kernels::cuda::matrix_algorithms();
  for (const std::string& line : cuda_attention_refusals()) lines.push_back("cuDNN refused " + line);
  return lines;
}

CudaBudget cuda_memory_budget(const CudaDevice& device) {
  size_t free = 0, reserve = size_t(1) << 30;
  if (device.unified) {
    free = available_memory();
    reserve = std::max(size_t(8) << 30, free / 100 * 8);
  } else {
    size_t total = 0;
    check(cudaSetDevice(device.index), "cudaSetDevice");
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  }
  reserve = std::min(reserve, free / 2);  // a small device is not all reserve
  return {free - reserve, reserve};
}

Stream Stream::cuda(int index) {
  int count = 0;
  check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  require(index >= 0 && index < count, ExitCode::gpu, "[cuda] there is no device cuda:", index, ", this machine has ",
          count, ". ", kernels::cuda::remedy(cudaErrorInvalidDevice));
  check(cudaSetDevice(index), "cudaSetDevice");
  cudaStream_t queue = nullptr;
  check(cudaStreamCreateWithFlags(&queue, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  const std::shared_ptr<void> owner(queue, [](void* q) { (void)cudaStreamDestroy(static_cast<cudaStream_t>(q)); });
  const CudaDevice device = describe(index);
  return {Device{DeviceType::cuda, index},
          DeviceType::cuda,
          kernels::cuda::make_allocator(device, cuda_memory_budget(device).bytes, owner),
          1,
          owner,
          device.reads_host_memory};
}

void Stream::wait() {
  if (device_.type == DeviceType::cuda)
    check(cudaStreamSynchronize(static_cast<cudaStream_t>(native())), "cudaStreamSynchronize");
}

}  // namespace hone
