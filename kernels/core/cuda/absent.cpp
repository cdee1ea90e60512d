// In the place of this folder's other sources where the build has no CUDA.
#include "kernels/core/cuda/device.h"
#include "kernels/core/stream.h"
#include "kernels/host/error.h"

namespace hone {

Stream Stream::cuda(int index) {
  fail(ExitCode::gpu, "[cuda] no device cuda:", index,
       ": this program was built without CUDA. Install NVIDIA's CUDA toolkit and build with HONE_CUDA=ON, or use the "
       "CPU.");
}
void Stream::wait() {}

std::vector<CudaDevice> cuda_devices() { return {}; }
CudaVersions cuda_versions() { return {}; }
std::vector<CudaLibrary> cuda_libraries() { return {}; }
std::vector<std::string> cuda_algorithms() { return {}; }
std::string why_no_cuda() { return "this program was built without CUDA"; }
CudaBudget cuda_memory_budget(const CudaDevice&) { return {}; }

}  // namespace hone
