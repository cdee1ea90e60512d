// Remembers which ids short pieces of text became, for one thread. Words come again and again, so most pieces are found
// here. A table of fixed size (4 MiB): a piece may be in either of two places, and a new one takes the place that was
// not used last.
//   PieceMemory memory;
//   const PieceMemory::Key key(" the");             // of 1 to 32 bytes
//   if (!memory.recall(key, ids)) memory.keep(key, what_it_became);
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace hone::data {

class PieceMemory {
 public:
  static constexpr size_t kLongestPiece = 32, kMostIds = 7;

  // A piece as four words: together with the length they say every byte of it. Short pieces are loads that overlap.
  class Key {
   public:
    Key() = default;
    explicit Key(std::string_view piece) : length_(uint8_t(piece.size())) {
      const char* begin = piece.data();
      const char* end = begin + piece.size();
      if (piece.size() > 16) {
        words_ = {load<uint64_t>(begin), load<uint64_t>(begin + 8), load<uint64_t>(end - 16), load<uint64_t>(end - 8)};
      } else if (piece.size() >= 8) {
        words_ = {load<uint64_t>(begin), load<uint64_t>(end - 8)};
      } else if (piece.size() >= 4) {
        words_ = {load<uint32_t>(begin), load<uint32_t>(end - 4)};
      } else {
        words_ = {load<uint8_t>(begin), load<uint8_t>(begin + piece.size() / 2), load<uint8_t>(end - 1)};
      }
    }

   private:
    friend class PieceMemory;
    template <class Word>
    static uint64_t load(const char* from) {
      Word word;
      std::memcpy(&word, from, sizeof word);
      return word;
    }
    size_t hash() const {
      uint64_t mixed = length_;
      for (const uint64_t word : words_) mixed = ((mixed ^ word) * 0x9E3779B97F4A7C15u) ^ (mixed >> 29);
      return size_t(mixed ^ mixed >> 32);
    }
    std::array<uint64_t, 4> words_{};
    uint8_t length_ = 0;
  };

  PieceMemory() : sets_(kSets) {}

  // Has the processor fetch where a piece may be; a few pieces ahead of recall() this hides the memory's latency.
  void expect(const Key& key) const {
    const Set& set = sets_[key.hash() % kSets];
    __builtin_prefetch(&set.entries[0]);
    __builtin_prefetch(&set.entries[1]);
  }

  // Appends the ids of a piece that is remembered; else false.
  bool recall(const Key& key, std::vector<int32_t>& ids) {
    Set& set = set_of(key);
    for (uint8_t way = 0; way < 2; ++way) {
      const Entry& entry = set.entries[way];
      if (entry.length != key.length_ || entry.words != key.words_) continue;
      set.entries[0].last_used = way;
      if (entry.count == 1) {
        ids.push_back(entry.ids[0]);
      } else {
        ids.insert(ids.end(), entry.ids.data(), entry.ids.data() + entry.count);
      }
      return true;
    }
    return false;
  }
  void keep(const Key& key, std::span<const int32_t> ids) {  // more than kMostIds are not kept
    if (ids.size() > kMostIds) return;
    Set& set = set_of(key);
    Entry& entry = set.entries[1 - set.entries[0].last_used];
    entry.words = key.words_;
    entry.length = key.length_;
    entry.count = uint8_t(ids.size());
    std::copy(ids.begin(), ids.end(), entry.ids.begin());
  }

 private:
  static constexpr size_t kSets = size_t(1) << 15;
  struct alignas(64) Entry {
    std::array<uint64_t, 4> words;
    std::array<int32_t, kMostIds> ids;
    uint8_t length = 0;  // 0: nothing is here
    uint8_t count = 0;
    uint8_t last_used = 0;  // in the first entry of a set: which of the two
  };
  struct Set {
    std::array<Entry, 2> entries;
  };
  Set& set_of(const Key& key) { return sets_[key.hash() % kSets]; }
  std::vector<Set> sets_;
};

}  // namespace hone::data
