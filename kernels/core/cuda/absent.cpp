// In the place of device.cpp where the build has no CUDA.
#include "kernels/core/stream.h"
#include "kernels/host/error.h"

namespace hone {

Stream Stream::cuda(int index) {
  fail(ExitCode::gpu, "[cuda] no device cuda:", index,
       ": this program was built without CUDA. Install NVIDIA's CUDA toolkit and build with HONE_CUDA=ON, or use the "
       "CPU.");
}

}  // namespace hone
