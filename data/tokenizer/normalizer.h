// The normalizer of tokenizer.json: how text is changed before it is split.
//   const Normalizer normalize = read_normalizer(view.at("normalizer"));
//   NormalizedText text("ﬁne", true);
//   normalize(text);                                // {"type": "NFKC"} makes it "fine"
// Kinds: NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, ByteLevel, Nmt, Precompiled,
// BertNormalizer, Sequence. Others are refused (ExitCode::input).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/host/json.h"

namespace hone::data {

struct NormalizedText {
  NormalizedText(std::string whole, bool starts, std::vector<uint32_t> places = {})
      : text(std::move(whole)),
        marks(std::move(places)),
        at_start(starts),
        limit(text.size() * 32 + (size_t(1) << 20)) {}
  // A chain of replacements in a hostile file could multiply a text without end.
  void check_growth(size_t size) const;

  std::string text;
  // Places in the text, ascending, which every change carries along: what stood for the text from there on still does.
  std::vector<uint32_t> marks;
  bool at_start;  // the first byte still stands for the first byte of the whole input: Metaspace's "first" asks for it
  size_t limit;   // of bytes that the text may grow to
};
using Normalizer = std::function<void(NormalizedText&)>;  // const and safe to call from several threads

Normalizer read_normalizer(const JsonView& normalizer);

// For all readers of typed parts: "<where>: <path>.type: expected one of <known>, got "<type>". …"
[[noreturn]] void fail_unknown_type(const JsonView& part, std::string_view known);

}  // namespace hone::data
