#include "data/tokenizer/merges.h"

#include <algorithm>
#include <array>
#include <optional>

namespace hone::data {

namespace {
uint64_t pair_key(int32_t left, int32_t right) { return uint64_t(uint32_t(left)) << 32 | uint32_t(right); }

// Lowest rank first, then leftmost: the order in which merges happen.
struct Later {
  bool operator()(const Scratch::Candidate& a, const Scratch::Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.place > b.place;
  }
};
}  // namespace

size_t Merges::slot_of(uint64_t key) const {
  uint64_t mixed = key * 0x9E3779B97F4A7C15u;
  mixed ^= mixed >> 32;
  const size_t mask = slots_.size() - 1;
  size_t slot = size_t(mixed) & mask;
  while (slots_[slot].key != key && slots_[slot].key != UINT64_MAX) slot = (slot + 1) & mask;
  return slot;
}

void Merges::reserve(size_t merges) {
  size_t size = std::max<size_t>(slots_.size(), 16);
  while (size < 2 * merges) size *= 2;
  if (size == slots_.size()) return;
  std::vector<Slot> before(size);
  before.swap(slots_);
  for (const Slot& slot : before)
    if (slot.key != UINT64_MAX) slots_[slot_of(slot.key)] = slot;
}

void Merges::set(int32_t left, int32_t right, Merge merge) {
  reserve(used_ + 1);
  const uint64_t key = pair_key(left, right);
  Slot& slot = slots_[slot_of(key)];
  used_ += slot.key != key;
  slot = {key, merge};
}

const Merges::Merge* Merges::find(int32_t left, int32_t right) const {
  if (slots_.empty()) return nullptr;
  const uint64_t key = pair_key(left, right);
  const Slot& slot = slots_[slot_of(key)];
  return slot.key == key ? &slot.merge : nullptr;
}

void Merges::merge(Scratch& scratch, const std::vector<bool>* record) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  heap.clear();
  const auto candidate = [&](int32_t place) -> std::optional<Scratch::Candidate> {
    const Symbol& symbol = symbols[size_t(place)];
    if (symbol.after < 0) return {};
    const Merge* merge = find(symbol.id, symbols[size_t(symbol.after)].id);
    if (!merge) return {};
    return Scratch::Candidate{merge->rank, place, merge->id};
  };
  const auto note = [&](const Scratch::Candidate& found) {
    heap.push_back(found);
    if (!record || !(*record)[size_t(found.id)]) return;
    const Symbol& symbol = symbols[size_t(found.place)];
    scratch.made_of[found.id] = {symbol.id, symbols[size_t(symbol.after)].id};
  };
  const auto offer = [&](int32_t place) {
    if (const auto found = candidate(place)) {
      note(*found);
      std::push_heap(heap.begin(), heap.end(), Later());
    }
  };
  for (int32_t place = 0; place + 1 < int32_t(symbols.size()); ++place)
    if (const auto found = candidate(place)) note(*found);
  std::make_heap(heap.begin(), heap.end(), Later());
  while (!heap.empty()) {
    const Scratch::Candidate best = heap.front();
    std::pop_heap(heap.begin(), heap.end(), Later());
    heap.pop_back();
    Symbol& symbol = symbols[size_t(best.place)];
    if (!symbol.alive) continue;
    const auto now = candidate(best.place);
    if (!now || now->id != best.id) continue;  // the pair has changed since
    Symbol& right = symbols[size_t(symbol.after)];
    symbol.id = best.id;
    symbol.size += right.size;
    symbol.after = right.after;
    right.alive = false;
    if (right.after >= 0) symbols[size_t(right.after)].before = best.place;
    if (symbol.before >= 0) offer(symbol.before);
    offer(best.place);
  }
}

size_t Merges::merge_few(std::span<int32_t> symbols) const {
  constexpr uint32_t kNone = UINT32_MAX;
  std::array<uint32_t, kFew> ranks;  // of a symbol and the next one
  std::array<int32_t, kFew> become;
  size_t count = symbols.size();
  const auto look = [&](size_t at) {
    const Merge* merge = find(symbols[at], symbols[at + 1]);
    ranks[at] = merge ? merge->rank : kNone;
    if (merge) become[at] = merge->id;
  };
  for (size_t at = 0; at + 1 < count; ++at) look(at);
  while (count > 1) {
    const size_t best = size_t(std::min_element(ranks.begin(), ranks.begin() + long(count) - 1) - ranks.begin());
    if (ranks[best] == kNone) break;
    symbols[best] = become[best];
    --count;
    for (size_t at = best + 1; at < count; ++at) symbols[at] = symbols[at + 1];
    for (size_t at = best + 1; at + 1 < count; ++at) ranks[at] = ranks[at + 1], become[at] = become[at + 1];
    if (best + 1 < count) look(best);
    if (best > 0) look(best - 1);
  }
  return count;
}

}  // namespace hone::data
