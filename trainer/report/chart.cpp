#include "trainer/report/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "kernels/host/text.h"

namespace hone::trainer {

namespace {
constexpr double kWidth = 460, kHeight = 210, kLeft = 52, kRight = 12, kTop = 12, kBottom = 26;
constexpr size_t kMostDrawn = 200, kMostHovered = 100;

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 512> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

struct Drawn {
  double x = 0, mean = 0, low = 0, high = 0;
};

std::vector<Drawn> thinned(const std::vector<Point>& all, size_t most) {
  std::vector<Point> points;
  std::ranges::copy_if(all, std::back_inserter(points), [](const Point& p) { return std::isfinite(p.y); });
  const size_t count = std::min(most, points.size());
  std::vector<Drawn> drawn;
  for (size_t i = 0; i < count; ++i) {
    const size_t from = points.size() * i / count, to = points.size() * (i + 1) / count;
    Drawn d{.x = points[to - 1].x, .mean = 0, .low = points[from].y, .high = points[from].y};
    for (size_t j = from; j < to; ++j) {
      d.mean += points[j].y / double(to - from);
      d.low = std::min(d.low, points[j].y), d.high = std::max(d.high, points[j].y);
    }
    drawn.push_back(d);
  }
  return drawn;
}

// Round numbers, three to six of them, that cover low … high.
std::vector<double> ticks(double low, double high) {
  const double rough = (high - low) / 4, power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0})
    if (step < rough) step = factor * power;
  std::vector<double> all;
  for (double at = std::ceil(low / step - 1e-9) * step; at <= high + step * 1e-9 && all.size() < 12; at += step)
    all.push_back(std::abs(at) < step * 1e-9 ? 0 : at);
  return all;
}

std::vector<double> powers(double low, double high) {
  std::vector<double> all;
  for (int e = int(std::floor(std::log10(low))); e <= int(std::ceil(std::log10(high))); ++e)
    for (const double factor : {1.0, 3.0})
      if (const double at = factor * std::pow(10, e); at >= low * 0.999 && at <= high * 1.001) all.push_back(at);
  return all;
}

class Figure {
 public:
  explicit Figure(const Chart& chart) : chart_(chart) {
    for (const Series& series : chart.series) {
      drawn_.push_back(thinned(series.points, kMostDrawn));
      for (const Drawn& d : drawn_.back()) {
        x_low_ = std::min(x_low_, d.x), x_high_ = std::max(x_high_, d.x);
        y_low_ = std::min(y_low_, d.low), y_high_ = std::max(y_high_, d.high);
      }
    }
    if (chart.planned > 0) y_low_ = std::min(y_low_, chart.planned), y_high_ = std::max(y_high_, chart.planned);
    log_ = chart.logarithmic && y_low_ > 0 && y_high_ > 20 * y_low_;
    if (log_) {
      y_low_ *= 0.9, y_high_ *= 1.1;
    } else {
      if (chart.from_zero) y_low_ = std::min(0.0, y_low_);
      const double room = y_high_ > y_low_ ? (y_high_ - y_low_) * 0.05 : std::max(std::abs(y_high_) * 0.1, 1e-9);
      y_high_ += room;
      if (y_low_ != 0) y_low_ -= room;
    }
    if (!(x_high_ > x_low_)) x_low_ -= 1, x_high_ += 1;
  }
  bool empty() const {
    return std::ranges::all_of(drawn_, [](const auto& drawn) { return drawn.empty(); }) ||
           !std::isfinite(y_high_ - y_low_);
  }

