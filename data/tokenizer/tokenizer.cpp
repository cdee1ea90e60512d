#include "data/tokenizer/tokenizer.h"

#include <algorithm>
#include <mutex>

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/bpe.h"
#include "data/tokenizer/decoder.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/post_processor.h"
#include "data/tokenizer/pre_tokenizer.h"
#include "data/tokenizer/unicode.h"
#include "kernels/host/hash.h"
#include "kernels/host/json.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr size_t kLargestFile = size_t(64) << 20, kLongestText = size_t(256) << 20;
// Of JSON: a token is one, a merge up to three. The largest vocabularies there are have 2 million; a file of nothing
// but short values would take twenty times its bytes in memory.
constexpr size_t kMostValues = size_t(4) << 20;

Json parsed(const std::string& text, const std::string& where) {
  return parse_json(text, where, {.bytes = kLargestFile, .depth = 32, .values = kMostValues});
}

std::optional<Json> read_beside(const fs::path& file, const char* name) {
  const fs::path path = file.parent_path() / name;
  if (!fs::exists(path)) return {};
  return read_json(path, {.bytes = kLargestFile});
}
}  // namespace

namespace {
// Lent to one thread at a time, so that nobody waits while text is encoded; as many as threads ever encoded at once.
class Scratches {
 public:
  class Loan {
   public:
    explicit Loan(Scratches& from) : from_(from), scratch_(from.take()) {}
    Loan(const Loan&) = delete;
    ~Loan() { from_.give_back(std::move(scratch_)); }
    Bpe::Scratch& operator*() const { return *scratch_; }

   private:
    Scratches& from_;
    std::unique_ptr<Bpe::Scratch> scratch_;
  };

 private:
  std::unique_ptr<Bpe::Scratch> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
      free_.reserve(++made_);  // so that giving back never allocates
      return std::make_unique<Bpe::Scratch>();
    }
    auto scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void give_back(std::unique_ptr<Bpe::Scratch> scratch) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(scratch));
  }
  std::mutex mutex_;
  std::vector<std::unique_ptr<Bpe::Scratch>> free_;
  size_t made_ = 0;
};
}  // namespace

struct Tokenizer::Parts {
  // The members' order matters: each constructor needs those before it.
  Parts(const JsonView& file, std::string bytes_hash)
      : hash(std::move(bytes_hash)),
        normalizer(file.has("normalizer") ? read_normalizer(file.at("normalizer")) : Normalizer()),
        pre_tokenizer(file.has("pre_tokenizer") ? read_pre_tokenizer(file.at("pre_tokenizer")) : PreTokenizer()),
        bpe(file.at("model"), pre_tokenizer.alphabet),
        decoder(file.has("decoder") ? read_decoder(file.at("decoder")) : Decoder()),
        around(file.has("post_processor") ? read_post_processor(file.at("post_processor")) : Surroundings()),
        added(file, bpe.vocabulary(), normalizer) {}

  std::optional<int32_t> id(std::string_view token) const {
    const std::optional<int32_t> beyond = added.beyond_model().id(token);
    return beyond ? beyond : bpe.vocabulary().id(token);
  }
  const std::string* token(int32_t id) const {
    const std::string* own = bpe.vocabulary().token(id);
    return own ? own : added.beyond_model().token(id);
  }

  std::string hash;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  Decoder decoder;
  Surroundings around;
  AddedTokens added;
  std::optional<int32_t> bos, eos;
  mutable Scratches scratches;
};

namespace {
// The id of "bos_token" or "eos_token": the configuration of the tokenizer first, then those of the model.
std::optional<int32_t> named_token(const fs::path& file, const std::string& name, const auto& id_of) {
  if (const std::optional<Json> config = read_beside(file, "tokenizer_config.json"); config && config->is_object()) {
    if (const auto entry = config->find(name); entry != config->end()) {
      if (entry->is_null()) return {};
      const JsonView view(*entry, (file.parent_path() / "tokenizer_config.json").string(), name);
      const std::string& token = entry->is_object() ? view.text("content") : view.as_text();
      const std::optional<int32_t> id = id_of(token);
      require(id.has_value(), ExitCode::input, view.where(), ": ", name, ": expected a token of tokenizer.json, got \"",
              token, "\". Add it to tokenizer.json, or correct ", name);
      return id;
    }
  }
  for (const char* config_name : {"generation_config.json", "config.json"}) {
    const std::optional<Json> config = read_beside(file, config_name);
    if (!config || !config->is_object()) continue;
    const JsonView view(*config, (file.parent_path() / config_name).string());
    const auto entry = view.find(name + "_id");
    if (!entry) continue;
    if (!entry->value().is_array()) return int32_t(entry->as_integer(0, Vocabulary::kLargestId));
    if (const auto ids = entry->items(); !ids.empty()) return int32_t(ids[0].as_integer(0, Vocabulary::kLargestId));
  }
  return {};
}
}  // namespace

