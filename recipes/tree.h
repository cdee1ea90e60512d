// YAML as a small tree with places. The part of YAML that recipes need: maps, lists, scalars. Refused: anchors,
// aliases, tags, merge keys, several documents, duplicate keys, keys that are no text, invalid UTF-8, control
// characters, more than 1 MiB, more than 20 levels.
//   const Node top = parse_yaml(text);
//   const Node* seed = top.find("seed");       // seed->text "17", seed->place.line 3
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::recipes {

struct Place {
  int line = 1, column = 1;  // from 1; of the file
  int override_index = -1;   // of the overrides, where the value came from one
};

struct Problem {
  Place place;
  std::string path;  // "data.train[0].path"
  std::string text;
};

enum class NodeKind { null, scalar, list, map };

struct Member;
struct Node {
  NodeKind kind = NodeKind::null;
  Place place;
  std::string text;             // of a scalar
  bool quoted = false;          // a quoted scalar is text, never a number or a truth value
  std::vector<Node> items;      // of a list
  std::vector<Member> members;  // of a map
  Node* find(std::string_view key);
  const Node* find(std::string_view key) const { return const_cast<Node*>(this)->find(key); }
};
struct Member {
  std::string key;
  Place place;  // of the key
  Node value;
};

inline constexpr size_t kYamlBytes = size_t(1) << 20;
inline constexpr int kYamlDepth = 20;

// What parse_yaml throws: the first thing that is wrong with the text itself.
struct YamlFault {
  Problem problem;
};
// An empty text gives a null node.
Node parse_yaml(std::string_view text);

}  // namespace hone::recipes
