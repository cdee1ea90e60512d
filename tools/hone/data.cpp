// hone data check RECIPE [--rows N] [--html FILE] [--json] [--set key=value]…
#include <unistd.h>

#include <iostream>

#include "kernels/host/clock.h"
#include "kernels/host/text.h"
#include "tools/hone/environment.h"
#include "tools/hone/verbs.h"
#include "trainer/report/cells.h"
#include "trainer/report/check_html.h"
#include "trainer/report/row_view.h"
#include "trainer/run/data_check.h"
#include "trainer/run/setup.h"

namespace hone::tools {

namespace {
struct Arguments {
  std::shared_ptr<RecipeArguments> recipe;
  int64_t rows = 3;
  std::string html;
  bool json = false;
};

int64_t limits_set(const recipes::Recipe& recipe) {
  int64_t count = 0;
  const Json limits = recipes::to_json(recipe).at("data").at("check");
  for (const Json& limit : limits) count += !limit.is_null();
  return count;
}

// A line that is drawn again while the files are read, where somebody looks.
class Ticker {
 public:
  void operator()(double share) {
    if (::isatty(STDERR_FILENO) != 1 || since_.seconds() < 0.5) return;
    since_.restart(), shown_ = true;
    std::cerr << "\r\033[Kcheck    " << int(share * 100) << " %" << std::flush;
  }
  void clear() {
    if (std::exchange(shown_, false)) std::cerr << "\r\033[K" << std::flush;
  }

 private:
  Stopwatch since_;
  bool shown_ = false;
};

void print_rows(const data::CheckReport& report, const data::Tokenizer& tokenizer, const trainer::DisplayStyle& style,
                int lines) {
  if (report.shown.empty()) return;
  const std::string rule = style.utf8 ? "─" : "-";
  for (const data::ShownRow& shown : report.shown) {
    const std::string title = trainer::printable(report.row_text(shown));
    std::string line = rule + rule + " " + title + " ";
    for (int used = trainer::cells(title) + 4; used < std::min(style.width, 100); ++used) line += rule;
    std::cout << (style.colour ? "\x1b[90m" + line + "\x1b[0m" : line) << "\n"
              << trainer::row_view(data::rendered(shown.row, tokenizer), style, lines)
              << trainer::printable(data::row_caption(shown.row, tokenizer)) << "\n\n";
  }
  std::cout << trainer::row_legend(style) << "\n";
}

void check(const Arguments& arguments, Exit& exit) {
  require(arguments.rows >= 0 && arguments.rows <= 1000, ExitCode::usage, "--rows must lie in 0 … 1,000, got ",
          arguments.rows);
  const recipes::Recipe recipe = arguments.recipe->read();
  const std::optional<data::Tokenizer> tokenizer = trainer::find_tokenizer(recipe.model.path);
  Ticker ticker;
  const int64_t show = arguments.json && arguments.html.empty() ? 0 : arguments.rows;
  const data::CheckReport report =
      trainer::check_recipe(recipe, tokenizer, {.show = show, .progress = [&](double share) { ticker(share); }});
  ticker.clear();

  trainer::CheckOutcome outcome{
      .exceeded = data::exceeded(trainer::check_limits(recipe), report),
      .limits = limits_set(recipe),
      .max_length = recipe.data.max_length,
      .stops = recipe.data.bad_rows == recipes::BadRows::stop && report.findings[data::Finding::bad_row].rows > 0};
  const bool refused = !outcome.exceeded.empty() || outcome.stops || !report.problem.empty();
  outcome.next = refused ? "" : "hone train " + arguments.recipe->as_typed();
  if (!arguments.html.empty())
    write_text(arguments.html,
               trainer::check_html(report, outcome, fs::path(arguments.recipe->file).filename().string(),
                                   tokenizer ? &*tokenizer : nullptr));
  if (arguments.json) {
    OrderedJson json = report.json();
    json["exceeded"] = OrderedJson::array();
    for (const data::Exceeded& each : outcome.exceeded)
      json["exceeded"].push_back(
          {{"limit", each.limit}, {"allowed", each.allowed}, {"rows", each.rows}, {"of", each.of}});
    json["ok"] = !refused;
    std::cout << json.dump(2) << "\n";
  } else {
    const trainer::Screen screen = standard_output();
    const trainer::DisplayStyle style{screen.width(), screen.utf8, screen.colour};
    if (tokenizer) print_rows(report, *tokenizer, style, screen_lines() - 6);
    std::cout << trainer::check_page(report, outcome, style);
    if (!arguments.html.empty())
      std::cout << "page     " << arguments.html << "   (opens offline; it holds text of rows)\n";
  }
  if (refused) exit.code = ExitCode::input;
}
}  // namespace

void add_data(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("data", "look at what a recipe learns from: hone data check RECIPE");
  verb->require_subcommand(1);
  CLI::App* below = verb->add_subcommand(
      "check", "show rows as the model sees them, and report copies, broken text, secrets, lengths");
  const auto arguments = std::make_shared<Arguments>();
  arguments->recipe = add_recipe_arguments(*below);
  below->add_option("--rows", arguments->rows, "rows to show, the same ones each time; 0: the report alone")
      ->capture_default_str();
  below->add_option("--html", arguments->html, "write rows and report as one page to FILE")->type_name("FILE");
  below->add_flag("--json", arguments->json, "the report for programs: counts, files and lines, no text");
  below->callback([arguments, &exit] { check(*arguments, exit); });
}

}  // namespace hone::tools