Tokenizer Tokenizer::load(const fs::path& folder_or_file) {
  const fs::path path = fs::is_directory(folder_or_file) ? folder_or_file / "tokenizer.json" : folder_or_file;
  const std::string text = read_text(path, kLargestFile);
  const Json json = parsed(text, path.string());
  const JsonView file(json, path.string());
  const std::string version = file.text_or("version", "1.0");
  require(version == "1.0", ExitCode::input, path.string(), ": version: expected \"1.0\", got \"", excerpt(version),
          "\". Save it again with a current Hugging Face tokenizers library");
  const auto parts = std::make_shared<Parts>(file, xxh3_of(text));
  const auto id_of = [&](std::string_view token) { return parts->id(token); };
  parts->bos = named_token(path, "bos_token", id_of);
  parts->eos = named_token(path, "eos_token", id_of);
  return Tokenizer(parts);
}

namespace {
// The places in [begin, end), counted from begin; `next` is the first of them and then the first after them.
std::vector<uint32_t> places_in(std::span<const uint32_t> places, size_t& next, Range range) {
  std::vector<uint32_t> inside;
  for (; next < places.size() && places[next] < range.end; ++next) inside.push_back(places[next] - range.begin);
  return inside;
}
}  // namespace

// One call of encode, from the raw text inwards.
class Tokenizer::Encoding {
 public:
  explicit Encoding(const Parts& parts, std::span<const int32_t> controls = {})
      : parts_(parts), controls_(controls), scratch_(parts.scratches) {}

  void add(std::string_view text, std::span<const Range> plain, std::span<const uint32_t> places) {
    size_t next = 0, next_plain = 0;
    for (const TokenSearch::Part& part : parts_.added.raw().split(text, plain, controls_)) {
      std::vector<uint32_t> inside = places_in(places, next, part.range);
      if (part.token) {
        add_token(*part.token, inside.size());
        continue;
      }
      std::vector<Range> plain_inside;
      for (; next_plain < plain.size() && plain[next_plain].begin < part.range.end; ++next_plain) {
        const Range range{std::max(plain[next_plain].begin, part.range.begin),
                          std::min(plain[next_plain].end, part.range.end)};
        if (range.begin < range.end)
          plain_inside.push_back({range.begin - part.range.begin, range.end - part.range.begin});
        if (plain[next_plain].end > part.range.end) break;  // it goes on in the next part
      }
      add_raw(text.substr(part.range.begin, part.range.end - part.range.begin), part.range.begin == 0, plain_inside,
              inside);
    }
    result_.tokens.resize(places.size(), result_.ids.size());
  }
  MarkedIds take() { return std::move(result_); }

 private:
  void add_token(const AddedToken& token, size_t places) {
    result_.tokens.insert(result_.tokens.end(), places, result_.ids.size());
    result_.ids.push_back(token.id);
  }

  // Text between the tokens that are searched in raw text.
  void add_raw(std::string_view text, bool starts, std::vector<Range> plain, const std::vector<uint32_t>& places) {
    const TokenSearch& search = parts_.added.normalized();
    std::vector<uint32_t> marks = places;
    if (search.empty()) plain.clear();
    for (const Range range : plain) marks.insert(marks.end(), {range.begin, range.end});
    std::sort(marks.begin(), marks.end());
    NormalizedText piece(std::string(text), starts, marks);
    if (parts_.normalizer) parts_.normalizer(piece);
    require(piece.text.size() < UINT32_MAX / 2, ExitCode::input, "[tokenizer] a text grew to ",
            bytes_text(piece.text.size()), " when it was normalised. Split it into shorter rows");
    const auto carried = [&](uint32_t place) {
      return piece.marks[size_t(std::lower_bound(marks.begin(), marks.end(), place) - marks.begin())];
    };
    if (search.empty()) return add_piece(PreTokens(std::move(piece.text), piece.at_start, std::move(piece.marks)));
    for (Range& range : plain) range = {carried(range.begin), carried(range.end)};
    std::vector<uint32_t> inner;
    for (const uint32_t place : places) inner.push_back(carried(place));
    size_t next = 0;
    for (const TokenSearch::Part& part : search.split(piece.text, plain, controls_)) {
      std::vector<uint32_t> inside = places_in(inner, next, part.range);
      if (part.token) {
        add_token(*part.token, inside.size());
      } else {
        add_piece(PreTokens(piece.text.substr(part.range.begin, part.range.end - part.range.begin),
                            piece.at_start && part.range.begin == 0, std::move(inside)));
      }
    }
    result_.tokens.resize(result_.tokens.size() + inner.size() - next, result_.ids.size());  // those at its end
  }

