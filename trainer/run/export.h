// The model as a Hugging Face directory: `hone merge`, and the result of full-parameter training.
#pragma once
#include "trainer/run/setup.h"

namespace hone::trainer {

enum class ExportType { float32, bfloat16 };

// Writes config.json, the tokenizer's files of the base and every tensor, dequantised, adapters added in (W + scale * B
// A). The folder appears at once, complete.
void export_model(Stream&, const Decoder&, const Base&, const fs::path& folder, ExportType);

}  // namespace hone::trainer
