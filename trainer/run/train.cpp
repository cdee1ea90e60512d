#include "trainer/run/train.h"

#include <cmath>
#include <optional>

#include "data/batches/prefetcher.h"
#include "kernels/core/cuda/device.h"
#include "kernels/host/hash.h"
#include "kernels/host/text.h"
#include "trainer/evaluation/evaluate.h"
#include "trainer/run/cached_base.h"
#include "trainer/run/corpus.h"
#include "trainer/run/export.h"
#include "trainer/run/planning.h"
#include "trainer/run/run_folder.h"
#include "trainer/run/run_log.h"
#include "trainer/run/setup.h"
#include "trainer/run/state.h"

namespace hone::trainer {

namespace {
// After this many checkpoints in a row that could not be written, the run ends.
constexpr int kMostFailedSaves = 3;

bool trains_everything(const recipes::Recipe& recipe) { return recipe.adapter.type == recipes::AdapterType::none; }

// What must be the same again for a resumed run to be the same run.
Json facts_of(const recipes::Recipe& recipe, const Base& base, const Corpus& corpus) {
  Json settings = recipes::to_json(recipe);
  settings.erase("output");
  for (const char* key : {"threads", "device", "shape", "cache"}) settings["model"].erase(key);
  settings["data"].erase("shards");
  for (const char* key : {"eval_steps", "sample_prompts", "recompute", "deterministic"})
    settings["training"].erase(key);
  return {{"recipe", settings},
          {"base", base.directory.fingerprint()},
          {"data", corpus.hash},
          {"layout", Decoder::kLayout}};
}

// A line now and then while data is prepared.
std::function<void(const data::PrepareProgress&)> prepare_lines(RunLog& screen) {
  return [&screen, since = Stopwatch(), all = Stopwatch()](const data::PrepareProgress& at) mutable {
    if (since.seconds() < 5) return;
    since.restart();
    screen.say("prepare  " + progress_text(at, all.seconds()));
  };
}

class Run {
 public:
  Run(const recipes::Recipe& recipe, const TrainCommand& command, std::ostream& screen)
      : recipe_(recipe),
        command_(command),
        folder_(recipe.output.dir),
        stream_(make_stream(recipe.model)),
        base_(recipe.model.path),
        tokenizer_(find_tokenizer(recipe.model.path)),
        log_(folder_, screen, command.screen) {
    require(command.resume || !folder_.holds_a_run(), ExitCode::usage, folder_.path().string(),
            ": already holds a run. Go on with: hone train ", command.recipe_name,
            " --resume   (or choose another output.dir)");
  }

  ExitCode go() {
    read_data();
    plan();
    ahead_.emplace(*corpus_.batches, data::PrefetchOptions{.last = total_steps_});
    if (!command_.resume) ahead_->start(0);  // while the base is loaded
    load_model();
    prepare_loop();
    if (command_.resume)
      resume();
    else
      start();
    if (!train_steps()) return ExitCode::stopped;
    finish();
    return ExitCode::done;
  }

  // A run that had begun is not forgotten: the report says why it ended.
  void failed(const Error& error) {
    if (!begun_) return;
    log_.close();
    log_.event("failed", loop_->steps_done(), error.what());
    log_.report();
  }

 private:
  void say(const std::string& line) { log_.say(line); }
  void note(const std::string& text) { log_.incident(loop_ ? loop_->steps_done() : 0, text); }

  void read_data() {
    corpus_ = read_corpus(recipe_, base_, tokenizer_, {.progress = prepare_lines(log_)});
    std::string receipt = corpus_.receipt.text();
    while (receipt.ends_with('\n')) receipt.pop_back();
    say(receipt);
    const recipes::TrainingSection& t = recipe_.training;
    total_steps_ = t.max_steps > 0 ? t.max_steps : corpus_.batches->steps_of(t.epochs);
    require(total_steps_ > 0, ExitCode::usage, "training.epochs: ", t.epochs,
            " of this data is not one step; set training.max_steps");
  }

