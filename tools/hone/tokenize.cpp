// hone tokenize MODEL_DIR [--special parse|text] [--json]: lines in, ids out
#include <iostream>

#include "data/tokenizer/tokenize_lines.h"
#include "tools/hone/verbs.h"

namespace hone::tools {

void add_tokenize(CLI::App& app, Exit&) {
  struct Arguments {
    std::string model, special = "parse";
    bool json = false;
  };
  CLI::App* verb = app.add_subcommand("tokenize", "lines of text in, lines of token ids out");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("MODEL_DIR", arguments->model, "folder with a tokenizer.json")->required();
  verb->add_option("--special", arguments->special,
                   "strings of special tokens: parse makes them ids, text leaves them text")
      ->check(CLI::IsMember({"parse", "text"}))
      ->capture_default_str();
  verb->add_flag("--json", arguments->json, "lines {\"text\"} in, lines {\"ids\", \"decoded\"} out");
  verb->callback([arguments] {
    const data::Tokenizer tokenizer = data::Tokenizer::load(arguments->model);
    std::cout.exceptions(std::ios::badbit);  // nobody reads any more: stop, the input may be endless
    data::tokenize_lines(tokenizer, std::cin, std::cout,
                         arguments->special == "parse" ? data::SpecialTokens::parse : data::SpecialTokens::text,
                         arguments->json);
  });
}

}  // namespace hone::tools
