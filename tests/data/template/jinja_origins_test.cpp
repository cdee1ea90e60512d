// Which bytes of a rendering came out of the data.
#include <gtest/gtest.h>

#include "data/template/jinja/template.h"

namespace hone::data::jinja {
namespace {

const OrderedJson kData = {
    {"messages", {{{"role", "user"}, {"content", "Héllo  wörld"}}, {{"role", "bot"}, {"content", "line\n two\n"}}}},
    {"d", {{"k", "v\"q"}, {"n", 5}}},
    {"words", {"one", "two"}},
};

// The text with the data's bytes in brackets.
std::string bracketed(const std::string& source) {
  const Rendering row = Template::parse(source, "t").render(kData, {{"bos", "<s>"}});
  std::string text;
  size_t at = 0;
  for (const Range& range : row.data) {
    EXPECT_LT(range.begin, range.end);
    EXPECT_TRUE(range.begin > at || (at == 0 && range.begin == 0));
    text += row.text.substr(at, range.begin - at) + "[" + row.text.substr(range.begin, range.end - range.begin) + "]";
    at = range.end;
  }
  return text + row.text.substr(at);
}

TEST(JinjaOrigins, EveryStringOperationCarriesThem) {
  const std::pair<const char*, const char*> cases[] = {
      {"{{ bos }}a{{ messages[0].content }}b", "<s>a[Héllo  wörld]b"},
      {"{{ '<|' + messages[0].role + '|>' }}", "<|user|>"},
      {"{{ 'x' + messages[0].content + 'y' }}", "x[Héllo  wörld]y"},
      {"{{ 'x' ~ messages[0].content ~ 5 }}", "x[Héllo  wörld]5"},
      {"{{ messages[0].content[1:3] ~ messages[0].content[-1] ~ messages[0].content[::-1][:2] }}", "[élddl]"},
      {"{{ ('ab' ~ words[0])[1:4] ~ ('ab' ~ words[0])[::2] }}", "b[on]a[oe]"},
      {"{{ (' ' ~ messages[1].content)|trim }}|{{ messages[1].content.rstrip() }}", "[line\n two]|[line\n two]"},
      {"{{ words[0].replace('n', '--') }}|{{ 'a.b' | replace('.', words[1]) }}", "[o]--[e]|a[two]b"},
      {"{{ words[0]|upper }}{{ ('x' ~ words[0])|title }}{{ ('x' ~ words[0])|capitalize }}{{ ('ß' ~ words[0]).upper() "
       "}}",
       "[ONE]X[one]X[one]SS[ONE]"},
      {"{% for w in messages[0].content.split(' ') %}{{ w }};{% endfor %}", "[Héllo];;[wörld];"},
      {"{{ messages[1].content.splitlines()|join('|') }}", "[line]|[ two]"},
      {"{{ words|join(', ') }}|{{ words[0].join(['a', 'b']) }}", "[one], [two]|a[one]b"},
      {"{{ '%s-%5s' % (words[0], words[1]) }}|{{ '{}{:>5}'.format(words[0], words[1]) }}|{{ '%s' | format(words[1]) }}",
       "[one]-  [two]|[one]  [two]|[two]"},
      {"{{ d|tojson }}", "{\"[k]\": \"[v\\\"q]\", \"[n]\": 5}"},
      {"{{ d|tojson(indent=1) }}", "{\n \"[k]\": \"[v\\\"q]\",\n \"[n]\": 5\n}"},
      {"{{ d }}|{{ words|string }}", "{'[k]': '[v\"q]', '[n]': 5}|['[one]', '[two]']"},
      {"{{ messages[1].content|indent(2, true) }}", "  [line]\n  [ two]\n"},
      {"{% for c in words[0] %}{{ c }}.{% endfor %}", "[o].[n].[e]."},
      {"{{ words[0]|center(7) }}{{ words[0].ljust(5, '*') }}{{ words[0].zfill(4) }}", "  [one]  [one]**0[one]"},
      {"{{ words[0]|e }}{{ ('<' ~ words[0])|e }}{{ words|first|reverse }}{{ words[0] * 2 }}",
       "[one]&lt;[oneenooneone]"},
      {"{% set x %}a{{ words[0] }}{% endset %}{{ x|upper }}{% macro m(y) %}({{ y }}){% endmacro %}{{ m(words[1]) }}",
       "A[ONE]([two])"},
      {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "[k]=[v\"q];[n]=5;"},
      {"{% filter upper %}a{{ words[0] }}{% endfilter %}{{ words[0]|truncate(3) }}{{ words[0].removeprefix('o') }}",
       "A[ONEonene]"},
      {"{{ words|map('upper')|join }}{{ words|sort(reverse=true)|last }}{{ words|unique|list|length }}",
       "[ONETWOone]2"},
      {"{{ words[0] if words[0] == 'one' else 'x' }}{{ words[0]|default('x') }}{{ nothing|default(words[1]) }}",
       "[oneonetwo]"},
      {"{{ words[0].partition('n') }}", "('[o]', 'n', '[e]')"},
      {"{{ words[0]|urlencode }}{{ 'é'|urlencode }}{{ words[0]|string|list }}", "[one]%C3%A9['[o]', '[n]', '[e]']"},
  };
  for (const auto& [source, expected] : cases) EXPECT_EQ(bracketed(source), expected) << source;
}

TEST(JinjaOrigins, GenerationIsWhereItsTextGoes) {
  const auto generation = [](const std::string& source) {
    const Rendering row = Template::parse(source, "t").render(kData, OrderedJson::object());
    std::string text;
    for (const Range& range : row.generation) text += "[" + row.text.substr(range.begin, range.end - range.begin) + "]";
    return text;
  };
  EXPECT_EQ(generation("a{% generation %}b{{ words[0] }}{% endgeneration %}c"), "[bone]");
  // Through a macro, a filter: transformers' tracker, which counts what is written so far, is wrong there.
  EXPECT_EQ(
      generation("x{% macro m(w) %}<{% generation %}{{ w }}{% endgeneration %}>{% endmacro %}{{ m('a') }}{{ m('b') }}"),
      "[a][b]");
  EXPECT_EQ(generation("x{% filter upper %}a{% generation %}bc{% endgeneration %}d{% endfilter %}"), "[BC]");
  EXPECT_TRUE(Template::parse("{% generation %}{% endgeneration %}", "t").has_generation());
  EXPECT_FALSE(Template::parse("generation", "t").has_generation());
}

}  // namespace
}  // namespace hone::data::jinja
