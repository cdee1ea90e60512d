// hone render MODEL_DIR [FILE] [--template FILE] [--set …]: what a model sees and learns of conversations
#include <fstream>
#include <iostream>

#include "data/template/render_lines.h"
#include "tools/hone/verbs.h"
#include "trainer/run/chat_format.h"

namespace hone::tools {

void add_render(CLI::App& app, Exit&) {
  struct Arguments {
    std::string model, file, train_on = "answers";
    recipes::DataSection data;
    bool json = false;
  };
  CLI::App* verb =
      app.add_subcommand("render", "conversations as the model's chat template makes text and tokens of them");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("MODEL_DIR", arguments->model, "folder with a tokenizer and, without --template, a chat template")
      ->required();
  verb->add_option("FILE", arguments->file, "lines {\"messages\"}; without it, or with -, standard input");
  verb->add_option("--template", arguments->data.chat_template, "another template: a file");
  verb->add_option("--variable", arguments->data.chat_variables, "of the template: enable_thinking=false")
      ->type_name("NAME=VALUE");
  verb->add_option("--date", arguments->data.chat_date, "the day that the template sees as today, 2026-11-26");
  verb->add_option("--train-on", arguments->train_on, "what is learned")
      ->check(CLI::IsMember({"answers", "all", "last"}))
      ->capture_default_str();
  verb->add_flag("--parse-special", arguments->data.parse_special_tokens,
                 "strings of special tokens within messages become control tokens");
  verb->add_flag("--json", arguments->json, "a line {\"text\", \"ids\", \"learned\"} or {\"error\"} for each");
  verb->callback([arguments] {
    Arguments& a = *arguments;
    a.data.chat_layout = recipes::ChatLayout::chat_template;
    const data::Tokenizer tokenizer = data::Tokenizer::load(a.model);
    const auto chat = trainer::chat_template_of(a.data, a.model, tokenizer);
    const data::Learn learn{a.train_on == "all"    ? data::TrainOn::all
                            : a.train_on == "last" ? data::TrainOn::last
                                                   : data::TrainOn::answers};
    std::ifstream file;
    const bool standard = a.file.empty() || a.file == "-";
    if (!standard) {
      file.open(a.file);
      require(file.is_open(), ExitCode::input, missing_text(a.file));
    }
    std::cout.exceptions(std::ios::badbit);  // nobody reads any more: stop, the input may be endless
    data::render_lines(*chat, learn, standard ? std::cin : file, std::cout, a.json);
  });
}

}  // namespace hone::tools
