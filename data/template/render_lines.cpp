#include "data/template/render_lines.h"

#include "data/rows/kinds/kinds.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
struct Asked {
  Conversation conversation;
  bool generation_prompt = false;
};

Asked asked_of(const std::string& line) {
  OrderedJson row = parse_ordered_json(line, "row");
  if (!row.is_object() || !row.contains("messages") || !row.at("messages").is_array())
    fail(ExitCode::input, R"(expected {"messages": [{"role": …, "content": …}, …]})");
  Asked asked;
  for (const auto& [key, value] : row.items()) {
    if (key == "messages") {
      asked.conversation.messages = value;
    } else if (key == "tools") {
      asked.conversation.tools = value;
    } else if (key == "add_generation_prompt") {
      if (!value.is_boolean()) fail(ExitCode::input, "add_generation_prompt: expected true or false");
      asked.generation_prompt = value.get<bool>();
    } else if (key == "chat_template_kwargs" && value.is_object()) {
      for (const auto& [name, variable] : value.items()) asked.conversation.variables[name] = variable;
    } else {
      asked.conversation.variables[key] = value;
    }
  }
  return asked;
}

// As training reads it.
Asked read_as_rows(const std::string& line) {
  static const RowReader reader(RowKind::messages);
  return {std::get<Conversation>(reader.parse(line).at(0)), false};
}

void print(std::ostream& out, const ChatTemplate& chat, const ChatTemplate::Rendered& row) {
  const int64_t learned = std::count(row.learned.begin(), row.learned.end(), true);
  std::vector<std::pair<bool, std::vector<int32_t>>> runs;
  for (size_t i = 0; i < row.ids.size(); ++i) {
    if (runs.empty() || runs.back().first != row.learned[i]) runs.push_back({row.learned[i], {}});
    runs.back().second.push_back(row.ids[i]);
  }
  std::string ids;
  for (const auto& [is_learned, tokens] : runs) {
    out << (is_learned ? "«" : "") << chat.tokenizer().decode(tokens) << (is_learned ? "»" : "");
    for (const int32_t id : tokens) ids += joined(ids.empty() ? "" : " ", is_learned ? "*" : "", id);
  }
  out << "\n" << with_commas(int64_t(row.ids.size())) << " tokens, " << with_commas(learned) << " learned";
  if (!row.ids.empty())
    out << ", ends with "
        << OrderedJson(chat.tokenizer().decode({&row.ids.back(), 1}))
               .dump(-1, ' ', false, OrderedJson::error_handler_t::replace)
        << (row.learned.back() ? " (learned)" : " (not learned)");
  if (!row.problem.empty()) out << "\nlook: " << row.problem;
  out << "\nids  " << ids << "\n\n";
}
}  // namespace

void render_lines(const ChatTemplate& chat, const Learn& learn, std::istream& in, std::ostream& out, bool json) {
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      const Asked asked = json ? asked_of(line) : read_as_rows(line);
      const ChatTemplate::Rendered row = chat.render(asked.conversation, learn, asked.generation_prompt);
      if (!json) {
        out << "line " << number << "\n";
        print(out, chat, row);
        continue;
      }
      OrderedJson answer{{"text", row.text}, {"ids", row.ids}};
      answer["learned"] = std::vector<int>(row.learned.begin(), row.learned.end());
      if (!row.problem.empty()) answer["problem"] = row.problem;
      out << answer.dump() << '\n';
    } catch (const Error& error) {
      if (!json) fail(error.code(), "line ", number, ": ", error.what());
      out << OrderedJson{{"error", error.what()}}.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) << '\n';
    }
    if (json) out.flush();
  }
}

}  // namespace hone::data
