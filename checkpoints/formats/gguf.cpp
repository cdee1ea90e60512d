#include "checkpoints/formats/gguf.h"

#include <array>
#include <bit>
#include <cmath>

#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::checkpoints {

static_assert(std::endian::native == std::endian::little, "GGUF is written in the order of this machine's bytes");

namespace {
constexpr uint32_t kMagic = 0x46554747, kVersion = 3;
constexpr uint64_t kAlignment = 32;                 // of every tensor's bytes
constexpr uint32_t kFloat32Value = 6, kText = 8;    // types of settings
constexpr uint32_t kF32Tensor = 0, kF16Tensor = 1;  // types of tensors

template <class Number>
void append(std::string& bytes, Number value) {
  const auto raw = std::bit_cast<std::array<char, sizeof(Number)>>(value);
  bytes.append(raw.data(), raw.size());
}
void append_text(std::string& bytes, std::string_view text) {
  append(bytes, uint64_t(text.size()));
  bytes += text;
}
void append_setting(std::string& bytes, std::string_view key, std::string_view value) {
  append_text(bytes, key), append(bytes, kText), append_text(bytes, value);
}
void append_setting(std::string& bytes, std::string_view key, float value) {
  append_text(bytes, key), append(bytes, kFloat32Value), append(bytes, value);
}

// To nearest, ties to even; too large gives infinity.
uint16_t half_of(float value) {
  const auto word = std::bit_cast<uint32_t>(value);
  const uint32_t sign = word >> 16 & 0x8000u, magnitude = word & 0x7FFFFFFFu;
  if (magnitude >= 0x47800000u) return uint16_t(sign | 0x7C00u);  // 2^16 and more; the rest up to there rounds below
  if (magnitude < 0x38800000u)  // below 2^-14 a half counts 2^-24: so does the last bit of a float in [0.5, 1)
    return uint16_t(sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u));
  const uint32_t rebased = magnitude - (112u << 23);  // the exponents' zeros are 127 and 15
  return uint16_t(sign | ((rebased + 0xFFFu + (rebased >> 13 & 1u)) >> 13));
}

struct Place {
  int64_t layer = 0;
  std::string_view tensor;  // "attn_q"
};

// A module's name in llama.cpp; `only` names the one architecture there whose graph has it, empty for all.
struct Name {
  std::string_view ours, theirs, only = {};
};
constexpr auto kNames = std::to_array<Name>({{"self_attn.q_proj", "attn_q"},
                                             {"self_attn.k_proj", "attn_k"},
                                             {"self_attn.v_proj", "attn_v"},
                                             {"self_attn.o_proj", "attn_output"},
                                             {"mlp.gate_proj", "ffn_gate"},
                                             {"mlp.up_proj", "ffn_up"},
                                             {"mlp.down_proj", "ffn_down"},
                                             {"self_attn.qkv_proj", "attn_qkv", "phi3"},
                                             {"mlp.gate_up_proj", "ffn_up", "phi3"}});

Place place_of(const std::string& module, const GgufBase& base) {
  // A multimodal model's text model is a file of its own there.
  const std::string_view layers =
      module.starts_with("model.language_model.") ? "model.language_model.layers." : "model.layers.";
  if (module.starts_with(layers)) {
    const std::string_view rest = std::string_view(module).substr(layers.size());
    const size_t dot = rest.find('.');
    const std::optional<int64_t> layer = parse_integer(rest.substr(0, dot));
    if (dot != std::string_view::npos && layer && *layer >= 0 && *layer < base.layers)
      for (const auto& [ours, theirs, only] : kNames)
        if (rest.substr(dot + 1) == ours && (only.empty() || only == base.architecture)) return {*layer, theirs};
  }
  fail(ExitCode::input, "gguf: llama.cpp has no adapter for module ", module, " of a model of ", base.layers,
       " layers; expected model.layers.N. with q, k, v, o, gate, up or down, fused in phi3 alone. Was the adapter made "
       "for another model?");
}

// Where row `row` of lora_b comes from.
int64_t source_row(int64_t row, int64_t head_dim) {
  const int64_t head = row / head_dim, within = row % head_dim;
  return head * head_dim + within % 2 * (head_dim / 2) + within / 2;
}

