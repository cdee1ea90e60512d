// What the machine has in NVIDIA GPUs, without CUDA's types: for hone doctor, for plans, for records of runs.
//   for (const CudaDevice& gpu : cuda_devices()) gpu.name;   // "NVIDIA GB10"; none in a build without CUDA
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace hone {

struct CudaDevice {
  int index = 0;
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  size_t memory = 0;               // bytes in all
  size_t shared_memory = 0;        // bytes that a block may ask for
  bool unified = false;            // one memory with the host: one budget for both
  bool reads_host_memory = false;  // and one page table: kernels read what the host allocated, no copy needed
  int clock_khz = 0, memory_clock_khz = 0, memory_bus_bits = 0;  // as the device states them; 0: does not say
  std::string capability() const { return std::to_string(major) + "." + std::to_string(minor); }
};

std::vector<CudaDevice> cuda_devices();
// "13.0", of the driver (the newest CUDA it serves) and of the runtime that this build has within; empty where none is.
struct CudaVersions {
  std::string driver, runtime;
};
CudaVersions cuda_versions();
// NVIDIA's libraries that are looked for when the program runs, found or not; none in a build without CUDA.
struct CudaLibrary {
  std::string name, version, problem;  // "cuBLASLt", "13.1.0"; where it is not found, what the system said
};
std::vector<CudaLibrary> cuda_libraries();
CudaLibrary cuda_attention_library();                // cuDNN among them (kernels/attention/attention_cudnn.cpp)
std::vector<std::string> cuda_attention_refusals();  // what it did not take, a line each form of a call
// What these libraries chose so far for the shapes they were asked for, and what they refused, a line each: for the
// record of a run. Empty on the CPU.
std::vector<std::string> cuda_algorithms();
// Why there are no devices: "this program was built without CUDA", or what the driver said. Empty where there are.
std::string why_no_cuda();

// Bytes that this process may take on the device, and what is free and left so: 1 GiB of a device's own memory
// for CUDA's libraries and for what the pool cannot place; where the memory is the host's too, 8 GiB or 8 % of what the
// host can give (MemAvailable). There never cudaMemGetInfo: it counts the page cache as used, and a host that runs out
// stands still instead of failing.
struct CudaBudget {
  size_t bytes = 0, reserve = 0;
};
CudaBudget cuda_memory_budget(const CudaDevice&);

}  // namespace hone
