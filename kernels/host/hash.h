// Hashes: xxh3 finds damage, sha256 identifies content. Both as lower-case hexadecimal text.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace hone {

// 128-bit XXH3, fed piece by piece. For damage, not for an adversary.
class Xxh3 {
 public:
  Xxh3();
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  std::string hex() const;  // of what was added so far, 32 digits

 private:
  std::shared_ptr<void> state_;
};

// SHA-256, fed piece by piece.
class Sha256 {
 public:
  Sha256();
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  std::string hex();  // ends the hash, 64 digits

 private:
  std::shared_ptr<void> state_;
};

std::string xxh3_of(std::string_view text);
std::string sha256_of(std::string_view text);

}  // namespace hone
