#include "trainer/generation/generate.h"

#include <algorithm>
#include <numeric>

#include "kernels/attention/attention_decode.h"
#include "kernels/elementwise/elementwise.h"

namespace hone::trainer {

namespace {
bool holds(const std::vector<int32_t>& ids, int32_t id) { return std::ranges::find(ids, id) != ids.end(); }
}  // namespace

KeyValueCache::KeyValueCache(Stream& stream, const Decoder& model, int64_t capacity) : capacity_(capacity) {
  const Shape shape{capacity, model.config.kv_heads * model.config.head_dim};
  for (size_t i = 0; i < model.layers.size(); ++i)
    keys_.emplace_back(stream, shape, model.dtype), values_.emplace_back(stream, shape, model.dtype);
}

std::vector<double> KeyValueCache::logits_after(Stream& stream, const Decoder& model, std::span<const int32_t> text) {
  require(!text.empty() && int64_t(text.size()) <= capacity_, "[generate] ", text.size(),
          " tokens do not fit a cache of ", capacity_);
  const auto same = std::ranges::mismatch(held_, text.first(text.size() - 1)).in1 - held_.begin();
  held_.resize(size_t(same));
  // Where a text grows beyond what longrope's short factors are for, all of it turns otherwise: it is read anew.
  const auto decided = [&](size_t length, const Rope& rope) { return rope.decided_by(int64_t(length), 0); };
  for (const Rope& rope : model.config.ropes)
    if (rope.kind == RopeKind::longrope && decided(held_.size(), rope) != decided(text.size(), rope)) held_.clear();
  return read(stream, model, text.subspan(held_.size()));
}

std::vector<double> KeyValueCache::read(Stream& stream, const Decoder& model, std::span<const int32_t> tokens) {
  const Config& c = model.config;
  const auto count = int64_t(tokens.size()), before = int64_t(held_.size()), after = before + count;
  std::vector<int32_t> positions(tokens.size());
  std::iota(positions.begin(), positions.end(), int32_t(before));
  // As long as the text is by now: keys that are held stay as they were turned, as in transformers (dynamic).
  const std::vector<Tensor> turns = rope_tables(stream, model, positions, {0, int32_t(count)}, 0, before);
  const DocumentOffsets document = before == 0 ? documents_on(stream, {0, int32_t(count)}) : DocumentOffsets{};
  std::vector<Tensor> lengths;  // what each token sees of the cache
  for (int64_t i = before + 1; before > 0 && i <= after; ++i)
    lengths.push_back(Tensor::from(stream, {1}, std::vector<int32_t>{int32_t(i)}));
  const auto attend = [&](Tape& tape, size_t layer, const Var& q, const Var& k, const Var& v) {
    const kernels::AttentionShape shape = attention_shape(c, layer);
    const auto [rotated_q, rotated_k] = autograd::rope(tape, q, k, turns[c.rope_of(layer)], c.head_dim);
    Tensor key_rows = keys_[layer].row_range(before, after), value_rows = values_[layer].row_range(before, after);
    kernels::copy(stream, key_rows, rotated_k.value());
    kernels::copy(stream, value_rows, v.value());
    if (before == 0) return autograd::attention(tape, rotated_q, rotated_k, v, document, shape);
    Tensor o(stream, q.value().shape(), model.dtype);
    for (int64_t i = 0; i < count; ++i) {
      Tensor row = o.row_range(i, i + 1);
      kernels::attention_decode(stream, row, rotated_q.value().row_range(i, i + 1), keys_[layer], values_[layer],
                                lengths[size_t(i)], capacity_, shape);
    }
    return tape.constant(o);
  };
  Tape tape = Tape::inference(stream);
  const Var h =
      forward(tape, model, Tensor::from(stream, {count}, std::vector<int32_t>(tokens.begin(), tokens.end())), attend);
  held_.insert(held_.end(), tokens.begin(), tokens.end());
  return logits_of(stream, model, h.value().row_range(count - 1, count));  // of the last token alone
}

std::vector<int32_t> generate(Stream& stream, const Decoder& model, KeyValueCache& cache, std::span<const int32_t> text,
                              const SamplingOptions& options, const std::function<bool(int32_t)>& on_token) {
  require(!text.empty(), ExitCode::usage,
          "[generate] the prompt is empty and the model has no start token; give at least one character");
  std::vector<int32_t> all(text.begin(), text.end());
  const int64_t most = std::min(options.max_new_tokens, cache.capacity() - int64_t(text.size()));
  for (int64_t made = 0; made < most; ++made) {
    const int32_t next = choose_token(cache.logits_after(stream, model, all), options, all);
    if (holds(model.config.eos, next) || holds(options.ends, next)) break;
    all.push_back(next);
    if (on_token && !on_token(next)) break;
  }
  return {all.begin() + int64_t(text.size()), all.end()};
}

std::vector<int32_t> generate(Stream& stream, const Decoder& model, std::span<const int32_t> text,
                              const SamplingOptions& options, const std::function<bool(int32_t)>& on_token) {
  KeyValueCache cache(stream, model, int64_t(text.size()) + std::max<int64_t>(options.max_new_tokens, 0));
  return generate(stream, model, cache, text, options, on_token);
}

}  // namespace hone::trainer
