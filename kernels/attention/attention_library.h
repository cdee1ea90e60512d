// Attention by cuDNN, where it is the faster: on compute capability 9.0, whose matrix units mma.sync does not fill.
// Found when the program runs, like cuBLASLt; the only files that name it are attention_cudnn.cpp and, without it,
// attention_cudnn_absent.cpp. Its way back adds up dq as its blocks come, so the last bits differ from run to run: a
// stream asks for it (Stream::set_attention_by_library).
#pragma once
#include <string>

#include "kernels/attention/attention.h"

namespace hone::kernels {

// What a call by the library needs beside its tensors; made before dispatch, so that plans count it. Empty: own
// kernels.
struct LibraryAttention {
  Tensor workspace = {};  // uint8
  // Of `documents` documents, their number made a power of two by empty ones, so that few forms of calls need
  // preparing:
  Tensor lengths = {};  // int32; rows
  // Where they begin, and the last ends, in elements of q and o, of k and v, of log_sum_exp: documents + 1, int32
  Tensor of_queries = {}, of_keys = {}, of_statistics = {};
  std::shared_ptr<const std::vector<int32_t>> starts = {};  // of the documents
  AttentionShape shape = {};
  int64_t documents = 0, longest = 0;  // longest: a power of two that no document is longer than

  explicit operator bool() const { return bool(workspace); }
};
template <class F>
void for_each_tensor(LibraryAttention& library, F&& body) {
  body(library.workspace), body(library.lengths), body(library.of_queries), body(library.of_keys);
  body(library.of_statistics);
}

// A call that was counted on meta is repeated with the documents it had (kernels/core/work.h): of zeros it would be
// nothing to do.
void make_again(Stream&, LibraryAttention&);

// For a call on this stream of bfloat16 tensors whose rows follow each other without a gap; empty where the stream does
// not ask for the library or the library has no such shape.
LibraryAttention library_attention(Stream&, bool backward, const DocumentOffsets&, const AttentionShape&);

namespace cuda {
// False where the library refuses the call: our own kernels then do it, and cuda_attention_refusals
// (kernels/core/cuda/device.h) says why.
bool cudnn_attention(Stream&, const LibraryAttention&, Tensor& o, Tensor& log_sum_exp, const Tensor& q, const Tensor& k,
                     const Tensor& v, const AttentionShape&);
bool cudnn_attention_backward(Stream&, const LibraryAttention&, Tensor& dq, Tensor& dk, Tensor& dv, const Tensor& dout,
                              const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o,
                              const Tensor& log_sum_exp, const AttentionShape&);

// Whether the library takes the graphs of such a call for compute capability 9.0; needs no GPU. Empty: yes; else why
// not.
std::string cudnn_check(bool backward, int64_t documents, int64_t longest, int64_t tokens, const AttentionShape&);
}  // namespace cuda

}  // namespace hone::kernels
