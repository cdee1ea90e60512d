// In the place of attention_cudnn.cpp where the build does not have cuDNN's headers.
#include "kernels/attention/attention_library.h"
#include "kernels/core/cuda/device.h"

namespace hone {
CudaLibrary cuda_attention_library() { return {"cuDNN", {}, "this program was built without it (HONE_CUDNN)"}; }
std::vector<std::string> cuda_attention_refusals() { return {}; }
}  // namespace hone

namespace hone::kernels::cuda {

bool cudnn_attention(Stream&, const LibraryAttention&, Tensor&, Tensor&, const Tensor&, const Tensor&, const Tensor&,
                     const AttentionShape&) {
  return false;
}
bool cudnn_attention_backward(Stream&, const LibraryAttention&, Tensor&, Tensor&, Tensor&, const Tensor&, const Tensor&,
                              const Tensor&, const Tensor&, const Tensor&, const Tensor&, const AttentionShape&) {
  return false;
}
std::string cudnn_check(bool, int64_t, int64_t, int64_t, const AttentionShape&) {
  return cuda_attention_library().problem;
}

}  // namespace hone::kernels::cuda
