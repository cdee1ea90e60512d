#include "data/tokenizer/model.h"

#include "data/tokenizer/bpe.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/unigram.h"

namespace hone::data {

std::unique_ptr<const Model> read_model(const JsonView& model, Alphabet alphabet) {
  const std::string type = model.text_or("type", model.at("vocab").value().is_array() ? "Unigram" : "BPE");
  if (type == "BPE") return std::make_unique<Bpe>(model, alphabet);
  if (type == "Unigram") return Unigram::read(model, alphabet);
  fail_unknown_type(model, "BPE, Unigram");
}

}  // namespace hone::data
