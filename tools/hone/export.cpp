// hone export gguf RUN_DIR_OR_RECIPE [--adapter DIR] --out FILE.gguf [--type f32|f16]
#include <iostream>

#include "checkpoints/formats/gguf.h"
#include "tools/hone/verbs.h"
#include "trainer/run/setup.h"

namespace hone::tools {

namespace {
struct ExportArguments {
  std::string format, out, type = "f32";
};

void run(const SourceArguments& what, const ExportArguments& arguments) {
  const trainer::ModelSource source = what.read();
  require(source.adapter.has_value(), ExitCode::usage, what.what,
          ": gguf holds an adapter; name a run that has one, or --adapter DIR");
  const trainer::Base base(source.recipe.model.path);
  const checkpoints::LoraAdapter adapter = checkpoints::read_adapter(*source.adapter);
  const trainer::Config& config = base.config;
  checkpoints::write_gguf_adapter(arguments.out, adapter,
                                  {.architecture = std::string(config.family->gguf),
                                   .layers = config.layers,
                                   .heads = config.heads,
                                   .kv_heads = config.kv_heads,
                                   .head_dim = config.head_dim},
                                  arguments.type == "f16" ? checkpoints::GgufType::f16 : checkpoints::GgufType::f32);
  std::cout << "adapter  " << arguments.out << "   for llama.cpp: llama-cli -m BASE.gguf --lora " << arguments.out
            << '\n';
}
}  // namespace

void add_export(CLI::App& app, Exit&) {
  CLI::App* verb = app.add_subcommand("export", "write an adapter for another program: gguf, for llama.cpp");
  const auto options = std::make_shared<ExportArguments>();
  verb->add_option("FORMAT", options->format, "gguf")->required()->check(CLI::IsMember({"gguf"}));
  const auto what = add_source_arguments(*verb);
  verb->add_option("--out", options->out, "file to write")->required();
  verb->add_option("--type", options->type, "f32 or f16 (f32)")->check(CLI::IsMember({"f32", "f16"}));
  verb->callback([what, options] { run(*what, *options); });
}

}  // namespace hone::tools
