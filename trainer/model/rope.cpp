#include "trainer/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hone::trainer {

namespace {
constexpr std::pair<std::string_view, RopeKind> kKinds[] = {
    {"default", RopeKind::standard}, {"linear", RopeKind::linear}, {"dynamic", RopeKind::dynamic},
    {"llama3", RopeKind::llama3},    {"yarn", RopeKind::yarn},     {"longrope", RopeKind::longrope}};

double positive(const JsonView& view, std::string_view key, double value) {
  require(value > 0, ExitCode::input, view.where(), ": ", view.path().empty() ? "" : view.path() + ".", key,
          ": expected a positive number, got ", value);
  return value;
}

// "default" where neither rope_type nor its older name is there.
RopeKind kind_of(const JsonView& rope, const RopeReading& reading) {
  std::string type = rope.text_or("rope_type", rope.text_or("type", "default"));
  if (reading.longrope_only && (type == "su" || type == "yarn")) type = "longrope";
  std::string known;
  for (const auto& [name, kind] : kKinds) {
    if (reading.longrope_only && kind != RopeKind::standard && kind != RopeKind::longrope) continue;
    if (type == name) return kind;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  fail(ExitCode::input, rope.where(), ": rope_type: \"", type, "\" is not supported; supported: ", known);
}

std::vector<double> factors(const JsonView& rope, std::string_view key, int64_t count) {
  std::vector<double> values;
  for (const JsonView& item : rope.at(key).items()) {
    values.push_back(item.as_number());
    require(values.back() > 0, ExitCode::input, item.where(), ": ", item.path(), ": expected a positive number, got ",
            values.back());
  }
  if (values.size() == 1) values.resize(size_t(count), values[0]);
  require(std::ssize(values) == count, ExitCode::input, rope.where(), ": ", key, ": expected ", count,
          " numbers, one for each pair of channels that turn, got ", values.size());
  return values;
}

// 0.1 m ln(factor) + 1: how much larger scores are made where texts are longer.
double stretched(double factor, double m) { return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1; }

// `from` without theta and channels. `outer` is where yarn's truncate lies: rope itself, but for nested ones.
void read_kind(Rope& rope, const JsonView& from, const JsonView& outer, int64_t max_positions) {
  const auto factor = [&] {
    const double value = from.number("factor");
    require(value >= 1, ExitCode::input, from.where(), ": rope scaling: expected factor >= 1, got ", value);
    return value;
  };
  const auto factor_or_ratio = [&] {  // older files say it by the two lengths
    return from.has("factor") ? factor() : double(max_positions) / rope.original;
  };
  switch (rope.kind) {
    case RopeKind::standard:
      return;
    case RopeKind::linear:
      rope.factor = factor();
      return;
    case RopeKind::dynamic:
      rope.factor = factor(), rope.positions = double(max_positions);
      require(rope.channels > 2 && max_positions > 0, ExitCode::input, from.where(),
              ": rope_type: dynamic needs max_position_embeddings and more than 2 channels that turn");
      return;
    case RopeKind::llama3:
      rope.factor = factor(), rope.low = from.number("low_freq_factor"), rope.high = from.number("high_freq_factor");
      require(rope.low > 0 && rope.high > rope.low, ExitCode::input, from.where(),
              ": rope scaling: expected 0 < low_freq_factor < high_freq_factor");
      return;
    case RopeKind::yarn: {
      const auto not_zero = [&](std::string_view key, double otherwise) {
        const double value = from.number_or(key, otherwise);
        return value == 0 ? otherwise : value;
      };
      rope.factor = factor_or_ratio();
      rope.beta_fast = positive(from, "beta_fast", not_zero("beta_fast", 32));
      rope.beta_slow = positive(from, "beta_slow", not_zero("beta_slow", 1));
      rope.truncate = outer.boolean_or("truncate", true);
      require(rope.theta != 1, ExitCode::input, from.where(), ": rope_theta: expected another number than 1 with yarn");
      const double m = from.number_or("mscale", 0), m_all = from.number_or("mscale_all_dim", 0);
      const double usual =
          m != 0 && m_all != 0 ? stretched(rope.factor, m) / stretched(rope.factor, m_all) : stretched(rope.factor, 1);
      rope.attention_factor = from.number_or("attention_factor", usual);
      return;
    }
    case RopeKind::longrope: {
      require(rope.original > 1, ExitCode::input, from.where(),
              ": original_max_position_embeddings: expected more than 1 with longrope, got ", rope.original);
      const int64_t count = rope.turning() / 2;
      rope.short_factors = factors(from, "short_factor", count),
      rope.long_factors = factors(from, "long_factor", count);
      const double longer = factor_or_ratio();
      const double usual = longer <= 1 ? 1 : std::sqrt(1 + std::log(longer) / std::log(rope.original));
      rope.attention_factor = from.number_or("attention_factor", usual);
    }
  }
}

int64_t channels_of(const JsonView& from, int64_t head_dim, double partial) {
  require(partial > 0 && partial <= 1, ExitCode::input, from.where(),
          ": partial_rotary_factor: expected more than 0 and at most 1, got ", partial);
  const auto channels = int64_t(double(head_dim) * partial);
  require(channels > 0 && (channels + 1) / 2 * 2 <= head_dim, ExitCode::input, from.where(),
          ": head_dim: rotary positions turn channels in pairs; expected an even number, got ", head_dim);
  return channels;
}

void refuse_partial(const JsonView& config, const JsonView& rope) {
  for (const JsonView* view : {&config, &rope}) {
    const double partial = view->number_or("partial_rotary_factor", 1);
    require(partial == 1, ExitCode::input, config.where(),
            ": partial_rotary_factor: models of this family turn all channels; expected 1, got ", partial);
  }
}
}  // namespace

Rope read_rope(const JsonView& config, const RopeReading& reading, int64_t head_dim, int64_t max_positions) {
  // transformers 5 puts all of it into rope_parameters; before, rope_theta stood alone and rope_scaling held the rest.
  // Where there are both, transformers takes the older.
  static const Json none = Json::object();
  std::optional<JsonView> found = config.find("rope_scaling");
  if (!found || found->value().empty()) found = config.find("rope_parameters");
  const JsonView from = found.value_or(JsonView(none, config.where(), "rope_parameters"));
  for (const char* kind : {"full_attention", "sliding_attention"})
    require(!from.has(kind), ExitCode::input, config.where(), ": ", from.path(), ".", kind,
            ": all layers of this family turn alike; expected rope_type and rope_theta");
  if (!reading.partial) refuse_partial(config, from);
  Rope rope{.kind = kind_of(from, reading)};
  rope.theta = positive(from.has("rope_theta") ? from : config, "rope_theta",
                        from.number_or("rope_theta", config.number_or("rope_theta", reading.theta)));
  rope.channels = channels_of(config, head_dim,
                              from.number_or("partial_rotary_factor", config.number_or("partial_rotary_factor", 1)));
  if (rope.kind == RopeKind::llama3 || rope.kind == RopeKind::yarn || rope.kind == RopeKind::longrope) {
    // The one beside the others wins, as in transformers, and Phi-3 always has one there.
    constexpr const char* kKey = "original_max_position_embeddings";
    const double within = from.number_or(kKey, double(max_positions));
    rope.original = positive(
        config, kKey, config.number_or(kKey, reading.original_positions > 0 ? reading.original_positions : within));
  }
  read_kind(rope, from, from, max_positions);
  return rope;
}

std::vector<Rope> read_nested_ropes(const JsonView& config, int64_t head_dim, int64_t max_positions) {
  static const Json none = Json::object();
  const JsonView nested = config.find("rope_parameters").value_or(JsonView(none, config.where(), "rope_parameters"));
  const std::optional<JsonView> legacy = config.find("rope_scaling");  // of the layers that see everything
  for (const char* key : {"rope_type", "type", "rope_theta", "factor"})
    require(!nested.has(key), ExitCode::input, config.where(), ": ", nested.path(), ".", key,
            ": layers with a window turn differently; expected full_attention and sliding_attention");
  refuse_partial(config, config);
  std::vector<Rope> ropes;
  struct Kind {
    const char *name, *theta_key;
    double theta;
  };
  for (const Kind& kind :
       {Kind{"full_attention", "rope_theta", 1e6}, {"sliding_attention", "rope_local_base_freq", 1e4}}) {
    Json merged = nested.has(kind.name) ? nested.at(kind.name).value() : none;
    if (legacy && ropes.empty()) merged.update(legacy->value());
    const JsonView from(merged, config.where(), joined("rope_parameters.", kind.name));
    refuse_partial(config, from);
    require(from.has("rope_type") || !from.has("type"), ExitCode::input, config.where(), ": ", from.path(),
            ".type: expected the key rope_type");
    Rope rope{.kind = kind_of(from, {})};
    rope.theta =
        positive(config, "rope_theta", from.number_or("rope_theta", config.number_or(kind.theta_key, kind.theta)));
    rope.channels = channels_of(config, head_dim, 1);
    rope.original = positive(from, "original_max_position_embeddings",
                             from.number_or("original_max_position_embeddings", double(max_positions)));
    read_kind(rope, from, nested, max_positions);
    ropes.push_back(std::move(rope));
  }
  return ropes;
}

int64_t Rope::decided_by(int64_t length, int64_t decisive) const {
  if (kind == RopeKind::dynamic) return double(length) > positions ? length : 0;
  if (kind != RopeKind::longrope) return 0;
  return double(decisive > 0 ? decisive : length) > original ? int64_t(original) + 1 : 0;
}

namespace {
double llama3(const Rope& rope, double frequency) {
  const double turns = rope.original * frequency / (2 * std::numbers::pi);  // within the original length
  if (turns < rope.low) return frequency / rope.factor;
  if (turns > rope.high) return frequency;
  const double smooth = (turns - rope.low) / (rope.high - rope.low);
  return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

// The frequency of each channel, from a ramp between those that turn beta_fast and beta_slow times.
double yarn(const Rope& rope, double frequency, int64_t i) {
  const auto dim = double(rope.channels);
  const auto channel = [&](double turns) {
    return dim * std::log(rope.original / (turns * 2 * std::numbers::pi)) / (2 * std::log(rope.theta));
  };
  double low = channel(rope.beta_fast), high = channel(rope.beta_slow);
  if (rope.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0), high = std::min(high, dim - 1);
  if (low == high) high += 0.001;
  const double ramp = std::clamp((double(i) - low) / (high - low), 0.0, 1.0);
  return frequency / rope.factor * ramp + frequency * (1 - ramp);
}
}  // namespace

std::vector<double> inverse_frequencies(const Rope& rope, int64_t decided_by) {
  const auto dim = double(rope.channels);
  double theta = rope.theta;
  if (rope.kind == RopeKind::dynamic && decided_by > 0)
    theta *= std::pow(rope.factor * double(decided_by) / rope.positions - (rope.factor - 1), dim / (dim - 2));
  const std::vector<double>& own = decided_by > 0 ? rope.long_factors : rope.short_factors;
  std::vector<double> frequencies;
  for (int64_t i = 0; i < rope.turning() / 2; ++i) {
    const double frequency = std::pow(theta, -2.0 * double(i) / dim);
    switch (rope.kind) {
      case RopeKind::standard:
      case RopeKind::dynamic:
        frequencies.push_back(frequency);
        break;
      case RopeKind::linear:
        frequencies.push_back(frequency / rope.factor);
        break;
      case RopeKind::llama3:
        frequencies.push_back(llama3(rope, frequency));
        break;
      case RopeKind::yarn:
        frequencies.push_back(yarn(rope, frequency, i));
        break;
      case RopeKind::longrope:
        frequencies.push_back(frequency / own[size_t(i)]);
    }
  }
  return frequencies;
}

}  // namespace hone::trainer
