// The post-processor of tokenizer.json: which ids stand around one sequence when special tokens are added.
//   const Surroundings around = read_post_processor(view.at("post_processor"), "tokenizer.json");
//   around.prefix;                                  // {1}: <s> for a Llama 2 tokenizer
// Kinds: TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel (changes offsets only), Sequence. Others are
// refused (ExitCode::input).
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/host/json.h"

namespace hone::data {

struct Surroundings {
  std::vector<int32_t> prefix, suffix;
};

Surroundings read_post_processor(const JsonView& post_processor);

}  // namespace hone::data
