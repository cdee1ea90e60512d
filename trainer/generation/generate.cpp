#include "trainer/generation/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/attention/attention_decode.h"
#include "kernels/core/random.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/rope/rope.h"

namespace hone::trainer {

namespace {
constexpr uint16_t kSampling = 200;  // what the random numbers are for

std::vector<double> to_doubles(const Tensor& values) {
  if (values.dtype() == DType::float64) return values.to_host<double>();
  const std::vector<float> single = values.to_host<float>();
  return {single.begin(), single.end()};
}
}  // namespace

KeyValueCache::KeyValueCache(Stream& stream, const Decoder& model, int64_t capacity) : capacity_(capacity) {
  const Shape shape{capacity, model.config.kv_heads * model.config.head_dim};
  for (size_t i = 0; i < model.layers.size(); ++i)
    keys_.emplace_back(stream, shape, model.dtype), values_.emplace_back(stream, shape, model.dtype);
}

std::vector<double> KeyValueCache::read(Stream& stream, const Decoder& model, std::span<const int32_t> tokens) {
  const Config& c = model.config;
  const auto count = int64_t(tokens.size());
  require(count > 0 && length_ + count <= capacity_, "[generate] ", count, " tokens after ", length_,
          " do not fit a cache of ", capacity_);
  require(length_ == 0 || count == 1, "[generate] after the prompt, tokens are read one at a time");
  std::vector<int32_t> positions(tokens.size());
  std::iota(positions.begin(), positions.end(), int32_t(length_));
  Tensor turns(stream, {count, c.head_dim}, model.dtype);
  kernels::rope_table(stream, turns, Tensor::from(stream, {count}, positions), model.inv_freq);
  const DocumentOffsets document{std::make_shared<const std::vector<int32_t>>(std::vector<int32_t>{0, int32_t(count)})};
  const Tensor lengths = Tensor::from(stream, {1}, std::vector<int32_t>{int32_t(length_ + count)});
  const kernels::AttentionShape shape{c.heads, c.kv_heads, c.head_dim};

  const auto attend = [&](Tape& tape, size_t layer, const Var& q, const Var& k, const Var& v) {
    const auto [rotated_q, rotated_k] = autograd::rope(tape, q, k, turns);
    Tensor key_rows = keys_[layer].row_range(length_, length_ + count),
           value_rows = values_[layer].row_range(length_, length_ + count);
    kernels::copy(stream, key_rows, rotated_k.value());
    kernels::copy(stream, value_rows, v.value());
    if (count > 1) return autograd::attention(tape, rotated_q, rotated_k, v, document, shape);
    Tensor o(stream, q.value().shape(), model.dtype);
    kernels::attention_decode(stream, o, rotated_q.value(), keys_[layer], values_[layer], lengths, capacity_, shape);
    return tape.constant(o);
  };
  Tape tape = Tape::inference(stream);
  const Var h =
      forward(tape, model, Tensor::from(stream, {count}, std::vector<int32_t>(tokens.begin(), tokens.end())), attend);
  length_ += count;
  Tensor logits(stream, {1, c.vocabulary}, model.dtype);
  kernels::linear(stream, logits, h.value().row_range(count - 1, count), autograd::operand(model.head));
  return to_doubles(logits);
}

int32_t choose_token(const std::vector<double>& logits, const SamplingOptions& options, int64_t position) {
  if (options.temperature <= 0) return int32_t(std::ranges::max_element(logits) - logits.begin());
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int32_t a, int32_t b) { return logits[size_t(a)] > logits[size_t(b)]; });
  if (options.top_k > 0) order.resize(std::min(order.size(), size_t(options.top_k)));
  std::vector<double> weights;
  for (const int32_t id : order)
    weights.push_back(std::exp((logits[size_t(id)] - logits[size_t(order[0])]) / options.temperature));
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  double kept = 0;
  size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < options.top_p * all)) kept += weights[count++];
  const uint32_t drawn = random_block(RandomKey{.seed = options.seed}.at(0, kSampling), uint32_t(position))[0];
  double left = kept * (drawn + 0.5) / 4294967296.0;
  for (size_t i = 0; i < count; ++i)
    if ((left -= weights[i]) < 0) return order[i];
  return order[count - 1];
}

std::vector<int32_t> generate(Stream& stream, const Decoder& model, std::span<const int32_t> prompt,
                              const SamplingOptions& options, const std::function<void(int32_t)>& on_token) {
  require(!prompt.empty(), ExitCode::usage,
          "[generate] the prompt is empty and the model has no start token; give at least one character");
  KeyValueCache cache(stream, model, int64_t(prompt.size()) + options.max_new_tokens);
  std::vector<int32_t> made;
  if (options.max_new_tokens <= 0) return made;
  std::vector<double> logits = cache.read(stream, model, prompt);
  while (true) {
    const int32_t next = choose_token(logits, options, cache.length());
    if (std::ranges::find(model.config.eos, next) != model.config.eos.end()) return made;
    made.push_back(next);
    if (on_token) on_token(next);
    if (int64_t(made.size()) == options.max_new_tokens) return made;
    logits = cache.read(stream, model, {&next, 1});
  }
}

}  // namespace hone::trainer