  // Refuses what does not fit before anything is loaded.
  void plan() {
    const Workload load = workload_of(recipe_, corpus_, tokenizer_, total_steps_);
    weights_ = weights_of(recipe_, base_);
    shape_ = run_shape(recipe_, base_.config, load);
    Stream measuring = make_stream(recipe_.model);  // of its own: what it takes is not the run's
    for (Stream* stream : {&stream_, &measuring}) stream->set_attention_by_library(shape_->attention_by_library);
    const Forecast planned =
        forecast(recipe_, *shape_, *weights_, load, storage_of(recipe_, &base_, shape_->load, &corpus_, load),
                 budget_of_machine(stream_.device().type), &measuring);
    expected_ = {.steps = total_steps_,
                 .planned_bytes = planned.choice.usage.peak,
                 .planned_seconds = planned.step_seconds * double(total_steps_),
                 .flops_per_token = planned.step_flops / std::max(load.step_tokens, 1.0),
                 .save_steps = recipe_.output.save_every.steps,
                 .save_seconds = recipe_.output.save_every.seconds};
    plan_json_ = planned.json().dump(2) + "\n";
    plan_ = planned.choice.plan;
    const Screen& screen = command_.screen;
    std::string text = planned.text({.width = screen.width(), .utf8 = screen.utf8, .colour = screen.colour});
    text.pop_back();
    say(text);
    require(planned.fits(), ExitCode::memory, "the run needs ", bytes_text(planned.choice.usage.peak), ", ",
            bytes_text(planned.budget.bytes), " can be used; nothing was started. ",
            planned.ways.empty() || !planned.ways.front().enough ? "See the ways above"
                                                                 : "It fits with: --set " + planned.ways.front().set);
    require(planned.disk.lacking == 0, ExitCode::io, folder_.path().string(), ": the run writes ",
            bytes_text(planned.disk.needed), " to disk, ", bytes_text(planned.disk.lacking),
            " more than is free; nothing was started. ", planned.disk_remedy());
  }

  void load_model() {
    cached_base_.emplace(recipe_, base_, shape_->load, [this](const std::string& line) { say(line); });
    model_.emplace(cached_base_->load(stream_, *weights_));
    cached_base_->keep(*model_);
    if (shape_->adapter) {
      add_lora(stream_, *model_, *shape_->adapter, true);
    } else if (shape_->lora) {
      add_lora(stream_, *model_, *shape_->lora);
    }
  }

  // Evaluation reads no more at a time than training does, but for a row that is longer alone.
  int64_t evaluation_budget() const { return std::min<int64_t>(kEvaluationTokens, std::ssize(shape_->batch.tokens)); }

  void prepare_loop() {
    const recipes::TrainingSection& t = recipe_.training;
    const RateOptions rate{
        .schedule = t.lr_scheduler == recipes::Scheduler::cosine   ? Schedule::cosine
                    : t.lr_scheduler == recipes::Scheduler::linear ? Schedule::linear
                                                                   : Schedule::constant,
        .peak = t.learning_rate,
        .warmup_steps = t.warmup_steps > 0 ? t.warmup_steps : warmup_steps_of(t.warmup_ratio, total_steps_),
        .total_steps = total_steps_};
    const kernels::AdamW adamw{.beta1 = t.adam_beta1,
                               .beta2 = t.adam_beta2,
                               .eps = t.adam_epsilon,
                               .decay = t.weight_decay,
                               .max_norm = t.max_grad_norm > 0 ? t.max_grad_norm : INFINITY};
    loop_.emplace(
        stream_, *model_, [this](int64_t step) { return ahead_->step(step); },
        TrainOptions{.seed = uint64_t(t.seed),
                     .adamw = adamw,
                     .optimizer = optimizer_of(t),
                     .rate = [rate](int64_t step) { return rate_at(rate, step); },
                     .longest = recipe_.data.max_length},
        plan_);
    store_.emplace(folder_.checkpoints(), recipe_.output.keep, command_.version);
  }

  void start() {
    write_text(folder_.recipe(), recipes::to_yaml(recipe_));
    write_text(folder_.plan(), plan_json_);
    write_text(folder_.receipt(), corpus_.receipt.json().dump(2) + "\n");
    for (const Rope& rope : base_.config.ropes)
      if (rope.kind == RopeKind::longrope)
        say(joined("rope     longrope turns by its ", rope.decided_by(1, recipe_.data.max_length) ? "long" : "short",
                   " factors in training: data.max_length is ", recipe_.data.max_length, ", they change at ",
                   int64_t(rope.original), " tokens. Evaluation and samples decide by each text's own length"));
    say(joined("start    ", total_steps_, " steps, ", with_commas(loop_->parameters().values().elements()),
               " trained parameters, ", corpus_.train->count(), " rows a pass"));
    begin();
    evaluate_now();
  }

  void begin() {
    begun_ = true;
    ahead_->start(loop_->steps_done());
    log_.begin(loop_->steps_done(), expected_);
  }

