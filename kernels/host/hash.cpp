#include "kernels/host/hash.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <array>

#include "kernels/host/error.h"

namespace hone {

namespace {
std::string hexadecimal(std::span<const unsigned char> bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) text += {kDigits[byte >> 4], kDigits[byte & 15]};
  return text;
}
XXH3_state_t* xxh(void* state) { return static_cast<XXH3_state_t*>(state); }
EVP_MD_CTX* evp(void* state) { return static_cast<EVP_MD_CTX*>(state); }
}  // namespace

Xxh3::Xxh3() : state_(XXH3_createState(), [](void* state) { XXH3_freeState(xxh(state)); }) {
  require(state_ && XXH3_128bits_reset(xxh(state_.get())) == XXH_OK, "[hash] XXH3 could not be started");
}
void Xxh3::add(std::span<const std::byte> bytes) { XXH3_128bits_update(xxh(state_.get()), bytes.data(), bytes.size()); }
std::string Xxh3::hex() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(xxh(state_.get())));
  return hexadecimal(canonical.digest);
}

Sha256::Sha256() : state_(EVP_MD_CTX_new(), [](void* state) { EVP_MD_CTX_free(evp(state)); }) {
  require(state_ && EVP_DigestInit_ex(evp(state_.get()), EVP_sha256(), nullptr) == 1,
          "[hash] SHA-256 could not be started");
}
void Sha256::add(std::span<const std::byte> bytes) { EVP_DigestUpdate(evp(state_.get()), bytes.data(), bytes.size()); }
std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(evp(state_.get()), digest.data(), nullptr);
  return hexadecimal(digest);
}

std::string xxh3_of(std::string_view text) {
  Xxh3 hash;
  hash.add(text);
  return hash.hex();
}
std::string sha256_of(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  return hash.hex();
}

}  // namespace hone
