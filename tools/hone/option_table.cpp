#include "tools/hone/option_table.h"

#include <algorithm>

#include "recipes/recipe.h"

namespace hone::tools {

namespace {
std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  for (size_t from = 0; from <= text.size();) {
    const size_t to = std::min(text.find(at, from), text.size());
    parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

OptionEntry entry_of(const CLI::Option& option) {
  OptionEntry entry{.names = {}, .placeholder = {}, .meaning = option.get_description(), .choices = {}};
  for (const std::string& name : option.get_lnames()) entry.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) entry.names.push_back("-" + name);
  const std::string type = option.get_type_name();  // "TEXT:{parse,text}"
  const size_t open = type.find('{'), close = type.find('}');
  if (open != std::string::npos && close != std::string::npos)
    entry.choices = split(type.substr(open + 1, close - open - 1), ',');
  if (entry.names.empty()) {
    entry.placeholder = option.get_name();
  } else if (option.get_items_expected_max() > 0) {
    entry.placeholder = type == "KEY=VALUE" ? type : entry.choices.empty() ? type.substr(0, type.find(' ')) : "CHOICE";
  }
  entry.required = option.get_required();
  entry.recipe_key = type == "KEY=VALUE" || entry.placeholder == "KEY";
  return entry;
}

void add_verb(std::vector<VerbTable>& table, const CLI::App& app, std::vector<std::string> words) {
  words.push_back(app.get_name());
  VerbTable verb{.words = words, .meaning = app.get_description(), .options = {}, .next_words = {}};
  for (const bool positional : {false, true})
    for (const CLI::Option* option : app.get_options())
      if (OptionEntry entry = entry_of(*option); entry.names.empty() == positional)
        verb.options.push_back(std::move(entry));
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* next : below) verb.next_words.push_back(next->get_name());
  table.push_back(std::move(verb));
  for (const CLI::App* next : below) add_verb(table, *next, words);
}

std::string joined_by(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// 'text' for a shell.
std::string quoted(const std::string& text, const std::string& quote_inside) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? quote_inside : std::string(1, c);
  return out + "'";
}

// Keys of a recipe that --set can take; entries of a list are left to the hand.
std::vector<std::string> recipe_keys() {
  std::vector<std::string> keys;
  for (const Json& entry : recipes::describe_json())
    if (const auto key = entry.at("key").get<std::string>(); key.find('[') == std::string::npos) keys.push_back(key);
  return keys;
}

std::vector<std::string> top_words(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    words.push_back(verb->get_name());
  return words;
}

constexpr const char* kHead = "# Made by hone from its own options; make it again with each new version.\n";
}  // namespace

std::vector<VerbTable> option_table(const CLI::App& app) {
  std::vector<VerbTable> table;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) add_verb(table, *verb, {});
  return table;
}

// A case for "verb" and for "verb option": the words that may follow; without any, files.
std::string bash_completion(const CLI::App& app) {
  std::string text = "# hone completion bash > ~/.local/share/bash-completion/completions/hone\n";
  text += kHead;
  text +=
      "_hone() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb= words= i\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    case \"$verb ${COMP_WORDS[i]}\" in\n";
  std::vector<std::string> known;
  for (const VerbTable& verb : option_table(app)) {
    std::vector<std::string> parent = verb.words;
    parent.pop_back();
    known.push_back("\"" + joined_by(parent, " ") + " " + verb.words.back() + "\"");
  }
  text += "      " + joined_by(known, "|") + ") verb=\"${verb:+$verb }${COMP_WORDS[i]}\" ;;\n    esac\n  done\n";
  text += "  COMPREPLY=()\n  case \"$verb:$before\" in\n";
  const std::string keys = joined_by(recipe_keys(), "= ") + "=";
  std::string options;
  for (const VerbTable& verb : option_table(app)) {
    const std::string name = joined_by(verb.words, " ");
    std::vector<std::string> flags;
    std::vector<std::string> first = verb.next_words;
    for (const OptionEntry& option : verb.options) {
      flags.insert(flags.end(), option.names.begin(), option.names.end());
      if (option.names.empty()) first.insert(first.end(), option.choices.begin(), option.choices.end());
      for (const std::string& flag : option.names) {
        if (option.placeholder.empty()) continue;
        text += "    \"" + name + ":" + flag + "\") ";
        if (option.recipe_key) {
          text += "compopt -o nospace; COMPREPLY=($(compgen -W '" + keys + "' -- \"$current\")); return ;;\n";
        } else if (!option.choices.empty()) {
          text += "COMPREPLY=($(compgen -W '" + joined_by(option.choices, " ") + "' -- \"$current\")); return ;;\n";
        } else {
          text += "COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n";
        }
      }
    }
    options +=
        "    \"" + name + "\") words='" + joined_by(flags, " ") + "'; first='" + joined_by(first, " ") + "' ;;\n";
  }
  text += "  esac\n  local first='" + joined_by(top_words(app), " ") +
          "'\n  case \"$verb\" in\n    \"\") words='--help --version' ;;\n" + options +
          "  esac\n"
          "  if [[ $current == -* ]]; then\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
          "  elif [[ -n $first ]]; then\n"
          "    COMPREPLY=($(compgen -W \"$first\" -- \"$current\"))\n"
          "  else\n"
          "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
          "  fi\n"
          "}\n"
          "complete -o filenames -F _hone hone\n";
  return text;
}

