// Writes a Hugging Face model directory: config.json, the tokenizer's files of the base, and the tensors, in shards
// where they are large.
//   write_model("merged", base, {{"model.norm.weight", {64}}}, [&](const OutputTensor& tensor, const auto& put) {
//     put(values_of(tensor.name));
//   });
#pragma once
#include <functional>

#include "checkpoints/base/model_directory.h"

namespace hone::checkpoints {

struct OutputTensor {
  std::string name;
  std::vector<int64_t> shape;
};
struct WriteModelOptions {
  FileDType dtype = FileDType::F32;          // F32 or BF16, rounded to nearest even
  uint64_t shard_bytes = uint64_t(5) << 30;  // a shard holds at most that, or one tensor
};
// `values` is called once for each tensor, in the order of the files, and hands its float32 values piece by piece to
// `put`, as many as its shape says. The folder appears at once, complete; config.json is the base's without its
// quantisation and with the new dtype. A folder that is there is replaced only then, and only where it is empty or
// holds a config.json, and never the base's own (ExitCode::usage). Errors while writing: ExitCode::io.
void write_model(
    const fs::path& folder, const ModelDirectory& base, const std::vector<OutputTensor>& tensors,
    const std::function<void(const OutputTensor&, const std::function<void(std::span<const float>)>& put)>& values,
    const WriteModelOptions& options = {});

}  // namespace hone::checkpoints
