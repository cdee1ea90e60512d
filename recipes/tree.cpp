#include "recipes/tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <sstream>
#include <unordered_set>

#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::recipes {

Node* Node::find(std::string_view key) {
  for (Member& member : members)
    if (member.key == key) return &member.value;
  return nullptr;
}

namespace {
[[noreturn]] void refuse(Place place, std::string text) { throw YamlFault{{place, {}, std::move(text)}}; }
constexpr const char* kAlias = "an alias (*name) is not allowed; write the value out, or quote text that begins with *";
Place place_of(const YAML::Mark& mark) { return mark.is_null() ? Place{} : Place{mark.line + 1, mark.column + 1}; }

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines{text};
  for (size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) lines.push_back(text.substr(at + 1));
  return lines;
}

// Builds the tree from the parser's events. Each open container waits in a frame until its end.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(std::string_view text) : lines_(lines_of(text)) {}
  Node root;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(plain(NodeKind::null, mark, "?", anchor)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(place_of(mark), kAlias); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // The parser gives "?" to plain scalars and "!" to quoted ones.
    Node node = plain(NodeKind::scalar, mark, tag == "!" ? "?" : tag, anchor);
    node.text = value;
    if (value.find('\0') != value.npos) refuse(node.place, "a zero byte in text is not allowed");
    node.quoted = tag == "!";
    if (node.quoted) expect_closed(node.place);
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(plain(NodeKind::list, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(plain(NodeKind::map, mark, tag, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    std::optional<Member> key;  // of a map, when its value is still to come
    std::unordered_set<std::string> keys;
  };
  std::vector<Frame> open_;
  std::vector<std::string_view> lines_;  // each to the end of the text

  // The parser takes a quote that is never closed for one that ends with the file.
  void expect_closed(const Place& place) const {
    const std::string_view rest = lines_.at(size_t(place.line - 1)).substr(size_t(place.column - 1));
    const char quote = rest.empty() ? '|' : rest[0];
    if (quote != '"' && quote != '\'') return;  // a block
    for (size_t i = 1; i < rest.size(); ++i) {
      const bool pair = quote == '"' ? rest[i] == '\\' : rest.substr(i, 2) == "''";
      if (pair) {
        ++i;
      } else if (rest[i] == quote) {
        return;
      }
    }
    refuse(place, "the quote is never closed");
  }

  static Node plain(NodeKind kind, const YAML::Mark& mark, std::string_view tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) refuse(place_of(mark), "an anchor (&name) is not allowed; write the value out");
    if (tag != "?" && !tag.empty())
      refuse(place_of(mark), "a tag (!name) is not allowed; recipes have types of their own");
    Node node;
    node.kind = kind;
    node.place = place_of(mark);
    return node;
  }
  void open(Node node) {
    if (int(open_.size()) >= kYamlDepth) refuse(node.place, joined("nested deeper than ", kYamlDepth, " levels"));
    if (!open_.empty() && open_.back().node.kind == NodeKind::map && !open_.back().key) expect_text_key(node);
    open_.push_back({std::move(node), {}, {}});
  }
  void close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }
  [[noreturn]] static void expect_text_key(const Node& node) { refuse(node.place, "expected a key, a plain word"); }
  void add(Node node) {
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    if (frame.node.kind == NodeKind::list) {
      frame.node.items.push_back(std::move(node));
    } else if (frame.key) {
      frame.key->value = std::move(node);
      frame.node.members.push_back(std::move(*frame.key));
      frame.key.reset();
    } else {
      if (node.kind != NodeKind::scalar) expect_text_key(node);
      if (node.text == "<<" && !node.quoted) refuse(node.place, "a merge key (<<) is not allowed; write the keys out");
      if (!frame.keys.insert(node.text).second) refuse(node.place, "the key \"" + node.text + "\" is here twice");
      frame.key = Member{std::move(node.text), node.place, {}};
    }
  }
};

// Before the parser sees it: it takes invalid UTF-8 silently and guesses UTF-16.
void check_characters(std::string_view text) {
  Place place;
  std::string_view line;
  for (size_t at = 0; at < text.size(); at += line.size() + 1, ++place.line) {
    line = text.substr(at, text.find('\n', at) - at);
    if (!valid_utf8(line)) refuse(place, "the line is not valid UTF-8; save the file as UTF-8");
    for (size_t i = 0; i < line.size(); ++i) {
      const auto byte = static_cast<unsigned char>(line[i]);
      if ((byte < 0x20 && byte != '\t' && !(byte == '\r' && i + 1 == line.size())) || byte == 0x7F)
        refuse({place.line, int(i) + 1}, joined("a control character (byte ", int(byte), ") is not allowed"));
    }
  }
}
}  // namespace

Node parse_yaml(std::string_view text) {
  if (text.size() > kYamlBytes) refuse({}, joined("larger than ", bytes_text(kYamlBytes), "; is this a recipe?"));
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // as some editors begin a UTF-8 file
  check_characters(text);
  std::istringstream stream{std::string(text)};
  Builder builder(text);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return {};
    Builder rest(text);
    if (parser.HandleNextDocument(rest)) refuse(rest.root.place, "a second document (---) is not allowed");
  } catch (const YAML::Exception& error) {
    if (error.msg == YAML::ErrorMsg::UNKNOWN_ANCHOR) refuse(place_of(error.mark), kAlias);
    refuse(place_of(error.mark), "not valid YAML: " + error.msg);
  }
  return std::move(builder.root);
}

}  // namespace hone::recipes
