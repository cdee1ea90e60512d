#include "trainer/report/display.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "kernels/host/error.h"
#include "kernels/host/text.h"
#include "trainer/report/cells.h"

namespace hone::trainer {

namespace {
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kYellow = "\x1b[33m";
constexpr const char* kGrey = "\x1b[90m";
constexpr const char* kNoColour = "";

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

struct Field {
  std::string text;
  int keep = 0;  // the field with the lowest goes first where there is no room
  const char* colour = kNoColour;
};

// Fields side by side, `gap` blanks between, in at most `width` columns.
std::string line_of(std::vector<Field> fields, const DisplayStyle& style, int gap = 3) {
  std::erase_if(fields, [](const Field& field) { return field.text.empty(); });
  const auto width = [&] {
    int sum = gap * std::max(0, int(fields.size()) - 1);
    for (const Field& field : fields) sum += cells(field.text);
    return sum;
  };
  while (fields.size() > 1 && width() > style.width) fields.erase(std::ranges::min_element(fields, {}, &Field::keep));
  if (width() > style.width) return fitted(fields.front().text, style.width);
  std::string line;
  for (const Field& field : fields) {
    if (!line.empty()) line += std::string(size_t(gap), ' ');
    const bool coloured = style.colour && *field.colour;
    line += coloured ? field.colour + field.text + "\x1b[0m" : field.text;
  }
  return line;
}

std::string percent_text(double share) { return formatted("%.1f %%", 100 * share); }

std::string flops_text(double flops) {
  return flops >= 1e12 ? formatted("%.1f TF", flops / 1e12) : formatted("%.1f GF", flops / 1e9);
}

// "17.1 GiB (planned 17.2)"
std::string memory_text(uint64_t memory, uint64_t planned) {
  const std::string now = bytes_text(memory);
  if (planned == 0) return now;
  std::string then = bytes_text(planned);
  const auto unit = [](const std::string& text) { return text.substr(text.find(' ')); };
  if (unit(now) == unit(then)) then.erase(then.find(' '));
  return now + " (planned " + then + ")";
}

std::string step_text(const DisplayState& state) {
  const std::string total = std::to_string(state.total), step = std::to_string(state.step);
  return "step " + std::string(total.size() - std::min(total.size(), step.size()), ' ') + step + "/" + total;
}

std::string left_text(const DisplayState& state) {
  if (!state.left) return "";
  return short_duration(*state.left) + " left" + (state.clock.empty() ? "" : ", " + state.clock);
}

std::string step_line(const DisplayState& state, const DisplayStyle& style) {
  constexpr int kMost = 32, kLeast = 8;
  const double share = state.total > 0 ? std::clamp(double(state.step) / double(state.total), 0.0, 1.0) : 0;
  const std::string percent = formatted("%3d %%", int(100 * share)), step = step_text(state);
  std::string left = left_text(state);
  const auto room = [&] {
    return style.width - cells(step) - cells(percent) - 4 - (left.empty() ? 0 : 3 + cells(left));
  };
  if (room() < kLeast && state.left) left = short_duration(*state.left) + " left";
  if (room() < kLeast) left.clear();
  const int bar = std::min(room(), kMost);
  if (bar < kLeast) return fitted(step + "  " + percent, style.width);
  const int done = int(double(bar) * share);
  const auto repeated = [](std::string_view sign, int count) {
    std::string text;
    while (count-- > 0) text += sign;
    return text;
  };
  const std::string full = repeated(style.utf8 ? "━" : "=", done), rest = repeated(style.utf8 ? "─" : "-", bar - done);
  std::string line = step + "  ";
  line += style.colour ? kGreen + full + "\x1b[0m" + kGrey + rest + "\x1b[0m" : full + rest;
  return line + "  " + percent + (left.empty() ? "" : "   " + left);
}

Field evaluation_field(const DisplayState& state) {
  if (!state.evaluation) return {};
  const std::string text =
      joined("eval ", loss_text(*state.evaluation), " (step ", state.evaluation_step, state.best ? ", best)" : ")");
  return {text, 3, state.best ? kGreen : kNoColour};
}

std::string loss_line(const DisplayState& state, const DisplayStyle& style) {
  std::string loss = "loss " + loss_text(state.loss);
  if (style.utf8 && state.losses.size() > 1) loss += " " + sparkline(state.losses, style.width < 72 ? 8 : 14);
  return line_of({{loss, 4},
                  evaluation_field(state),
                  {"grad " + formatted("%.3g", state.gradient_norm), 1},
                  {"lr " + rate_text(state.learning_rate), 2}},
                 style);
}

std::string cost_line(const DisplayState& state, const DisplayStyle& style) {
  const bool waits = state.data_wait > 0.05,
             above = state.planned > 0 && double(state.memory) > 1.02 * double(state.planned);
  const std::string rate = with_commas(int64_t(state.tokens_per_second)) + " tok/s";
  const std::string real = state.real_share > 0.9995 ? "100 %" : percent_text(state.real_share);
  return line_of({{rate + " (" + real + " real)", 6},
                  {state.flops ? flops_text(*state.flops) : "", 1},
                  {"data wait " + percent_text(state.data_wait) + (waits ? " !" : ""), 3, waits ? kYellow : kNoColour},
                  {memory_text(state.memory, state.planned) + (above ? " !" : ""), 5, above ? kYellow : kNoColour},
                  {state.checkpoint ? "next checkpoint " + short_duration(*state.checkpoint) : "", 2}},
                 style);
}
}  // namespace

std::string loss_text(double loss) {
  const double size = std::abs(loss);
  if (size >= 100) return formatted("%.1f", loss);
  if (size >= 0.1) return formatted("%.3f", loss);
  return size >= 0.001 || size == 0 ? formatted("%.4f", loss) : formatted("%.1e", loss);
}

std::string rate_text(double rate) {
  if (rate == 0 || rate >= 0.01) return formatted("%.3g", rate);
  std::string text = formatted("%.2e", rate);  // 1.80e-04
  const size_t e = text.find('e');
  std::string mantissa = text.substr(0, e), exponent = text.substr(e + 2);
  while (mantissa.ends_with('0')) mantissa.pop_back();
  if (mantissa.ends_with('.')) mantissa.pop_back();
  return mantissa + "e-" + std::to_string(std::stoi(exponent));
}

std::string short_duration(double seconds) {
  const int64_t whole = int64_t(std::clamp(seconds, 0.0, 1e12) + 0.5);
  const auto parts = [](const char* format, int64_t a, int64_t b) {
    return formatted(format, static_cast<long long>(a), static_cast<long long>(b));
  };
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 600) return parts("%lld min %02lld s", whole / 60, whole % 60);
  const int64_t minutes = (whole + 30) / 60;
  if (minutes < 60) return std::to_string(minutes) + " min";
  if (minutes < 24 * 60) return parts("%lld h %02lld", minutes / 60, minutes % 60);
  const int64_t hours = (minutes + 30) / 60;
  return parts("%lld d %02lld h", hours / 24, hours % 24);
}

