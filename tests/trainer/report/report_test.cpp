// The morning's report: the page as written by hand, report.html with hostile strings in every file it reads.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <ctime>

#include "tests/support/environment.h"
#include "trainer/report/chart.h"
#include "trainer/report/html.h"

namespace hone::test {
namespace {

using namespace hone::trainer;

// Two hundred steps, evaluated three times, one incident, stopped once and gone on.
void write_run(const TemporaryFolder& folder) {
  std::string steps;
  for (int i = 1; i <= 200; ++i)
    steps += "{\"step\":" + std::to_string(i) + ",\"loss\":" +
             std::to_string(i == 1     ? 1.61
                            : i == 200 ? 1.13
                                       : 1.4) +
             ",\"grad_norm\":0.4,\"learning_rate\":2e-4,\"tokens\":1000,\"seconds\":28.8,\"peak_bytes\":1073741824}\n";
  folder.write("run/metrics.jsonl", steps + "{\"step\":201,\"lo");  // torn: killed while writing
  folder.write("run/evaluation.jsonl",
               "{\"step\":0,\"loss\":1.58,\"perplexity\":4.86}\n{\"step\":150,\"loss\":1.18,\"perplexity\":3.25}\n"
               "{\"step\":200,\"loss\":1.19,\"perplexity\":3.29}\n");
  folder.write("run/samples.jsonl",
               "{\"step\":0,\"prompt\":\"a\",\"temperature\":0.0,\"text\":\"x\"}\n"
               "{\"step\":200,\"prompt\":\"a\",\"temperature\":0.0,\"text\":\"y\"}\n");
  folder.write(
      "run/events.jsonl",
      "{\"time\":\"2020-01-02T18:00:00Z\",\"step\":0,\"event\":\"start\",\"steps\":200,\"planned_bytes\":1181116006,"
      "\"planned_seconds\":5580}\n"
      "{\"time\":\"2020-01-02T18:30:00Z\",\"step\":60,\"event\":\"stop\"}\n"
      "{\"time\":\"2020-01-02T18:31:00Z\",\"step\":60,\"event\":\"resume\",\"steps\":200}\n"
      "{\"time\":\"2020-01-02T19:00:00Z\",\"step\":90,\"event\":\"incident\",\"text\":\"checkpoint not written\"}\n"
      "{\"time\":\"2020-01-02T20:07:00Z\",\"step\":200,\"event\":\"done\"}\n");
  folder.write("run/plan.json", "{\"tokens_per_second\":35.5}");
  folder.write("run/summary.json", "{\"epochs\":2,\"sha256\":\"9f2c33aa00112233\"}");
  folder.write("run/provenance.json", "{\"hone\":\"1.2\",\"base\":{\"fingerprint\":\"abc\"}}");
  folder.write("run/adapter/adapter_model.safetensors", std::string(2048, 'x'));
  folder.write("run/recipe.yaml", "model: {path: m}\n");
  folder.write("run/receipt.json",
               "{\"rows\":{\"read\":1234,\"too_long\":{\"count\":2,\"first\":[{\"file\":0,\"line\":7}]}}}");
  folder.write("run/report.html", "");
}

TEST(MorningPage, SaysHowItEndedWhatCameOutAndWhatNext) {
  ::setenv("TZ", "UTC", 1), ::tzset();
  const TemporaryFolder folder;
  write_run(folder);
  const std::string run = (folder / "run").string();
  EXPECT_EQ(morning_page(read_run(run + "/"), run + "/report.html"),
            "done at 20:07 on 02 Jan 2020, 200 steps, 2 epochs, 1 h 36 (planned 1 h 33), 1 incident\n"
            "loss 1.610 → 1.130   evaluation 1.580 → 1.190 (perplexity 4.860 → 3.290)   best at step 150\n"
            "samples   1 prompt before and after   samples.jsonl\n"
            "adapter   " +
                run +
                "/adapter   2.0 KiB   sha256 9f2c33aa…   hashes of all that went in: provenance.json\n"
                "report    " +
                run +
                "/report.html\n"
                "next      hone chat " +
                run + "        hone merge " + run + " --out DIR\n");
}

TEST(MorningPage, OfARunThatWasKilledSaysHowToGoOn) {
  const TemporaryFolder folder;
  folder.write("run/recipe.yaml", "");
  folder.write("run/metrics.jsonl",
               "{\"step\":1,\"loss\":2.0,\"seconds\":1.5}\n{\"step\":2,\"loss\":\"two\"}\nnoise\n[1]\n");
  folder.write("run/events.jsonl", "{\"event\":\"start\",\"steps\":9,\"time\":\"\"}\n");
  const std::string run = (folder / "run").string();
  EXPECT_EQ(morning_page(read_run(run), run + "/report.html"),
            "not finished: step 2 of 9, 2 s, 0 incidents\nloss 2.000 → 0.0000\nnext      hone train " + run +
                "/recipe.yaml --resume\n");
}

TEST(MorningPage, AFolderWithoutARunIsRefused) {
  const TemporaryFolder folder;
  folder.write("runs/support/metrics.jsonl", "");
  try {
    read_run(folder / "runs/suport");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::input);
    EXPECT_NE(std::string(error.what()).find("(nearest: " + (folder / "runs/support").string()), std::string::npos);
  }
  EXPECT_THROW(read_run(folder / "runs"), Error);
}

TEST(ReportHtml, EscapesWhatComesFromOutside) {
  EXPECT_EQ(escaped("<script>alert('x' && \"y\")</script>"),
            "&lt;script&gt;alert(&#39;x&#39; &amp;&amp; &quot;y&quot;)&lt;/script&gt;");
  EXPECT_EQ(escaped(std::string("a\0b\x1b\x7f", 5)), "a\ufffdb\ufffd\ufffd");
  EXPECT_EQ(escaped("\xff\xc3(\xe2\x82"), "\ufffd\ufffd(\ufffd\ufffd");
  EXPECT_EQ(escaped("grün → 漢\n"), "grün → 漢\n");
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(ReportHtml, HostileStringsInEveryFileStayText) {
  const std::string attack = "</pre></td><script>steal()</script><img src=x onerror=steal()>\"'&";
  const std::string json = "\"</td><script>steal()</script><img src=x onerror=steal()>\\\"'&\\u0000\\u202e\"";
  const TemporaryFolder folder;
  write_run(folder);
  const std::string name = "run<script>steal()<";  // and in the folder's own name
  fs::rename(folder / "run", folder / name);
  folder.write(name + "/recipe.yaml", "# " + attack + "\n");
  folder.write(name + "/receipt.json", "{" + json + ":" + json + ",\"list\":[" + json + "]}");
  folder.write(name + "/provenance.json", "{\"hone\":" + json + "," + json + ":{" + json + ":" + json + "}}");
  folder.write(name + "/samples.jsonl",
               "{\"step\":0,\"prompt\":" + json + ",\"temperature\":0.8,\"text\":" + json + "}\n");
  folder.write(name + "/events.jsonl",
               "{\"step\":0,\"time\":" + json + ",\"event\":" + json + ",\"text\":" + json + "}\n");
  const std::string page = report_html(read_run(folder / name));
  EXPECT_EQ(count(page, "<script"), 0u);
  EXPECT_EQ(count(page, "<img"), 0u);
  EXPECT_GE(count(page, "&lt;script&gt;steal()"), 9u) << "they are all shown";
  EXPECT_EQ(count(page, "<pre>"), count(page, "</pre>"));
}

TEST(ReportHtml, FetchesNothingAndHasNoScript) {
  const TemporaryFolder folder;
  write_run(folder);
  const std::string page = report_html(read_run(folder / "run"));
  EXPECT_EQ(count(page, "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\""), 1u);
  for (const char* part : {"http://", "https://", "<script", "<link", "<iframe", "url(", "@import", " src=", " href="})
    EXPECT_EQ(count(page, part), 0u) << part;
  EXPECT_EQ(count(page, "<figure>"), 5u);
  EXPECT_EQ(count(page, "prefers-color-scheme: dark"), 1u);
  EXPECT_EQ(count(page, "@media print"), 1u);
  for (const char* part :
       {"1,234", "2 (lines 7)", "1.580 → 1.190", "checkpoint not written", "1.1 GiB", "model: {path: m}"})
    EXPECT_GE(count(page, part), 1u) << part;
}

TEST(Chart, NumbersThatAreNoneAndSinglePointsAreDrawnOrLeftOut) {
  EXPECT_EQ(chart({.title = "none"}), "");
  EXPECT_EQ(chart({.title = "none", .series = {{.name = "a", .points = {{1, NAN}, {2, INFINITY}}}}}), "");
  const std::string one = chart({.title = "a<b", .series = {{.name = "a", .points = {{1, 5}, {2, NAN}}}}});
  EXPECT_EQ(count(one, "<circle class=\"dot s0\""), 2u) << "one drawn, one under the pointer: " << one;
  EXPECT_EQ(count(one, "nan") + count(one, "inf"), 0u) << one;
  EXPECT_NE(one.find("<figcaption>a&lt;b"), std::string::npos);
  std::vector<Point> many;
  for (int i = 0; i < 100000; ++i) many.push_back({double(i), double(i % 7)});
  EXPECT_LT(chart({.title = "many", .series = {{.name = "a", .points = many}}}).size(), 100000u);
}

}  // namespace
}  // namespace hone::test
