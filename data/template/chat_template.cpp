#include "data/template/chat_template.h"

#include <algorithm>

#include "data/template/answer_spans.h"
#include "data/tokenizer/tokenizer_config.h"
#include "kernels/host/hash.h"

namespace hone::data {

namespace {
constexpr size_t kLargestTemplate = size_t(1) << 20, kLargestConfig = size_t(64) << 20;
constexpr std::array kReasoning{"reasoning_content", "thinking", "reasoning"};

// As apply_chat_template hands messages to a template: without keys that are null, and what a message thinks under each
// of the names that templates know.
OrderedJson plain_messages(const OrderedJson& messages) {
  OrderedJson plain = OrderedJson::array();
  for (const OrderedJson& message : messages) {
    if (!message.is_object()) fail(ExitCode::input, "messages[", plain.size(), "]: expected an object");
    OrderedJson kept = OrderedJson::object();
    const OrderedJson* reasoning = nullptr;
    for (const char* name : kReasoning)
      if (const auto found = message.find(name); !reasoning && found != message.end() && !found->is_null())
        reasoning = &*found;
    if (reasoning) kept["thinking"] = *reasoning;
    for (const auto& [key, value] : message.items())
      if (!value.is_null()) kept[key] = value;
    if (reasoning) kept["reasoning_content"] = *reasoning;
    plain.push_back(std::move(kept));
  }
  return plain;
}

// The texts of special tokens by their names, as templates use them.
OrderedJson special_tokens(const fs::path& folder, const Tokenizer& tokenizer) {
  OrderedJson tokens = OrderedJson::object();
  if (tokenizer.bos()) tokens["bos_token"] = tokenizer.token(*tokenizer.bos());
  if (tokenizer.eos()) tokens["eos_token"] = tokenizer.token(*tokenizer.eos());
  const TokenizerConfig config(folder);
  for (const auto& [name, token, where] : config.specials) {
    if (name.empty()) continue;
    if (token)
      tokens[name] = token->content;
    else
      tokens.erase(name);
  }
  return tokens;
}

bool says_something(const OrderedJson& message) {
  const auto content = message.find("content");
  return content != message.end() && content->is_string() &&
         content->get_ref<const std::string&>().find_first_not_of(" \t\r\n") != std::string::npos;
}

struct Sources {
  std::map<std::string, std::string> texts;  // by name
  std::string where;
};

std::string template_file(const fs::path& path) { return read_text(path, kLargestTemplate); }

Sources sources_of(const fs::path& folder) {
  Sources sources;
  if (const fs::path path = folder / "chat_template.jinja"; fs::exists(path)) {
    sources.where = path.filename().string();
    sources.texts["default"] = template_file(path);
  }
  if (const fs::path more = folder / "additional_chat_templates"; fs::is_directory(more))
    for (const fs::directory_entry& entry : fs::directory_iterator(more))
      if (entry.path().extension() == ".jinja")
        sources.texts[entry.path().stem().string()] = template_file(entry.path());
  if (!sources.texts.empty()) {
    if (sources.where.empty()) sources.where = "additional_chat_templates";
    return sources;
  }
  const fs::path path = folder / "tokenizer_config.json";
  if (!fs::exists(path)) return sources;
  const Json config = read_json(path, {.bytes = kLargestConfig});
  require(config.is_object(), ExitCode::input, path.string(), ": expected an object");
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return sources;
  sources.where = "tokenizer_config.json";
  const std::string where = (folder / sources.where).string() + ": chat_template";
  if (found->is_string()) {
    sources.texts["default"] = found->get<std::string>();
    return sources;
  }
  const auto text_at = [&](const Json& entry, const char* key) {
    const auto text = entry.is_object() ? entry.find(key) : entry.end();
    require(entry.is_object() && text != entry.end() && text->is_string(), ExitCode::input, where,
            R"(: expected a text, or a list of {"name": …, "template": …})");
    return text->get<std::string>();
  };
  require(found->is_array(), ExitCode::input, where, R"(: expected a text, or a list of {"name": …, "template": …})");
  for (const Json& entry : *found) sources.texts[text_at(entry, "name")] = text_at(entry, "template");
  return sources;
}
}  // namespace

std::shared_ptr<const ChatTemplate> ChatTemplate::find(const fs::path& folder, const Tokenizer& tokenizer,
                                                       const ChatTemplateOptions& options) {
  Sources sources = options.source.empty() ? sources_of(folder) : Sources{{{"default", options.source}}, options.name};
  if (sources.texts.empty()) return nullptr;
  Templates templates;
  Xxh3 hash;
  for (auto& [name, text] : sources.texts) {
    hash.add(name + '\0' + text + '\0');
    const std::string where = sources.texts.size() > 1 ? sources.where + " (" + name + ")" : sources.where;
    templates.emplace(name, jinja::Template::parse(text, where));
  }
  return std::shared_ptr<const ChatTemplate>(
      new ChatTemplate(std::move(templates), sources.where, hash.hex(), folder, tokenizer, options));
}

ChatTemplate::ChatTemplate(Templates templates, std::string name, std::string hash, const fs::path& folder,
                           const Tokenizer& tokenizer, const ChatTemplateOptions& options)
    : templates_(std::move(templates)),
      name_(std::move(name)),
      hash_(std::move(hash)),
      tokenizer_(tokenizer),
      options_(options),
      variables_(special_tokens(folder, tokenizer)) {
  for (const auto& [key, value] : options.variables.items()) variables_[key] = value;
  look_at_a_conversation();
}

// What a short conversation shows of the template: which tokens stand around its turns, which end an answer, and
// whether its own marks are those of answers.
void ChatTemplate::look_at_a_conversation() {
  const Conversation probe{.messages = {{{"role", "user"}, {"content", "q1"}},
                                        {{"role", "assistant"}, {"content", "a1"}},
                                        {{"role", "user"}, {"content", "q2"}},
                                        {{"role", "assistant"}, {"content", "a2"}}}};
  const auto guard = [&](std::optional<int32_t> id) {
    if (id && !tokenizer_.is_special(*id)) guarded_.push_back(*id);
  };
  guard(tokenizer_.bos()), guard(tokenizer_.eos());
  if (const std::optional<jinja::Rendering> full = try_to_run(probe, probe.messages, false)) {
    for (const int32_t id : tokenizer_.encode(full->text)) {
      const bool blank = tokenizer_.token(id).find_first_not_of(" \t\r\n") == std::string::npos;
      if (tokenizer_.is_added(id) && !blank) guard(id);
    }
    std::ranges::sort(guarded_);
    guarded_.erase(std::unique(guarded_.begin(), guarded_.end()), guarded_.end());
    if (chosen(probe).has_generation()) check_marks(probe, *full);
    const Rendered row = render(probe, {.on = TrainOn::last}, false);
    for (size_t i = row.ids.size(); i-- > 0 && ends_.empty();)
      if (row.learned[i] && delimits_turns(row.ids[i])) ends_.push_back(row.ids[i]);
  }
  if (tokenizer_.eos() && std::ranges::find(ends_, *tokenizer_.eos()) == ends_.end())
    ends_.push_back(*tokenizer_.eos());
}

// {% generation %} beside what rendering the conversation's beginnings says.
void ChatTemplate::check_marks(const Conversation& probe, const jinja::Rendering& full) const {
  const AnswerSpans spans(probe.messages, full,
                          [&](const OrderedJson& part, bool prompt) { return try_to_run(probe, part, prompt); });
  const auto marked = [&](uint32_t byte) {
    return std::ranges::any_of(full.generation,
                               [&](const Range range) { return range.begin <= byte && byte < range.end; });
  };
  const auto wrong = [&](std::string_view what) {
    fail(ExitCode::input, name_, ": {% generation %} ", what,
         " in a plain conversation of two turns; correct the template, or take the marks out of it");
  };
  for (size_t i = 0; i < probe.messages.size(); ++i) {
    const bool answer = role_of(probe.messages[i]) == "assistant";
    if (const size_t at = full.text.find(probe.messages[i].at("content").get<std::string>()); at != std::string::npos)
      if (marked(uint32_t(at)) != answer) wrong(answer ? "leaves out an answer" : "takes in a request");
    if (const std::optional<AnswerSpan> span = answer ? spans.find(i) : std::nullopt;
        span && span->content > span->begin)
      if (!marked(span->content - 1)) wrong("ends before an answer does");
  }
}

bool ChatTemplate::delimits_turns(int32_t id) const {
  return tokenizer_.is_special(id) || std::ranges::binary_search(guarded_, id);
}

// Null where the template refuses: it may refuse a part of what it takes as a whole.
std::optional<jinja::Rendering> ChatTemplate::try_to_run(const Conversation& conversation, const OrderedJson& messages,
                                                         bool generation_prompt) const {
  try {
    return run(conversation, messages, generation_prompt);
  } catch (const Error&) {
    return {};
  }
}

const jinja::Template& ChatTemplate::chosen(const Conversation& conversation) const {
  if (!conversation.tools.is_null())
    if (const auto tools = templates_.find("tool_use"); tools != templates_.end()) return tools->second;
  if (const auto usual = templates_.find("default"); usual != templates_.end()) return usual->second;
  std::string names;
  for (const auto& [name, text] : templates_) names += (names.empty() ? "" : ", ") + name;
  fail(ExitCode::input, "the model has chat templates for other uses alone (", names,
       "); name the one to use in data.chat_template");
}

jinja::Rendering ChatTemplate::run(const Conversation& conversation, const OrderedJson& messages,
                                   bool generation_prompt) const {
  OrderedJson data = conversation.variables;
  if (!data.is_object()) data = OrderedJson::object();
  data["messages"] = messages, data["tools"] = conversation.tools;
  if (!data.contains("documents")) data["documents"] = nullptr;
  OrderedJson variables = variables_;
  for (const auto& [key, value] : data.items()) variables.erase(key);  // a row's own win
  variables["add_generation_prompt"] = generation_prompt;
  return chosen(conversation).render(data, variables, {.limits = {}, .now = options_.date});
}

// Tokens of a rendering, and of bytes in it.
class ChatTemplate::Rendering {
 public:
  Rendering(const ChatTemplate& chat, const jinja::Rendering& rendered, std::vector<uint32_t> places)
      : chat_(chat), places_(std::move(places)) {
    std::ranges::sort(places_);
    places_.erase(std::unique(places_.begin(), places_.end()), places_.end());
    const std::span<const Range> plain =
        chat.options_.parse_special ? std::span<const Range>() : std::span<const Range>(rendered.data);
    marked_ = chat.tokenizer_.encode_marked(rendered.text, plain, places_, chat.guarded_);
  }
  std::vector<int32_t>& ids() { return marked_.ids; }
  size_t token_at(uint32_t place) const {
    return marked_.tokens[size_t(std::ranges::lower_bound(places_, place) - places_.begin())];
  }
  // The token behind the one that holds the byte before `place`.
  size_t token_behind(uint32_t place) const { return std::min(token_at(place - 1) + 1, marked_.ids.size()); }
  bool ends_turns(size_t token) const { return chat_.delimits_turns(marked_.ids[token]); }

