// What a file's bytes tell without a tokenizer: text that is not UTF-8, answers that are empty, and, of a text file,
// which line holds what.
//   check_raw(file, 0, {"assistant"}, pool, findings);
#pragma once
#include <functional>

#include "data/check/findings.h"
#include "kernels/host/thread_pool.h"

namespace hone::data {

// Adds to `findings` at places of file `index`: bad_row, invalid_utf8, empty_answer (of messages of these roles); of
// .txt files, where a row is no line, also broken text, secrets and personal data.
void check_raw(const DataFile& file, int32_t index, const std::vector<std::string>& roles, ThreadPool& pool,
               Findings& findings);

// What a text holds, for lines and for rows: findings and how many strings of them.
struct TextFinding {
  Finding finding;
  int64_t strings;
};
std::vector<TextFinding> text_findings(std::string_view text);

}  // namespace hone::data
