// What a tokenizer is made of once its files are read, and how a text goes through it.
#pragma once
#include <mutex>

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/decoder.h"
#include "data/tokenizer/model.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/post_processor.h"
#include "data/tokenizer/pre_tokenizer.h"
#include "data/tokenizer/tokenizer.h"

namespace hone::data {

// Lent to one thread at a time, so that nobody waits while text is encoded; as many as threads ever encoded at once.
class Scratches {
 public:
  class Loan {
   public:
    explicit Loan(Scratches& from) : from_(from), scratch_(from.take()) {}
    Loan(const Loan&) = delete;
    ~Loan() { from_.give_back(std::move(scratch_)); }
    Scratch& operator*() const { return *scratch_; }

   private:
    Scratches& from_;
    std::unique_ptr<Scratch> scratch_;
  };

 private:
  std::unique_ptr<Scratch> take();
  void give_back(std::unique_ptr<Scratch> scratch);
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_;
  size_t made_ = 0;
};

struct TokenizerParts {
  std::string hash;  // of the tokenizer's file
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<const Model> model;
  Decoder decoder;
  Surroundings around;
  std::unique_ptr<const AddedTokens> added;
  bool special_by_string = false;  // left out of decoded text is what has a special token's string, whatever its id
  std::optional<int32_t> bos, eos;
  mutable Scratches scratches;

  std::optional<int32_t> id(std::string_view token) const;
  const std::string* token(int32_t id) const;  // null where there is none
};

// Reads tokenizer.json, tokenizer.model or tekken.json, and what stands beside it.
std::shared_ptr<const TokenizerParts> load_tokenizer(const fs::path& file);

// As Tokenizer::encode_marked, of checked arguments.
MarkedIds encode_text(const TokenizerParts& parts, std::string_view text, std::span<const Range> plain,
                      std::span<const uint32_t> places, std::span<const int32_t> controls = {});

}  // namespace hone::data