struct GgufTensor {
  std::string name;
  int64_t columns = 0, rows = 0;  // columns are next to each other; GGUF names them first
  std::vector<float> values;
  uint64_t bytes(GgufType type) const { return values.size() * (type == GgufType::f32 ? 4 : 2); }
};
uint64_t padded(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::vector<GgufTensor> tensors_of(const LoraAdapter& adapter, const GgufBase& base, float alpha) {
  std::vector<GgufTensor> tensors;
  for (const LoraModule& module : adapter.modules) {
    const Place place = place_of(module.module, base);
    const bool q = place.tensor == "attn_q", k = place.tensor == "attn_k";
    const int64_t heads = q ? base.heads : base.kv_heads;
    require(!(q || k) || module.out == heads * base.head_dim, ExitCode::input, "gguf: ", module.module, ": expected ",
            heads * base.head_dim, " rows as in the model, got ", module.out,
            "; was the adapter made for another model?");
    const bool turned = base.architecture == "llama" && (q || k);
    require(!turned || base.head_dim % 2 == 0, ExitCode::input, "gguf: head_dim: expected an even number, got ",
            base.head_dim);
    const std::string name = joined("blk.", place.layer, ".", place.tensor, ".weight.lora_");
    tensors.push_back({name + "a", module.in, module.rank, module.a});
    GgufTensor b{name + "b", module.rank, module.out, std::vector<float>(module.b.size())};
    const double factor = adapter.scale(module) * double(module.rank) / double(alpha);
    const bool folded = std::abs(factor - 1) > 1e-6;  // less is the rounding of alpha to a float32
    for (int64_t row = 0; row < module.out; ++row)
      for (int64_t i = 0; i < module.rank; ++i) {
        const float value = module.b[size_t((turned ? source_row(row, base.head_dim) : row) * module.rank + i)];
        b.values[size_t(row * module.rank + i)] = folded ? float(factor * double(value)) : value;
      }
    tensors.push_back(std::move(b));
  }
  return tensors;
}

void check_replaceable_file(const fs::path& file) {
  if (!fs::exists(fs::symlink_status(file))) return;
  std::array<std::byte, 4> begin{};
  if (fs::is_regular_file(file) && fs::file_size(file) >= begin.size()) InputFile(file).read_at(0, begin);
  require(std::bit_cast<uint32_t>(begin) == kMagic, ExitCode::usage, file.string(),
          ": is there, and is not replaced because it is no GGUF file; choose another name");
}
}  // namespace

void write_gguf_adapter(const fs::path& file, const LoraAdapter& adapter, const GgufBase& base, GgufType type) {
  // llama.cpp takes an alpha of 0 for "not scaled".
  double alpha = adapter.use_rslora ? adapter.alpha * std::sqrt(double(adapter.r)) : adapter.alpha;
  if (alpha == 0) alpha = double(adapter.r);
  const std::vector<GgufTensor> tensors = tensors_of(adapter, base, float(alpha));

  std::string header;
  append(header, kMagic), append(header, kVersion);
  append(header, uint64_t(tensors.size())), append(header, uint64_t(4));
  append_setting(header, "general.architecture", base.architecture);
  append_setting(header, "general.type", "adapter");
  append_setting(header, "adapter.type", "lora");
  append_setting(header, "adapter.lora.alpha", float(alpha));
  uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    append_text(header, tensor.name);
    append(header, uint32_t(2)), append(header, uint64_t(tensor.columns)), append(header, uint64_t(tensor.rows));
    append(header, type == GgufType::f32 ? kF32Tensor : kF16Tensor), append(header, offset);
    offset += padded(tensor.bytes(type));
  }
  header.resize(padded(header.size()), '\0');

  check_replaceable_file(file);
  make_folders(file.parent_path());
  FileWriter out(file);
  out.write(header);
  for (const GgufTensor& tensor : tensors) {
    if (type == GgufType::f32) {
      out.write(std::as_bytes(std::span(tensor.values)));
    } else {
      std::vector<uint16_t> halves;
      halves.reserve(tensor.values.size());
      for (const float value : tensor.values) {
        halves.push_back(half_of(value));
        require((halves.back() & 0x7C00u) != 0x7C00u, ExitCode::usage, "gguf: tensor ", tensor.name,
                " holds values beyond 65504, the most of f16; use f32");
      }
      out.write(std::as_bytes(std::span(halves)));
    }
    out.write(std::string(padded(tensor.bytes(type)) - tensor.bytes(type), '\0'));
  }
  out.commit();
}

}  // namespace hone::checkpoints