std::string zsh_completion(const CLI::App& app) {
  const auto safe = [](std::string text) {  // within '…' of _arguments: [ ] : are its own
    std::string out;
    for (const char c : text) out += std::string(c == '[' || c == ']' || c == ':' ? "\\" : "") + c;
    return quoted(out, "'\\''").substr(1, quoted(out, "'\\''").size() - 2);
  };
  std::string text = "#compdef hone\n# hone completion zsh > a folder of $fpath, as _hone\n";
  text += kHead;
  const auto described = [&](const std::vector<std::pair<std::string, std::string>>& list, const std::string& indent) {
    std::string out = indent + "local -a words=(\n";
    for (const auto& [word, meaning] : list) out += indent + "  '" + word + ":" + safe(meaning) + "'\n";
    return out + indent + ")\n" + indent + "_describe verb words\n";
  };
  std::vector<std::pair<std::string, std::string>> top;
  const std::vector<VerbTable> table = option_table(app);
  for (const VerbTable& verb : table)
    if (verb.words.size() == 1) top.emplace_back(verb.words[0], verb.meaning);
  text += "_hone() {\n  if (( CURRENT == 2 )); then\n" + described(top, "    ") + "    return\n  fi\n";
  text += "  local verb=$words[2]\n  if (( CURRENT > 3 )); then\n    case \"$words[2] $words[3]\" in\n";
  for (const VerbTable& verb : table)
    if (verb.words.size() == 2) text += "      '" + joined_by(verb.words, " ") + "') verb=\"$words[2] $words[3]\" ;;\n";
  text += "      *) ;;\n    esac\n  fi\n  case \"$verb\" in\n";
  for (const VerbTable& verb : table) {
    text += "    '" + joined_by(verb.words, " ") + "')\n";
    std::vector<std::pair<std::string, std::string>> below;
    for (const VerbTable& other : table)
      if (other.words.size() == 2 && verb.words.size() == 1 && other.words[0] == verb.words[0])
        below.emplace_back(other.words[1], other.meaning);
    if (!below.empty()) text += "      if (( CURRENT == 3 )); then\n" + described(below, "        ") + "      fi\n";
    text += "      _arguments";
    for (const OptionEntry& option : verb.options) {
      std::string action = "_files";
      if (option.recipe_key) {
        action = "compadd -S \"\" -- " + joined_by(recipe_keys(), "= ") + "=";
      } else if (!option.choices.empty()) {
        action = "(" + joined_by(option.choices, " ") + ")";
      }
      for (const std::string& name : option.names)
        text += " \\\n        '" + std::string(option.recipe_key ? "*" : "") + name + "[" + safe(option.meaning) + "]" +
                (option.placeholder.empty() ? "" : ":" + safe(option.placeholder) + ":" + action) + "'";
      if (option.names.empty()) text += " \\\n        ':" + safe(option.placeholder) + ":" + action + "'";
    }
    text += "\n      ;;\n";
  }
  return text + "  esac\n}\n_hone \"$@\"\n";
}

