// One stretch of addresses that large blocks of host memory come from, first fit from its lower end; what is given back
// joins its free neighbours and is used again. Pages belong to the process from their first use on: a training step
// after the first finds all of its pages there, and fresh ones cost as much as the arithmetic on them.
//   Arena arena(total_memory());
//   void* block = arena.take(bytes);        // null where no free stretch is long enough
//   arena.give(block, bytes);
#pragma once
#include <cstddef>
#include <map>

namespace hone {

class Arena {
 public:
  static constexpr size_t kPage = 4096;  // blocks begin and end on one
  // Reserves addresses, not memory; as many as the system lets it have, up to `bytes`.
  explicit Arena(size_t bytes);
  Arena(const Arena&) = delete;
  ~Arena();
  void* take(size_t bytes);
  void give(void* block, size_t bytes) noexcept;
  size_t used_once() const { return used_once_; }  // bytes from the lower end that were ever in use

 private:
  std::byte* base_ = nullptr;
  size_t size_ = 0, used_once_ = 0;
  std::map<size_t, size_t> free_;  // begin → length
};

}  // namespace hone