  void resume() {
    const auto found = store_->newest();
    if (!found) {
      note("there is no checkpoint to resume from: starting at step 0");
      folder_.keep_lines_until(-1);
      return start();
    }
    for (const std::string& text : found->notes) note(text);
    ahead_->start(found->state.step);
    const Json& saved = found->state.facts;
    for (const std::string& text : check_resume(saved.at("settings"), facts_of(recipe_, base_, corpus_))) note(text);
    restore(*loop_, found->state);
    tokens_ = saved.at("tokens").get<int64_t>();
    seconds_ = saved.at("seconds").get<double>();
    if (saved.contains("first_loss")) first_loss_ = saved.at("first_loss").get<double>();
    if (saved.contains("first_evaluation")) first_evaluation_ = saved.at("first_evaluation").get<double>();
    folder_.keep_lines_until(loop_->steps_done());
    write_text(folder_.recipe(), recipes::to_yaml(recipe_));
    write_text(folder_.plan(), plan_json_);
    say(joined("resume   from ", found->folder.filename().string(), ", ", total_steps_ - loop_->steps_done(),
               " steps to go"));
    begin();
  }

  // False when a stop was wanted before the last step.
  bool train_steps() {
    while (loop_->steps_done() < total_steps_) {
      const Stopwatch watch;
      const StepReport report = loop_->step();
      const StepRecord record{report, watch.seconds(), stream_.allocator()->usage().peak};
      require(report.finite, ExitCode::numerical, "step ", report.step,
              ": the loss or its gradient is not a finite number; no parameter was ",
              "changed by it. The newest checkpoint is whole. Try a lower training.learning_rate or a longer warm-up");
      tokens_ += report.tokens, seconds_ += record.seconds;
      last_loss_ = report.loss;
      if (!first_loss_) first_loss_ = report.loss;
      log_.step(record);
      const bool last = report.step == total_steps_;
      if (!last && recipe_.training.eval_steps > 0 && report.step % recipe_.training.eval_steps == 0) evaluate_now();
      if (command_.stop_wanted() && !last) {
        log_.close();
        log_.tell(joined("stopping after this step … ", save(true), ".  Go on with: hone train ", command_.recipe_name,
                         " --resume"));
        log_.event("stop", report.step);
        log_.report();
        return false;
      }
      if (save_is_due(report.step) && !last)
        if (const std::string saved = save(false); !saved.empty()) say(saved);
    }
    return true;
  }

  bool save_is_due(int64_t step) {
    const recipes::SaveEvery& every = recipe_.output.save_every;
    return every.steps > 0 ? step % every.steps == 0 : every.seconds > 0 && since_save_.seconds() >= every.seconds;
  }

  // "checkpoint step-000129 written (1.2 s)". A failed save leaves the previous checkpoints whole; the run goes on
  // unless it must not or cannot save again and again.
  std::string save(bool must) {
    const Stopwatch watch;
    Json facts{{"settings", facts_of(recipe_, base_, corpus_)},
               {"tokens", tokens_},
               {"seconds", seconds_},
               {"version", command_.version}};
    if (first_loss_) facts["first_loss"] = *first_loss_;
    if (first_evaluation_) facts["first_evaluation"] = *first_evaluation_;
    since_save_.restart(), log_.saved();
    try {
      store_->save(state_of(*loop_, std::move(facts)));
      failed_saves_ = 0;
      char took[32];
      std::snprintf(took, sizeof took, "%.1f s", watch.seconds());
      return joined("checkpoint ", store_->folder_of(loop_->steps_done()).filename().string(), " written (", took, ")");
    } catch (const Error& error) {
      if (must || error.code() != ExitCode::io || ++failed_saves_ >= kMostFailedSaves) throw;
      note(joined("checkpoint not written, the run goes on: ", error.what()));
      return {};
    }
  }

  void evaluate_now() {
    if (!corpus_.evaluation.empty()) {
      const Evaluation held_out = evaluate(stream_, *model_, corpus_.evaluation, evaluation_budget());
      last_evaluation_ = held_out.loss;
      if (!first_evaluation_) first_evaluation_ = held_out.loss;
      log_.evaluated(loop_->steps_done(), held_out);
    }
    show_samples();
  }

  void show_samples() {
    if (recipe_.training.sample_prompts.empty()) return;
    require(tokenizer_.has_value(), ExitCode::usage,
            "training.sample_prompts: the model directory has no tokenizer.json");
    for (const std::string& prompt : recipe_.training.sample_prompts)
      for (const double temperature : {0.0, 0.8}) {
        const SamplingOptions options{.max_new_tokens = kSampleTokens,
                                      .temperature = temperature,
                                      .top_p = 0.95,
                                      .seed = uint64_t(recipe_.training.seed)};
        const std::vector<int32_t> made = generate(stream_, *model_, prompt_tokens(*tokenizer_, prompt), options);
        log_.sample(loop_->steps_done(), prompt, temperature, tokenizer_->decode(made, true));
      }
  }

