// The decoder of tokenizer.json: from the tokens' strings to text.
//   const Decoder decode = read_decoder(view.at("decoder"));
//   std::vector<std::string> tokens = {"Hello", "Ġthere"};
//   decode(tokens);                                 // ByteLevel: {"Hello there"}; the text is the strings joined
// Kinds: ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, BPEDecoder, WordPiece, CTC, Sequence. Others are
// refused (ExitCode::input).
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernels/host/json.h"

namespace hone::data {

using Decoder = std::function<void(std::vector<std::string>&)>;  // const and safe to call from several threads

Decoder read_decoder(const JsonView& decoder);

Decoder byte_level_decoder();

// The byte that a token such as "<0x0A>" stands for.
std::optional<char> fallback_byte(std::string_view token);

}  // namespace hone::data
