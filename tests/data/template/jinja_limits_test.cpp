// Templates that would take all time or memory, and what errors say (F32 of the faults that hone survives).
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "data/template/jinja/template.h"

namespace hone::data::jinja {
namespace {

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

std::string error_of(const std::string& source, const OrderedJson& data = OrderedJson::object(),
                     const Settings& settings = {}) {
  try {
    Template::parse(source, "chat.jinja").render(data, OrderedJson::object(), settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input);
    return error.what();
  }
  return "accepted";
}

TEST(JinjaLimits, EveryBombEndsSoonWithTheTemplatesName) {
  const std::string loop = "{% for a in range(100000) %}";
  const std::pair<std::string, const char*> bombs[] = {
      {loop + loop + loop + repeated("{% endfor %}", 3), "steps"},
      {"{{ range(10**12) }}", "range"},
      {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deeper"},
      {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "deeper"},
      {"{% macro m() %}{{ caller }}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}", "deeper"},
      {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deeper"},
      {"{% macro m() %}" + repeated("{% if 1 %}", 150) + "{{ m() }}" + repeated("{% endif %}", 150) +
           "{% endmacro %}{{ m() }}",
       "deeper"},
      {"{% macro m() %}{{ " + repeated("[", 60) + "m()" + repeated("]", 60) + " }}{% endmacro %}{{ m() }}", "deeper"},
      {"{% set a = 'a' * 10**7 %}{{ ('a' * 10**6 ~ 'b') in a }}", "accepted"},
      {"{% set a = 'a' * 10**7 %}{{ a.rfind('b' ~ 'a' * 10**6) }}{{ a.replace('a' * 10**6 ~ 'b', '') | length }}",
       "accepted"},
      {"{% set a = 'a' * 10**6 %}{{ a.rsplit('b' ~ 'a' * 10**5) | length }}", "accepted"},
      {"{{ 'x' * 10**9 }}", "bytes"},
      {"{{ 'x'|center(10**9) }}", "bytes"},
      {"{{ 'x'.ljust(10**18) }}", "bytes"},
      {"{{ 'x'.zfill(10**12) }}", "bytes"},
      {"{{ 'x'|indent(10**12, true) }}", "width"},
      {"{{ '%1000000000d' % 1 }}", "width"},
      {"{{ '{:1000000000}'.format(1) }}", "width"},
      {"{{ '%.999999999f' % 1.5 }}", "large"},
      {"{{ [1] * 10**9 }}", "list"},
      {"{{ ([1] * 10**5)|batch(10**9, 0)|list }}", "steps"},
      {"{{ [1]|slice(10**9)|list }}", "limit"},
      {"{% set ns = namespace(s='xxxxxxxx') %}" + loop + "{% set ns.s = ns.s + ns.s %}{% endfor %}", "limit"},
      {"{% set ns = namespace(s='xxxxxxxx') %}" + loop + "{% set ns.s = ns.s.replace('x', 'xx') %}{% endfor %}",
       "limit"},
      {"{% set ns = namespace(l=[]) %}" + loop + "{% set ns.l = ns.l + ['x' * 10**6 ~ a] %}{% endfor %}", "limit"},
      {"{% set ns = namespace(l=[1]) %}" + loop + "{% set ns.l = ns.l + ns.l %}{% endfor %}", "limit"},
      {"{% set ns = namespace(l=[1]) %}" + loop + "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", "deeper"},
      {"{% set ns = namespace(l=[1]) %}" + loop + "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|tojson }}", "deeper"},
      {"{% set ns = namespace(l=[1]) %}" + loop + "{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l == [ns.l] }}", "deeper"},
      {"{% set ns = namespace(l=(1,)) %}" + loop + "{% set ns.l = (ns.l,) %}{% endfor %}{{ {ns.l: 1} }}", "deep"},
      {"{% set ns = namespace(l=[1]) %}" + loop + "{% set ns.l = ns.l|map('abs') %}{% endfor %}{{ ns.l|list }}",
       "deeper"},
      {"{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns }}", "deeper"},
      {loop + loop + "0123456789" + repeated("{% endfor %}", 2), "limit"},
      {"{{ (range(100000)|join).replace('', 'y' * 10000) }}", "limit"},
      {repeated("(", 10000) + "1" + repeated(")", 10000), "accepted"},
      {"{{ " + repeated("(", 10000) + "1" + repeated(")", 10000) + " }}", "nested too deep"},
      {"{{ " + repeated("[", 10000) + repeated("]", 10000) + " }}", "nested too deep"},
      {"{{ " + repeated("not ", 100000) + "1 }}", "nested too deep"},
      {"{{ " + repeated("-", 100000) + "1 }}", "nested too deep"},
      {"{{ 1 " + repeated("|abs", 100000) + " }}", "nested too deep"},
      {"{{ 1 " + repeated("+1", 100000) + " }}", "nested too deep"},
      {"{{ x" + repeated(".x", 100000) + " }}", "nested too deep"},
      {"{{ " + repeated("1 if 1 else ", 20000) + "1 }}", "nested too deep"},
      {repeated("{% if 1 %}", 10000) + repeated("{% endif %}", 10000), "nested too deep"},
      {repeated("{% for x in y %}", 10000), "nested too deep"},
      {"{% if 0 %}" + repeated("{% elif 0 %}", 20000) + "{% endif %}", "accepted"},
      {"{{ '' ~ " + repeated("1 ~ ", 20000) + "1 }}", "accepted"},
  };
  Settings settings;
#if HONE_SANITIZED  // sooner
  settings.limits.steps = 2'000'000, settings.limits.output = size_t(16) << 20;
#endif
  std::clock_t plain = 0;  // processor time of as many plain steps as there may be, which the first one takes
  for (const auto& [source, expected] : bombs) {
    const std::clock_t begin = std::clock();
    const std::string message = error_of(source, OrderedJson::object(), settings);
    const std::clock_t spent = std::clock() - begin;
    if (plain == 0) plain = std::max<std::clock_t>(spent, 1);
    const std::string shown = message + "\n" + source.substr(0, 200);
    const bool ended_sooner =
        HONE_SANITIZED && expected == std::string_view("accepted") && message.find("steps") != std::string::npos;
    EXPECT_TRUE(message.find(expected) != std::string::npos || ended_sooner) << shown;
#if !HONE_SANITIZED
    EXPECT_LT(spent, 100 * plain) << shown;  // twenty times at most, usually
#endif
    EXPECT_TRUE(message == "accepted" || message.starts_with("chat.jinja:1: ")) << message;
  }
}

TEST(JinjaLimits, ManyPiecesOfTheData) {
  EXPECT_NE(error_of("{{ ('a' ~ x) * 30000000 }}", {{"x", "b"}}).find("pieces"), std::string::npos);
}

TEST(JinjaLimits, DataThatIsNestedTooDeep) {
  OrderedJson deep = 1;
  for (int i = 0; i < 1000; ++i) deep = OrderedJson::array({deep});
  EXPECT_NE(error_of("{{ x }}", {{"x", deep}}).find("deeper"), std::string::npos);
  EXPECT_EQ(error_of("x", {{"x", deep}}), "accepted");  // it is never looked at
}

TEST(JinjaLimits, TheirValuesAreTheCallers) {
  Settings few;
  few.limits.steps = 100;
  EXPECT_NE(error_of("{% for x in range(1000) %}{% endfor %}", OrderedJson::object(), few).find("100 steps"),
            std::string::npos);
  Settings small;
  small.limits.output = 1000;
  EXPECT_EQ(error_of("{{ 'x' * 1000 }}", OrderedJson::object(), small), "accepted");
  EXPECT_NE(error_of("{{ 'x' * 1001 }}", OrderedJson::object(), small), "accepted");
  EXPECT_NE(error_of("{{ 'x' * 1000 }}y", OrderedJson::object(), small), "accepted");
}

TEST(JinjaErrors, NameTheLineAndWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"a\n{{ raise_exception('Roles must alternate') }}", "chat.jinja:2: the template says: Roles must alternate"},
      {"a\n\n{{ x | nosuch }}", "chat.jinja:3: no filter is called 'nosuch'"},
      {"{{ x is nosuch }}", "chat.jinja:1: no test is called 'nosuch'"},
      {"{% if x %}\n", "chat.jinja:1: expected {% endif %}, got the template's end"},
      {"a\n{% nosuch %}", "chat.jinja:2: unknown tag {% nosuch %}"},
      {"{% include 'other' %}",
       "chat.jinja:1: {% include %} is not for chat templates: a template is one file and writes text"},
      {"\n{{ messages.x.y }}", "chat.jinja:2: 'messages' is undefined"},
      {"{{ nosuch(1) }}", "chat.jinja:1: 'nosuch' is undefined"},
      {"{{ 'a' + 1 }}", "chat.jinja:1: a 'str' + a 'int' has no value"},
      {"{{ strftime_now('%Y') }}", "chat.jinja:1: 'strftime_now' is undefined"},
      {"{% macro m() %}\n{{ 1/0 }}\n{% endmacro %}\n{{ m() }}", "chat.jinja:2: division by zero"},
  };
  for (const auto& [source, expected] : cases) EXPECT_EQ(error_of(source), expected) << source;
}

TEST(JinjaErrors, LeaveOutWhatTheRowSays) {
  const OrderedJson data = {{"messages", {{{"role", "user"}, {"content", "secret"}}}}};
  EXPECT_EQ(error_of("{{ raise_exception('Unexpected: ' ~ messages[0].content ~ ' of ' ~ messages[0].role) }}", data),
            "chat.jinja:1: the template says: Unexpected: … of user");
  for (const char* source :
       {"{{ messages[messages[0].content].x }}", "{{ messages[0][messages[0].content].x }}",
        "{{ messages[0].content|int + '' }}", "{{ messages[0].content.nosuch.x }}",
        "{{ messages|groupby(messages[0].content) }}", "{{ messages|attr(messages[0].content) + 1 }}",
        "{{ messages|map(messages[0].content)|list }}", "{{ namespace(a=1)[messages[0].content] + 1 }}"})
    EXPECT_EQ(error_of(source, data).find("secret"), std::string::npos) << error_of(source, data);
}

}  // namespace
}  // namespace hone::data::jinja