  void finish() {
    evaluate_now();
    cached_base_->finish();
    log_.close();
    const std::string what = trains_everything(recipe_) ? "model" : "adapter";
    const fs::path place = folder_.path() / what;
    if (trains_everything(recipe_)) {
      export_model(stream_, *model_, base_, place, ExportType::float32);
    } else {
      checkpoints::write_adapter(place, adapter_of(*model_, *shape_->lora, recipe_.model.path));
    }
    OrderedJson summary{{"steps", total_steps_},
                        {"tokens", tokens_},
                        {"seconds", seconds_},
                        {"peak_bytes", stream_.allocator()->usage().peak}};
    if (first_loss_) summary["first_loss"] = *first_loss_;
    if (last_loss_) summary["last_loss"] = *last_loss_;
    if (first_evaluation_) summary["evaluation_before"] = *first_evaluation_;
    if (last_evaluation_) summary["evaluation_after"] = *last_evaluation_;
    if (recipe_.training.max_steps == 0) summary["epochs"] = recipe_.training.epochs;
    summary[what] = place.string();
    summary["sha256"] =
        sha256_of_file(place / (trains_everything(recipe_) ? "config.json" : "adapter_model.safetensors"));
    summary["base_fingerprint"] = base_.directory.fingerprint();
    summary["version"] = command_.version;
    write_text(folder_.summary(), summary.dump(2) + "\n");
    write_text(folder_.provenance(), provenance_of(place).dump(2) + "\n");
    log_.event("done", total_steps_);
    log_.tell(log_.report());
  }

  // What went in and what came out, by hash.
  OrderedJson provenance_of(const fs::path& result) const {
    OrderedJson files = OrderedJson::object();
    for (const fs::path& file : entries_of(result))
      if (fs::is_regular_file(file)) files[file.filename().string()] = sha256_of_file(file);
    OrderedJson data = OrderedJson::array();
    for (const recipes::DataFile& entry : recipe_.data.train)
      for (const std::string& file : recipes::files_of(entry)) data.push_back(file);
    const fs::path tokenizer = base_.directory.path() / "tokenizer.json";
    OrderedJson device{{"type", stream_.device().type == DeviceType::cuda ? "cuda" : "cpu"}};
    if (stream_.device().type == DeviceType::cuda) {  // what it takes to get the same bits again
      const CudaDevice gpu = cuda_devices().at(size_t(stream_.device().index));
      const CudaVersions versions = cuda_versions();
      device.update({{"name", gpu.name},
                     {"compute_capability", gpu.capability()},
                     {"driver", versions.driver},
                     {"runtime", versions.runtime},
                     {"attention", stream_.attention_by_library() ? "cuDNN" : "hone"}});
      for (const CudaLibrary& library : cuda_libraries()) device["libraries"][library.name] = library.version;
      device["algorithms"] = cuda_algorithms();
    }
    return {{"hone", command_.version},
            {"device", device},
            {"recipe_sha256", sha256_of(recipes::to_yaml(recipe_))},
            {"base", {{"path", recipe_.model.path}, {"fingerprint", base_.directory.fingerprint()}}},
            {"tokenizer_sha256", fs::exists(tokenizer) ? sha256_of_file(tokenizer) : "none"},
            {"data", {{"files", data}, {"hash", corpus_.hash}}},
            {"result", {{"folder", result.string()}, {"sha256", files}}}};
  }

  const recipes::Recipe& recipe_;
  const TrainCommand& command_;
  RunFolder folder_;
  Stream stream_;
  Base base_;
  std::optional<data::Tokenizer> tokenizer_;
  RunLog log_;
  bool begun_ = false;
  Corpus corpus_;
  std::optional<data::Prefetcher> ahead_;
  int64_t total_steps_ = 0;
  std::unique_ptr<Weights> weights_;
  std::optional<CachedBase> cached_base_;
  std::optional<Decoder> model_;
  std::optional<RunShape> shape_;
  Progress::Expected expected_;
  std::string plan_json_;
  Plan plan_;
  std::optional<TrainLoop> loop_;
  std::optional<checkpoints::StateStore> store_;
  Stopwatch since_save_;
  int failed_saves_ = 0;
  int64_t tokens_ = 0;
  double seconds_ = 0;
  std::optional<double> first_loss_, last_loss_, first_evaluation_, last_evaluation_;
};
}  // namespace

ExitCode train(const recipes::Recipe& recipe, const TrainCommand& command, std::ostream& screen) {
  Run run(recipe, command, screen);
  try {
    return run.go();
  } catch (const Error& error) {
    run.failed(error);
    throw;
  }
}

}  // namespace hone::trainer