  std::string text() const {
    std::string out = "<figure>\n<figcaption>" + escaped(chart_.title);
    if (log_) out += " <small>log scale</small>";
    if (chart_.series.size() > 1 || chart_.planned > 0) {
      for (size_t i = 0; i < chart_.series.size(); ++i)
        if (!drawn_[i].empty())
          out += formatted("<span class=\"key k%d\">", int(i)) + escaped(chart_.series[i].name) + "</span>";
      if (chart_.planned > 0) out += "<span class=\"key kp\">planned</span>";
    }
    out += "</figcaption>\n";
    out += formatted("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"", kWidth, kHeight) + escaped(chart_.title) +
           "\">\n";
    axes(out);
    if (chart_.planned > 0)
      out += formatted("<line class=\"plan\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>\n", kLeft, kWidth - kRight,
                       y(chart_.planned), y(chart_.planned));
    for (size_t i = 0; i < drawn_.size(); ++i) curve(out, int(i));
    hovers(out);
    return out + "</svg>\n</figure>\n";
  }

 private:
  double x(double value) const { return kLeft + (value - x_low_) / (x_high_ - x_low_) * (kWidth - kLeft - kRight); }
  double y(double value) const {
    const double share = log_ ? std::log(std::max(value, y_low_) / y_low_) / std::log(y_high_ / y_low_)
                              : (value - y_low_) / (y_high_ - y_low_);
    return kHeight - kBottom - share * (kHeight - kTop - kBottom);
  }
  std::string value(double v) const { return chart_.value_text ? chart_.value_text(v) : formatted("%.4g", v); }

  void axes(std::string& out) const {
    for (const double at : log_ ? powers(y_low_, y_high_) : ticks(y_low_, y_high_))
      out += formatted(
                 "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"y\" x=\"%g\" "
                 "y=\"%.1f\">",
                 kLeft, kWidth - kRight, y(at), y(at), kLeft - 6, y(at) + 3.5) +
             escaped(value(at)) + "</text>\n";
    for (const double at : ticks(x_low_, x_high_))
      if (at == std::floor(at))
        out += formatted("<text class=\"x\" x=\"%.1f\" y=\"%g\">%s</text>\n", x(at), kHeight - 8,
                         with_commas(int64_t(at)).c_str());
  }

  void curve(std::string& out, int index) const {
    const std::vector<Drawn>& drawn = drawn_[size_t(index)];
    if (drawn.empty()) return;
    const bool spread = std::ranges::any_of(drawn, [](const Drawn& d) { return d.high > d.low; });
    std::string line, band;
    for (const Drawn& d : drawn)
      line += formatted("%.1f,%.1f ", x(d.x), y(d.mean)), band += formatted("%.1f,%.1f ", x(d.x), y(d.high));
    for (auto d = drawn.rbegin(); d != drawn.rend(); ++d) band += formatted("%.1f,%.1f ", x(d->x), y(d->low));
    if (spread) out += formatted("<polygon class=\"band s%d\" points=\"", index) + band + "\"/>\n";
    out += formatted("<polyline class=\"line s%d\" points=\"", index) + line + "\"/>\n";
    if (chart_.series[size_t(index)].marked || drawn.size() == 1)
      for (const Drawn& d : drawn)
        out += formatted("<circle class=\"dot s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>\n", index, x(d.x), y(d.mean));
  }

  // A column for each stretch of steps: while the pointer is over it, its line and values are seen.
  void hovers(std::string& out) const {
    std::vector<Drawn> columns;
    for (size_t i = 0; i < chart_.series.size(); ++i)
      if (columns.empty() || !chart_.series[i].marked)
        if (auto more = thinned(chart_.series[i].points, kMostHovered); more.size() > columns.size()) columns = more;
    for (size_t i = 0; i < columns.size(); ++i) {
      const double at = x(columns[i].x);
      const double from = i == 0 ? kLeft : (x(columns[i - 1].x) + at) / 2,
                   to = i + 1 == columns.size() ? kWidth - kRight : (at + x(columns[i + 1].x)) / 2;
      std::string words = "step " + with_commas(int64_t(columns[i].x));
      std::string dots;
      for (size_t s = 0; s < chart_.series.size(); ++s) {
        const std::vector<Drawn>& drawn = drawn_[s];
        // The value of the nearest drawn point; of few points only where one is near.
        const auto near =
            std::ranges::min_element(drawn, {}, [&](const Drawn& d) { return std::abs(d.x - columns[i].x); });
        if (near == drawn.end() || (chart_.series[s].marked && std::abs(x(near->x) - at) > (to - from) / 2 + 0.5))
          continue;
        words +=
            "   " + (chart_.series.size() > 1 ? chart_.series[s].name + " " : "") + value(near->mean) + chart_.unit;
        dots +=
            formatted("<circle class=\"dot s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>", int(s), x(near->x), y(near->mean));
      }
      out += formatted("<g class=\"at\"><rect x=\"%.1f\" y=\"%g\" width=\"%.1f\" height=\"%g\"/>", from, kTop,
                       std::max(0.5, to - from), kHeight - kTop - kBottom) +
             formatted("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\"/>", at, at, kTop, kHeight - kBottom) + dots +
             formatted("<text x=\"%g\" y=\"%g\">", kWidth - kRight, kTop - 2) + escaped(words) + "</text></g>\n";
    }
  }

  const Chart& chart_;
  std::vector<std::vector<Drawn>> drawn_;
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double x_low_ = kInfinity, x_high_ = -kInfinity, y_low_ = kInfinity, y_high_ = -kInfinity;
  bool log_ = false;
};
}  // namespace

std::string chart(const Chart& chart) {
  const Figure figure(chart);
  return figure.empty() ? "" : figure.text();
}

std::string escaped(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    const size_t length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    const std::string_view piece = text.substr(at, length);
    if (!valid_utf8(piece)) {
      out += "\ufffd";
      ++at;
      continue;
    }
    at += length;
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F || piece == "\ufffe" || piece == "\uffff") {
      out += "\ufffd";
    } else {
      out += piece;
    }
  }
  return out;
}

}  // namespace hone::trainer