std::string sparkline(const std::vector<double>& values, int columns) {
  static constexpr std::array<const char*, 8> kLevels{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const int count = std::min(columns, int(values.size()));
  std::vector<double> means;
  for (int i = 0; i < count; ++i) {
    const size_t from = values.size() * size_t(i) / size_t(count), to = values.size() * size_t(i + 1) / size_t(count);
    double sum = 0;
    for (size_t j = from; j < to; ++j) sum += values[j];
    means.push_back(sum / double(to - from));
  }
  std::string text;
  if (means.empty()) return text;
  const auto [low, high] = std::ranges::minmax(means);
  for (const double mean : means) {
    const double level = high > low ? (mean - low) / (high - low) * 7 : 0;
    text += kLevels[size_t(std::clamp(std::isfinite(level) ? level + 0.5 : 0.0, 0.0, 7.0))];
  }
  return text;
}

std::vector<std::string> live_display(const DisplayState& state, const DisplayStyle& style) {
  return {step_line(state, style), loss_line(state, style), cost_line(state, style)};
}

std::string plain_line(const DisplayState& state, int width) {
  return line_of({{joined("step ", state.step, "/", state.total), 9},
                  {"loss " + loss_text(state.loss), 8},
                  {"grad " + formatted("%.3g", state.gradient_norm), 3},
                  {"lr " + rate_text(state.learning_rate), 2},
                  {with_commas(int64_t(state.tokens_per_second)) + " tok/s", 6},
                  {bytes_text(state.memory), 5},
                  {state.data_wait > 0.001 ? "data wait " + percent_text(state.data_wait) : "", 4},
                  {left_text(state), 7}},
                 {.width = width}, 2);
}

}  // namespace hone::trainer
