#include "data/tokenizer/tokenize_lines.h"

#include <istream>
#include <ostream>

#include "kernels/host/json.h"
#include "kernels/host/text.h"

namespace hone::data {

void tokenize_lines(const Tokenizer& tokenizer, std::istream& in, std::ostream& out, SpecialTokens special, bool json) {
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    const std::string where = joined("standard input:", number);
    if (json) {
      const Json row = parse_json(line, where);
      const std::vector<int32_t> ids = tokenizer.encode(JsonView(row, where).text("text"), special);
      OrderedJson result;
      result["ids"] = ids;
      result["decoded"] = tokenizer.decode(ids);
      out << result.dump() << '\n';
      continue;
    }
    require(valid_utf8(line), ExitCode::input, where, ": expected UTF-8, got other bytes. Convert the text to UTF-8");
    const std::vector<int32_t> ids = tokenizer.encode(line, special);
    for (size_t i = 0; i < ids.size(); ++i) out << (i > 0 ? " " : "") << ids[i];
    out << '\n';
  }
  out.flush();
}

}  // namespace hone::data
