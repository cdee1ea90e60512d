// Strings and their ids, both ways.
//   Vocabulary vocabulary;
//   vocabulary.add("hello", 5);
//   vocabulary.id("hello");                         // 5
//   vocabulary.token(5);                            // "hello"
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hone::data {

class Vocabulary {
 public:
  static constexpr int64_t kLargestId = (int64_t(1) << 23) - 1;  // bounds the memory that a hostile file can ask for

  Vocabulary() = default;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  // False, and nothing changed, where the string or the id is taken. Ids run from 0 to kLargestId.
  bool add(std::string token, int32_t id) {
    if (ids_.contains(token) || this->token(id)) return false;
    if (size_t(id) >= tokens_.size()) tokens_.resize(size_t(id) + 1, nullptr);
    const std::string& kept = strings_.emplace_back(std::move(token));
    tokens_[size_t(id)] = &kept;
    ids_.emplace(kept, id);
    return true;
  }
  // The id gets the string; where another id has the string too, the string's id is this one from now on.
  void put(std::string token, int32_t id) {
    if (size_t(id) >= tokens_.size()) tokens_.resize(size_t(id) + 1, nullptr);
    const std::string& kept = strings_.emplace_back(std::move(token));
    tokens_[size_t(id)] = &kept;
    ids_[kept] = id;
  }
  std::optional<int32_t> id(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  const std::string* token(int64_t id) const {  // null where there is none
    return id >= 0 && size_t(id) < tokens_.size() ? tokens_[size_t(id)] : nullptr;
  }
  int64_t size() const { return int64_t(strings_.size()); }
  int64_t largest_id() const { return int64_t(tokens_.size()) - 1; }

 private:
  std::deque<std::string> strings_;  // never move
  std::unordered_map<std::string_view, int32_t> ids_;
  std::vector<const std::string*> tokens_;
};

}  // namespace hone::data
