// OpenAssistant's trees: {"message_tree_id": …, "prompt": {"text": …, "role": "prompter", "replies": [{"text": …,
// "role": "assistant", "replies": […]}, …]}}. Each path from the root to a leaf is a row.
#include "data/rows/kinds/kinds.h"

namespace hone::data {

namespace {
constexpr size_t kMostBytes = size_t(64) << 20;  // of all paths of a tree: they repeat what stands above

bool is_true(const OrderedJson* value) {  // exports have the text "True" as well
  return value && (*value == true || *value == "True" || *value == "true");
}

class Paths {
 public:
  explicit Paths(std::vector<Content>& into) : into_(into) {}

  void walk(const RecordView& node, const std::string& place) {
    if (is_true(node.find("deleted"))) wrong(place, ": the message was deleted");
    const std::string role = role_of(node.names(), node.text("role"));
    if (role.empty())
      wrong(node.place("role"), " is neither prompter nor assistant; data.train[].roles can say what it is");
    const std::string& text = node.text("text");
    messages_.push_back({{"role", role}, {"content", text}});
    held_ += text.size() + 64;
    const size_t replies = node.has("replies") ? node.list("replies").size() : 0;
    for (size_t i = 0; i < replies; ++i) walk(node.item("replies", i), joined(place, ".replies[", i, "]"));
    if (replies == 0) {
      given_ += held_;
      if (given_ > kMostBytes) wrong("the paths of the tree hold more than ", kMostBytes >> 20, " MiB in all");
      into_.push_back(Conversation{.messages = messages_});
    }
    held_ -= text.size() + 64;
    messages_.erase(messages_.size() - 1);
  }

 private:
  std::vector<Content>& into_;
  OrderedJson messages_ = OrderedJson::array();
  size_t held_ = 0, given_ = 0;
};
}  // namespace

void kinds::oasst(const RecordView& record, std::vector<Content>& into) {
  constexpr std::string_view kSchema = R"({"text": …, "role": "prompter", "replies": […]})";
  const std::string root = record.place("prompt");
  Paths(into).walk(RecordView(record.at("prompt"), record.names(), kSchema, root), root);
}

}  // namespace hone::data
