// hone eval RUN_DIR|RECIPE [--set key=value]… [--adapter DIR] [--answers] [--logits FILE] [--json]
#include <cstdio>
#include <iostream>

#include "kernels/host/text.h"
#include "tools/hone/verbs.h"
#include "trainer/evaluation/evaluate.h"
#include "trainer/evaluation/exact_match.h"
#include "trainer/run/corpus.h"

namespace hone::tools {

namespace {
struct EvalArguments {
  std::string logits;
  bool json = false, answers = false;
};

OrderedJson as_json(const trainer::Evaluation& evaluation) {
  OrderedJson rows = OrderedJson::array();
  for (const trainer::RowLoss& row : evaluation.rows)
    rows.push_back({{"row", row.row}, {"loss_sum", row.loss_sum}, {"target_tokens", row.target_tokens}});
  return {{"loss", evaluation.loss},
          {"perplexity", evaluation.perplexity},
          {"target_tokens", evaluation.target_tokens},
          {"rows", rows}};
}

// One tensor a row, named by its place in the order of the rows: (T, vocabulary).
void write_logits(Stream& stream, const trainer::Decoder& model, const std::vector<data::Row>& rows,
                  const fs::path& file) {
  std::vector<checkpoints::HostTensor> tensors;
  for (size_t i = 0; i < rows.size(); ++i)
    tensors.push_back(checkpoints::host_tensor(std::to_string(i),
                                               {int64_t(rows[i].tokens.size()), model.config.vocabulary},
                                               trainer::logits_of(stream, model, rows[i])));
  checkpoints::write_safetensors(file, tensors);
}

void run(const trainer::ModelSource& source, const EvalArguments& arguments) {
  const recipes::Recipe& recipe = source.recipe;
  Stream stream = trainer::make_stream(recipe.model);
  const trainer::Base base(recipe.model.path);
  const std::optional<data::Tokenizer> tokenizer = trainer::find_tokenizer(recipe.model.path);
  const std::vector<data::Row> rows = trainer::evaluation_rows(recipe, base, tokenizer);
  require(!rows.empty(), ExitCode::input,
          "there is no row to evaluate; check data.evaluation and data.evaluation_split");
  const trainer::Decoder model = trainer::load_for_use(stream, recipe, base, source.adapter);
  if (!arguments.logits.empty()) write_logits(stream, model, rows, arguments.logits);
  OrderedJson result = as_json(trainer::evaluate(stream, model, rows));
  std::vector<trainer::Answered> answered;
  if (arguments.answers) {
    answered = trainer::answer_rows(stream, model, rows);
    const auto right = std::ranges::count_if(answered, &trainer::Answered::right);
    result["answers"] = answered.size();
    result["right"] = right;
    result["exact_match"] = answered.empty() ? 0.0 : double(right) / double(answered.size());
  }
  if (arguments.json) {
    std::cout << result.dump() << '\n';
    return;
  }
  std::printf("loss %.6f   perplexity %.4f   %s target tokens in %zu rows\n", result["loss"].get<double>(),
              result["perplexity"].get<double>(), with_commas(result["target_tokens"].get<int64_t>()).c_str(),
              rows.size());
  if (!arguments.answers) return;
  if (tokenizer)
    for (size_t i = 0; i < std::min<size_t>(5, answered.size()); ++i)
      std::printf(
          "  %-5s  %s → %s%s\n", answered[i].right() ? "right" : "wrong",
          tokenizer->decode(answered[i].question, true).c_str(), tokenizer->decode(answered[i].answer, true).c_str(),
          answered[i].right() ? "" : ("   (expected " + tokenizer->decode(answered[i].expected, true) + ")").c_str());
  std::printf("exact match %.1f %% (%lld of %zu questions)\n", 100 * result["exact_match"].get<double>(),
              static_cast<long long>(result["right"].get<int64_t>()), answered.size());
}
}  // namespace

void add_eval(CLI::App& app, Exit&) {
  CLI::App* verb =
      app.add_subcommand("eval", "measure the loss on held-out rows: of a run's result, of an adapter, or of the base");
  const auto what = add_source_arguments(*verb, recipes::Needs::all);
  const auto options = std::make_shared<EvalArguments>();
  verb->add_flag("--answers", options->answers,
                 "also answer each row and count those that equal the expected answer; shows five of them");
  verb->add_option("--logits", options->logits,
                   "also write every row's logits to this safetensors file, to hold them against another program's");
  verb->add_flag("--json", options->json, "one JSON object with every row, for scripts");
  verb->callback([what, options] { run(what->read(), *options); });
}

}  // namespace hone::tools
