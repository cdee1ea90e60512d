// Strings as a tree of their bytes, for all tokens that begin at a place of a text.
//   Trie trie;
//   trie.add("ab", 7);
//   trie.each_prefix("abc", 0, [](int32_t value, size_t end) { … });   // 7, 2
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace hone::data {

class Trie {
 public:
  Trie() : values_(1, -1), edges_(16) {}

  void add(std::string_view text, int32_t value) {  // a text that is there gets the new value
    uint32_t node = 0;
    for (const char byte : text) {
      uint32_t next = child(node, static_cast<unsigned char>(byte));
      if (next == 0) {
        next = uint32_t(values_.size());
        values_.push_back(-1);
        connect(node, static_cast<unsigned char>(byte), next);
      }
      node = next;
    }
    values_[node] = value;
  }

  // From the shortest to the longest.
  template <class Found>
  void each_prefix(std::string_view text, size_t at, Found found) const {
    for (uint32_t node = 0; at < text.size();) {
      node = child(node, static_cast<unsigned char>(text[at]));
      if (node == 0) return;
      ++at;
      if (values_[node] >= 0) found(values_[node], at);
    }
  }
  bool empty() const { return values_.size() == 1; }

 private:
  struct Edge {
    uint64_t key = 0;  // node and byte, plus one
    uint32_t to = 0;
  };
  static uint64_t key_of(uint32_t node, unsigned char byte) { return (uint64_t(node) << 8 | byte) + 1; }
  size_t slot_of(uint64_t key) const {
    uint64_t mixed = key * 0x9E3779B97F4A7C15u;
    const size_t mask = edges_.size() - 1;
    size_t slot = size_t(mixed ^ mixed >> 32) & mask;
    while (edges_[slot].key != key && edges_[slot].key != 0) slot = (slot + 1) & mask;
    return slot;
  }
  uint32_t child(uint32_t node, unsigned char byte) const { return edges_[slot_of(key_of(node, byte))].to; }
  void connect(uint32_t node, unsigned char byte, uint32_t to) {
    if (edges_.size() < 2 * values_.size()) {
      std::vector<Edge> before(edges_.size() * 2);
      before.swap(edges_);
      for (const Edge& edge : before)
        if (edge.key != 0) edges_[slot_of(edge.key)] = edge;
    }
    const uint64_t key = key_of(node, byte);
    edges_[slot_of(key)] = {key, to};
  }
  std::vector<int32_t> values_;  // of a node, -1 where no text ends
  std::vector<Edge> edges_;      // open addressing, at most half full
};

}  // namespace hone::data