 private:
  const ChatTemplate& chat_;
  std::vector<uint32_t> places_;
  MarkedIds marked_;
};

struct ChatTemplate::Answer {
  AnswerSpan span;
  bool exact = false;  // the template's own word: learned as it stands
};

ChatTemplate::Rendered ChatTemplate::render(const Conversation& conversation, const Learn& learn,
                                            bool generation_prompt) const {
  const OrderedJson messages = plain_messages(conversation.messages);
  if (messages.empty()) fail(ExitCode::input, "messages: expected at least one");
  jinja::Rendering full = run(conversation, messages, generation_prompt);
  const jinja::Rendering whole = generation_prompt ? run(conversation, messages, false) : full;
  const AnswerSpans spans(messages, whole,
                          [&](const OrderedJson& part, bool prompt) { return try_to_run(conversation, part, prompt); });

  std::vector<size_t> asked;  // messages to learn, and of {% generation %}, all that it can mean
  std::vector<size_t> assistant;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (role_of(messages[i]) == "assistant") assistant.push_back(i);
    if (is_learned(messages[i], learn)) asked.push_back(i);
  }
  if (learn.on == TrainOn::last && !asked.empty()) asked = {asked.back()};

  // Without the generation prompt a template may end otherwise; places in `whole` are those in `full` until here.
  const auto differ = uint32_t(std::ranges::mismatch(full.text, whole.text).in1 - full.text.begin());
  std::vector<Answer> answers;
  const bool marks = chosen(conversation).has_generation();
  std::string problem;
  const auto unplaced = [&](size_t message) {
    if (problem.empty())
      problem = joined("messages[", message,
                       "]: the chat template does not show where this answer begins and ends; use a template with "
                       "{% generation %} around answers, or train_on: all");
  };
  const auto place_of = [&](size_t message) {
    const std::optional<AnswerSpan> span = spans.find(message);
    if (!span) unplaced(message);
    return span;
  };
  if (learn.on != TrainOn::all) {
    // Which message a mark belongs to: one each, in their order; else the last that begins before it.
    std::vector<std::optional<uint32_t>> begins;
    if (marks && full.generation.size() != assistant.size() && asked.size() != assistant.size())
      for (const size_t i : assistant) {
        const std::optional<AnswerSpan> span = place_of(i);
        begins.push_back(span ? std::optional(span->begin) : std::nullopt);
      }
    for (size_t mark = 0; marks && mark < full.generation.size(); ++mark) {
      const Range range = full.generation[mark];
      if (range.begin == range.end) continue;
      bool wanted = true;
      if (full.generation.size() == assistant.size()) {
        wanted = std::ranges::find(asked, assistant[mark]) != asked.end();
      } else if (!begins.empty()) {
        size_t owner = 0;
        for (size_t i = 1; i < begins.size(); ++i)
          if (begins[i] && *begins[i] <= range.begin) owner = i;
        wanted = std::ranges::find(asked, assistant[owner]) != asked.end();
      }
      if (wanted) answers.push_back({{range.begin, range.begin, range.end}, true});
    }
    for (const size_t i : asked) {
      if (marks && role_of(messages[i]) == "assistant") continue;
      const std::optional<AnswerSpan> span = place_of(i);
      if (!span) continue;
      if (span->content > differ)
        unplaced(i);
      else if (span->content > span->begin)
        answers.push_back({*span});
      else if (says_something(messages[i]))
        unplaced(i);
    }
  }
  std::vector<uint32_t> places;
  for (Answer& answer : answers) {
    if (!answer.exact) answer.span.end = std::min(answer.span.end, differ);
    for (const uint32_t place : {answer.span.begin, answer.span.content - 1, answer.span.end - 1, answer.span.end})
      if (place <= full.text.size()) places.push_back(place);
  }
  Rendering tokens(*this, full, std::move(places));
  Rendered row{.text = {}, .ids = {}, .learned = std::vector<bool>(tokens.ids().size(), learn.on == TrainOn::all)};
  for (const Answer& answer : answers) {
    const AnswerSpan& span = answer.span;
    size_t begin = tokens.token_at(span.begin);
    // Beyond a text that two renderings have in common one token may begin before it ends: it is none of the answer.
    size_t end = answer.exact ? tokens.token_behind(span.end) : tokens.token_at(span.end);
    bool ended = false;
    if (answer.exact) {
      for (size_t i = begin; i < end; ++i) ended = ended || tokens.ends_turns(i);
    } else {
      // A token of the heading may take white space that the answer begins with.
      while (begin < end && tokens.ends_turns(begin)) ++begin;
      const size_t behind = tokens.token_behind(span.content);
      size_t last = span.first_special_ends ? behind : end;
      if (span.first_special_ends)
        while (last < end && !tokens.ends_turns(last)) ++last;
      else
        while (last > behind && !tokens.ends_turns(last - 1)) --last;
      ended = span.first_special_ends ? last < end : last > behind;
      if (ended) end = last + (span.first_special_ends ? 1 : 0);
      if (!ended && span.first_special_ends) end = behind;
    }
    for (size_t i = begin; i < end; ++i) row.learned[i] = true;
    ++row.answers, row.ends += ended;
  }
  row.ids = std::move(tokens.ids());
  row.text = std::move(full.text);
  row.problem = std::move(problem);
  return row;
}

Encoded ChatTemplate::encode(const Conversation& conversation, const Learn& learn) const {
  Rendered row = render(conversation, learn, false);
  require(row.problem.empty(), ExitCode::input, row.problem);
  Encoded encoded{.tokens = std::move(row.ids), .labels = {}, .answers = row.answers, .ends = row.ends};
  encoded.labels.assign(encoded.tokens.size(), kNotLearned);
  for (size_t i = 1; i < encoded.tokens.size(); ++i)  // nothing stands before the first that could predict it
    if (row.learned[i]) encoded.labels[i] = encoded.tokens[i];
  return encoded;
}

std::vector<int32_t> ChatTemplate::prompt(const Conversation& conversation) const {
  return Rendering(*this, run(conversation, plain_messages(conversation.messages), true), {}).ids();
}

Json ChatTemplate::settings() const {
  Json settings{
      {"template", hash_}, {"variables", Json::parse(variables_.dump())}, {"parse_special", options_.parse_special}};
  if (options_.date) settings["date"] = {options_.date->tm_year, options_.date->tm_mon, options_.date->tm_mday};
  return settings;
}

}  // namespace hone::data