  void add_piece(PreTokens tokens) {
    if (parts_.pre_tokenizer.cut) parts_.pre_tokenizer.cut(tokens);
    const std::span<const Range> pieces = tokens.pieces;
    const std::span<const uint32_t> marks = tokens.marks;
    size_t done = 0, next = 0;
    const auto encode_until = [&](size_t end) {
      if (done < end) parts_.bpe.encode(tokens.text, pieces.subspan(done, end - done), result_.ids, *scratch_);
      done = end;
    };
    for (size_t i = 0; i < pieces.size() && next < marks.size(); ++i) {
      if (marks[next] >= pieces[i].end) continue;
      encode_until(i);
      for (; next < marks.size() && marks[next] <= pieces[i].begin; ++next)
        result_.tokens.push_back(result_.ids.size());
      const std::vector<uint32_t> inside = places_in(marks, next, pieces[i]);
      if (inside.empty()) continue;
      parts_.bpe.encode_marked(tokens.piece(i), inside, result_.ids, result_.tokens, *scratch_);
      done = i + 1;
    }
    encode_until(pieces.size());
    result_.tokens.resize(result_.tokens.size() + marks.size() - next, result_.ids.size());
  }

  const Parts& parts_;
  std::span<const int32_t> controls_;
  Scratches::Loan scratch_;
  MarkedIds result_;
};

namespace {
void check_text(std::string_view text) {
  require(text.size() <= kLongestText, ExitCode::input, "[tokenizer] expected a text of at most ",
          bytes_text(kLongestText), ", got ", bytes_text(text.size()), ". Split it into shorter rows");
  require(valid_utf8(text), ExitCode::input,
          "[tokenizer] expected a text in UTF-8, got other bytes. Convert the text to UTF-8");
}
}  // namespace

std::vector<int32_t> Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  check_text(text);
  const Range all{0, uint32_t(text.size())};
  Encoding encoding(*parts_);
  encoding.add(text, special == SpecialTokens::parse ? std::span<const Range>() : std::span(&all, 1), {});
  return encoding.take().ids;
}

MarkedIds Tokenizer::encode_marked(std::string_view text, std::span<const Range> plain,
                                   std::span<const uint32_t> places, std::span<const int32_t> controls) const {
  check_text(text);
  for (size_t i = 0; i < plain.size(); ++i)
    require(
        plain[i].begin <= plain[i].end && plain[i].end <= text.size() && (i == 0 || plain[i - 1].end <= plain[i].begin),
        "[tokenizer] plain ranges must ascend within the text");
  std::vector<uint32_t> starts(places.begin(), places.end());
  for (size_t i = 0; i < starts.size(); ++i) {
    require(starts[i] <= text.size() && (i == 0 || starts[i - 1] <= starts[i]),
            "[tokenizer] places must ascend within the text");
    while (starts[i] < text.size() && (static_cast<unsigned char>(text[starts[i]]) & 0xC0) == 0x80) --starts[i];
  }
  Encoding encoding(*parts_, controls);
  encoding.add(text, plain, starts);
  return encoding.take();
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  for (const int32_t id : ids) {
    if (const std::string* normalised = parts_->added.decoded(id)) {
      tokens.push_back(*normalised);  // the library, which asks by the string, does not see that it is special
    } else if (const std::string* token = parts_->token(id); token && !(skip_special && is_special(id))) {
      tokens.push_back(*token);
    }
  }
  if (parts_->decoder) parts_->decoder(tokens);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !parts_->decoder) text += ' ';  // without a decoder, tokens are words
    text += tokens[i];
  }
  return text;
}

std::vector<int32_t> Tokenizer::prefix() const { return parts_->around.prefix; }
std::vector<int32_t> Tokenizer::suffix() const { return parts_->around.suffix; }
std::optional<int32_t> Tokenizer::id(std::string_view token) const { return parts_->id(token); }
std::string Tokenizer::token(int32_t id) const {
  const std::string* token = parts_->token(id);
  return token ? *token : std::string();
}
std::optional<int32_t> Tokenizer::bos() const { return parts_->bos; }
std::optional<int32_t> Tokenizer::eos() const { return parts_->eos; }
bool Tokenizer::is_special(int32_t id) const { return parts_->added.is_special(id); }
bool Tokenizer::is_added(int32_t id) const { return parts_->added.has(id); }
int64_t Tokenizer::vocabulary() const {
  return std::max(parts_->bpe.vocabulary().largest_id(), parts_->added.beyond_model().largest_id()) + 1;
}
const std::string& Tokenizer::hash() const { return parts_->hash; }

}  // namespace hone::data
