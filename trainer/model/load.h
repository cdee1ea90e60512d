// Builds a decoder: reads its tensors in bounded pieces, quantised as they arrive, into the one place each lives.
//   Decoder model = load_decoder(stream, config, DirectoryWeights(directory), {.quantize = true});
#pragma once
#include "trainer/model/decoder.h"
#include "trainer/model/weights.h"

namespace hone::trainer {

struct LoadOptions {
  DType dtype = DType::float32;  // to compute in: bfloat16 makes frozen matrices so, else those stored so stay; what is
                                 // trained, norms and biases are float32 then
  bool quantize = false;         // linear layers to NF4; embeddings, norms and the head stay as they are
  bool double_quantization = true;  // their scales in 8 bits
  bool trainable = false;           // every parameter is trained: kept in dtype
};
// On a meta stream nothing is read: shapes and byte counts only. Tensors that are stored in 4 bits already are kept as
// they are.
Decoder load_decoder(Stream&, const Config&, const Weights&, const LoadOptions&);

// All values of a weight's rows [first, first + count), dequantised, on the host.
std::vector<float> rows_of(Stream&, const Weight&, int64_t first, int64_t count);

}  // namespace hone::trainer
