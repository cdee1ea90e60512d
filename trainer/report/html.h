// report.html: the morning's report as one file that opens offline, light or dark, and prints. No script, nothing
// fetched (a content security policy says so), every string of a file or a recipe escaped.
//   write_text(run / "report.html", report_html(read_run(run)));
#pragma once
#include <string>

#include "trainer/report/run_record.h"

namespace hone::trainer {

std::string report_html(const RunRecord& run);

}  // namespace hone::trainer
