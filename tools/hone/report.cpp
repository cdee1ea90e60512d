// hone report RUN_DIR: the page of the morning, and report.html
#include <iostream>

#include "tools/hone/environment.h"
#include "tools/hone/verbs.h"
#include "trainer/report/cells.h"
#include "trainer/report/html.h"

namespace hone::tools {

void add_report(CLI::App& app, Exit&) {
  CLI::App* verb = app.add_subcommand("report", "what a run did: a page here, curves and all in its report.html");
  const auto folder = std::make_shared<std::string>();
  const auto out = std::make_shared<std::string>();
  verb->add_option("RUN_DIR", *folder, "output.dir of a run, finished or not")->required();
  verb->add_option("--out", *out, "file to write (RUN_DIR/report.html)");
  verb->callback([folder, out] {
    const trainer::RunRecord run = trainer::read_run(*folder);
    const fs::path page = out->empty() ? run.folder / "report.html" : fs::path(*out);
    write_text(page, trainer::report_html(run));
    const std::string text = trainer::morning_page(run, page);
    std::cout << (standard_output().utf8 ? text : trainer::plain_ascii(text));
  });
}

}  // namespace hone::tools
