// Base 64 (RFC 4648, section 4): standard alphabet, padded.
//   base64_bytes("SGk=");                           // "Hi"
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hone::data {

std::optional<std::string> base64_bytes(std::string_view text);  // empty where it is something else

}  // namespace hone::data
