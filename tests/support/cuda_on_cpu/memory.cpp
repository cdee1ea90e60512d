// Shared memory and asynchronous copies of the block that runs.
#include <cstdlib>
#include <cstring>

#include "engine.h"

namespace hone::cuda_on_cpu {

void land(const AsyncCopy& copy);  // copies.cpp

namespace {
// A heap block of the exact size, so that the address sanitizer sees an overrun; NaN in every float type, -1 in
// integers.
void* fresh(size_t bytes) {
  const UnseenAccess unseen;
  void* p = nullptr;
  if (::posix_memalign(&p, 128, bytes ? bytes : 1) != 0) std::abort();
  std::memset(p, 0xff, bytes);
  return p;
}
bool aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }
}  // namespace

void Engine::release_arrays() {
  const UnseenAccess unseen;
  for (const Array& a : arrays) std::free(a.data);
  for (const Array& a : statics) std::free(a.data);
  arrays.clear();
  statics.clear();
}

void* shared_array(size_t ordinal, size_t bytes, size_t carved_before) {
  Engine& e = engine();
  if (carved_before + bytes > e.dynamic_bytes)
    fault("carves " + std::to_string(carved_before + bytes) + " bytes of shared memory, launched with " +
          std::to_string(e.dynamic_bytes));
  const UnseenAccess unseen;
  if (ordinal == e.arrays.size()) e.arrays.push_back({fresh(bytes), bytes, nullptr});
  if (ordinal > e.arrays.size() || e.arrays[ordinal].bytes != bytes) fault("threads carve shared memory differently");
  return e.arrays[ordinal].data;
}

void* static_shared(const void* key, size_t bytes) {
  Engine& e = engine();
  for (const Array& a : e.statics)
    if (a.key == key) return a.data;
  e.statics.push_back({fresh(bytes), bytes, key});
  return e.statics.back().data;
}

bool in_shared(const void* p, size_t bytes) {
  const Engine& e = engine();
  const char* const begin = static_cast<const char*>(p);
  for (const auto* list : {&e.arrays, &e.statics})
    for (const Array& a : *list) {
      const char* const data = static_cast<const char*>(a.data);
      if (begin >= data && begin + bytes <= data + a.bytes) return true;
    }
  return false;
}

void copy_async(void* to, const void* from, size_t bytes, bool valid) {
  ++ledger().copy_async;
  if (bytes != 16 || !aligned(to) || (valid && !aligned(from)))
    fault("copy_async_16: an address is not a multiple of 16");
  if (!in_shared(to, bytes)) fault("copy_async_16: the destination is not in this block's shared memory");
  AsyncCopy copy{to, valid ? from : nullptr};
  Arrival arrival = settings().arrival;
  if (arrival == Arrival::random) {
    static thread_local uint64_t state = 88172645463325252ull;  // xorshift, Marsaglia 2003
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    arrival = (state ^ settings().seed) & 1 ? Arrival::eager : Arrival::lazy;
  }
#if defined(CUDA_ON_CPU_TSAN)
  land(copy);  // a write at the issue and another at the wait: both must be free of races
#else
  if (arrival == Arrival::eager) land(copy);
#endif
  if (arrival == Arrival::eager) copy.to = nullptr;
  self->open_group.push_back(copy);
}

void copy_async_commit() {
  self->groups.push_back(std::move(self->open_group));
  self->open_group.clear();
}

void copy_async_wait(int pending) {
  while (int(self->groups.size()) > pending) {
    for (const AsyncCopy& copy : self->groups.front())
      if (copy.to) land(copy);
    self->groups.erase(self->groups.begin());
  }
}

}  // namespace hone::cuda_on_cpu