std::string fish_completion(const CLI::App& app) {
  std::string text = "# hone completion fish > ~/.config/fish/completions/hone.fish\n";
  text += kHead;
  const auto word = [](const std::string& plain) {
    std::string out;
    for (const char c : plain) out += std::string(c == '\'' || c == '\\' ? "\\" : "") + c;
    return "'" + out + "'";
  };
  const std::vector<VerbTable> table = option_table(app);
  for (const VerbTable& verb : table) {
    std::vector<std::string> parent = verb.words;
    parent.pop_back();
    const std::string when = parent.empty() ? "__fish_use_subcommand" : "__fish_seen_subcommand_from " + parent[0];
    text += "complete -c hone -n " + word(when) + " -a " + verb.words.back() + " -d " + word(verb.meaning) + "\n";
    std::string here = "__fish_seen_subcommand_from " + verb.words[0];
    if (verb.words.size() > 1) here += "; and __fish_seen_subcommand_from " + verb.words[1];
    for (const OptionEntry& option : verb.options) {
      std::string values;
      if (option.recipe_key && !option.names.empty()) {
        values = joined_by(recipe_keys(), "= ") + "=";
      } else {
        values = joined_by(option.choices, " ");
      }
      std::string line = "complete -c hone -n " + word(here);
      for (const std::string& name : option.names)
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.names.empty() && !option.placeholder.empty()) line += " -r";
      if (!values.empty()) line += " -a " + word(values);
      if (option.names.empty() && values.empty()) continue;  // files, as fish offers by itself
      text += line + " -d " + word(option.meaning) + "\n";
    }
  }
  return text;
}

std::string manual_page(const CLI::App& app) {
  const auto safe = [](const std::string& plain) {  // roff: backslashes and dashes stand for themselves
    std::string out;
    for (const char c : plain) out += c == '\\' ? "\\e" : c == '-' ? "\\-" : std::string(1, c);
    return out.starts_with(".") || out.starts_with("'") ? "\\&" + out : out;
  };
  std::string text = ".TH HONE 1 \"\" \"hone " HONE_VERSION
                     "\" \"User commands\"\n.SH NAME\nhone \\- fine\\-tunes language models where the data "
                     "lives\n.SH SYNOPSIS\n.B hone\n.I VERB\n[\\fIoptions\\fR]\n.SH DESCRIPTION\n"
                     "A YAML recipe, a Hugging Face model directory and a file of rows go in; an adapter that PEFT, "
                     "vLLM and llama.cpp load comes "
                     "out. Nothing uses the network.\n.SH VERBS\n";
  for (const VerbTable& verb : option_table(app)) {
    std::string usage = "hone " + joined_by(verb.words, " ");
    for (const OptionEntry& option : verb.options)
      if (option.names.empty()) usage += option.required ? " " + option.placeholder : " [" + option.placeholder + "]";
    text += ".SS " + safe(usage) + "\n" + safe(verb.meaning) + "\n";
    for (const OptionEntry& option : verb.options) {
      std::string name = option.names.empty() ? option.placeholder : joined_by(option.names, ", ");
      if (!option.names.empty() && !option.placeholder.empty()) name += " " + option.placeholder;
      text += ".TP\n\\fB" + safe(name) + "\\fR\n" + safe(option.meaning);
      if (!option.choices.empty()) text += " (" + safe(joined_by(option.choices, ", ")) + ")";
      text += "\n";
    }
  }
  return text +
         ".SH EXIT STATUS\n0 done, 1 a bug of hone, 2 command line or recipe, 3 data or model, 4 files or disk, 5 "
         "memory, 6 GPU or driver, "
         "7 loss or gradient not finite, 8 another machine of the run, 9 a hang, 75 stopped early (\\-\\-resume goes "
         "on).\n"
         ".SH ENVIRONMENT\nNO_COLOR: no colours. TERM=dumb: plain lines. COLUMNS: width of the screen. LC_ALL, "
         "LC_CTYPE, LANG: whether "
         "the screen shows UTF\\-8.\n";
}

}  // namespace hone::tools
