// hone merge RUN_DIR_OR_RECIPE [--set key=value]… [--adapter DIR] --out DIR [--dtype float32|bfloat16]
#include <iostream>

#include "tools/hone/verbs.h"
#include "trainer/run/export.h"

namespace hone::tools {

namespace {
struct MergeArguments {
  std::string out, dtype = "float32";
};

void run(const trainer::ModelSource& source, const MergeArguments& arguments) {
  require(!fs::exists(arguments.out), ExitCode::usage, arguments.out, ": is there already; choose another --out");
  // One pass over the disk, in float32: nothing for a GPU to do.
  recipes::Recipe on_cpu = source.recipe;
  on_cpu.model.device = recipes::DeviceChoice::cpu;
  Stream stream = trainer::make_stream(on_cpu.model);
  const trainer::Base base(source.recipe.model.path);
  const trainer::Decoder model = trainer::load_for_use(stream, on_cpu, base, source.adapter);
  trainer::export_model(stream, model, base, arguments.out,
                        arguments.dtype == "float32" ? trainer::ExportType::float32 : trainer::ExportType::bfloat16);
  std::cout << "model    " << arguments.out
            << (source.adapter ? "   the base with the adapter added in" : "   the base as it is held (dequantised)")
            << '\n';
}
}  // namespace

void add_merge(CLI::App& app, Exit&) {
  CLI::App* verb =
      app.add_subcommand("merge", "write the base, with an adapter added in, as a Hugging Face model directory");
  const auto arguments = add_source_arguments(*verb);
  const auto options = std::make_shared<MergeArguments>();
  verb->add_option("--out", options->out, "folder to write; must not be there")->required();
  verb->add_option("--dtype", options->dtype, "float32 or bfloat16 (float32)")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  verb->callback([arguments, options] { run(arguments->read(), *options); });
}

}  // namespace hone::tools
