#include "kernels/core/arena.h"

#include <algorithm>
#include <new>

#include "kernels/host/memory.h"

// With the address sanitizer, what was given back is forbidden ground, and so is a page behind every block.
#if defined(__SANITIZE_ADDRESS__)
#define HONE_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HONE_WATCHED 1
#endif
#endif
#ifdef HONE_WATCHED
#include <sanitizer/asan_interface.h>
#endif

namespace hone {

namespace {
#ifdef HONE_WATCHED
constexpr size_t kBehind = Arena::kPage;
void forbid(void* memory, size_t bytes) { __asan_poison_memory_region(memory, bytes); }
void allow(void* memory, size_t bytes) { __asan_unpoison_memory_region(memory, bytes); }
#else
constexpr size_t kBehind = 0;
void forbid(void*, size_t) {}
void allow(void*, size_t) {}
#endif

size_t whole_pages(size_t bytes) { return (bytes + Arena::kPage - 1) / Arena::kPage * Arena::kPage + kBehind; }
}  // namespace

Arena::Arena(size_t bytes) {
  for (size_ = bytes / kPage * kPage; size_ > 0 && base_ == nullptr;) {
    base_ = static_cast<std::byte*>(reserve_addresses(size_));
    if (base_ == nullptr) size_ = size_ / 2 / kPage * kPage;
  }
  if (base_ == nullptr) return;
  free_.emplace(0, size_);
}

Arena::~Arena() {
  if (base_ == nullptr) return;
  allow(base_, used_once_);
  release_addresses(base_, size_);
}

void* Arena::take(size_t bytes) {
  const size_t length = whole_pages(bytes);
  const auto found = std::ranges::find_if(free_, [&](const auto& stretch) { return stretch.second >= length; });
  if (found == free_.end()) return nullptr;
  const auto [begin, room] = *found;
  free_.erase(found);
  if (room > length) free_.emplace(begin + length, room - length);
  used_once_ = std::max(used_once_, begin + length);
  allow(base_ + begin, bytes);
  forbid(base_ + begin + bytes, length - bytes);
  return base_ + begin;
}

void Arena::give(void* block, size_t bytes) noexcept {
  size_t begin = size_t(static_cast<std::byte*>(block) - base_), length = whole_pages(bytes);
  forbid(block, length);
  auto after = free_.lower_bound(begin);
  if (after != free_.end() && after->first == begin + length) {
    length += after->second;
    after = free_.erase(after);
  }
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == begin) {
      before->second += length;
      return;
    }
  }
  free_.emplace_hint(after, begin, length);
}

}  // namespace hone
