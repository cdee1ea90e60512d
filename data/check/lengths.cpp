#include "data/check/lengths.h"

#include <algorithm>
#include <cmath>

namespace hone::data {

namespace {
constexpr int64_t kWindow = int64_t(32) << 20;  // tokens that are packed together, as in Batches

int64_t round_width(int64_t least) {
  int64_t power = 1;
  while (power * 10 <= least) power *= 10;
  for (const int64_t factor : {1, 2, 5, 10})
    if (factor * power >= least) return factor * power;
  return 10 * power;
}
}  // namespace

void Lengths::add(int64_t tokens, LongRow how) {
  const int64_t held = std::min<int64_t>(tokens, int64_t(1) << 29);
  lengths_.push_back(uint32_t(held) * 4 + uint32_t(how));
  tokens_ += tokens, longest_ = std::max(longest_, held);
}

int64_t Lengths::at(double share) const {
  if (lengths_.empty()) return 0;
  std::vector<uint32_t> copy = lengths_;
  const auto place = int64_t(std::ceil(share * double(copy.size()))) - 1;
  const auto nth = copy.begin() + std::clamp<int64_t>(place, 0, int64_t(copy.size()) - 1);
  std::nth_element(copy.begin(), nth, copy.end());
  return int64_t(*nth / 4);
}

std::vector<LengthBin> Lengths::bins(int64_t max_length, int most) const {
  std::vector<LengthBin> bins;
  if (lengths_.empty()) return bins;
  // Few very long rows must not squeeze all others into one bin.
  int64_t top = std::max<int64_t>(at(0.98), 1);
  if (longest_ < top + top / 2) top = longest_;
  if (max_length > 0 && max_length < 2 * top) top = std::max(top, max_length);
  const int64_t width = round_width((top + most) / most);
  for (int64_t from = 0; from <= top; from += width) bins.push_back({from, from + width, 0});
  if (longest_ >= bins.back().to) bins.push_back({bins.back().to, longest_ + 1, 0});
  // Rows that fit and rows that do not are never in one bin.
  for (size_t i = 0; max_length > 0 && i < bins.size(); ++i)
    if (bins[i].from < max_length + 1 && max_length + 1 < bins[i].to && longest_ > max_length) {
      bins.insert(bins.begin() + int64_t(i) + 1, {max_length + 1, bins[i].to, 0});
      bins[i].to = max_length + 1;
      break;
    }
  for (const uint32_t length : lengths_) {
    const auto after = std::ranges::upper_bound(bins, int64_t(length / 4), {}, &LengthBin::from);
    ++std::prev(after)->rows;
  }
  while (bins.back().rows == 0) bins.pop_back();
  const auto first = std::ranges::find_if(bins, [](const LengthBin& bin) { return bin.rows > 0; });
  bins.erase(bins.begin(), first);
  return bins;
}

PackingOutcome Lengths::packed(const Packing& how) const {
  PackingOutcome outcome{.max_length = how.max_length};
  const int64_t longest = how.max_length;
  std::vector<Document> window;
  int64_t held = 0, tokens = 0;
  uint32_t windows = 0;
  const auto flush = [&] {
    if (window.empty()) return;
    std::vector<Document> drawn(window.size());
    if (how.shuffle) {
      const std::vector<int64_t> order = permutation(int64_t(window.size()), how.seed, 0, windows);
      for (size_t i = 0; i < order.size(); ++i) drawn[i] = window[size_t(order[i])];
    } else {
      drawn = window;
    }
    outcome.rows +=
        int64_t((how.method == PackingMethod::best_fit ? pack(drawn, longest) : pack_in_order(drawn, longest)).size());
    ++windows, tokens += held;
    window.clear(), held = 0;
  };
  const auto add = [&](int64_t length) {
    window.push_back({int64_t(window.size()), length});
    held += length;
    if (held >= kWindow) flush();
  };
  for (const uint32_t each : lengths_) {
    const auto length = int64_t(each / 4);
    if (length <= longest) {
      if (length > 0) add(length);
    } else if (const auto how_long = LongRow(each % 4); how_long != LongRow::dropped) {
      ++outcome.cut;
      // A piece of one token teaches nothing.
      for (int64_t left = length; left > 1; left -= longest) {
        add(std::min(left, longest));
        if (how_long == LongRow::truncated) break;
      }
    } else {
      ++outcome.dropped;
    }
  }
  flush();
  if (outcome.rows > 0) outcome.padding = 1 - double(tokens) / (double(outcome.rows) * double(longest));
  return outcome;
}

}  // namespace hone::data
