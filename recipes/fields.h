// The one list of recipe keys: name, place in Recipe, meaning, limits. Reading, overriding, printing and describing
// walk it with a visitor, so a new key is one line here and one in recipe.h.
//   for_each_section(recipe, [&](const char* name, auto& section, const char* meaning) {
//     for_each_field(section, [&](const char* key, auto& value, const About& about) { … });
//   });
// `recipe` may be const; value's type then is const too.
#pragma once
#include <array>
#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>

#include "recipes/recipe.h"

namespace hone::recipes {

struct About {
  const char* meaning;
  double least = -std::numeric_limits<double>::infinity();  // allowed itself
  double most = std::numeric_limits<double>::infinity();    // allowed itself
  double above = -std::numeric_limits<double>::infinity();  // not allowed itself
  double below = std::numeric_limits<double>::infinity();   // not allowed itself
};

// Integers end where products of a few of them still fit 64 bits.
inline constexpr double kMany = 1e12;

template <class Section, class Visit>
requires std::same_as<std::remove_const_t<Section>, ModelSection>
void for_each_field(Section& s, Visit&& visit) {
  visit("path", s.path, About{"Hugging Face model directory: config.json, *.safetensors, tokenizer.json."});
  visit("shape", s.shape,
        About{"Name of a known model instead of path, to plan without its files: llama-3.1-8b, llama-3.3-70b, "
              "qwen2.5-7b …; "
              "a wrong name is answered with all of them."});
  visit("weights", s.weights,
        About{"load: the directory's weights. random: start from random weights, config.json is enough."});
  visit("quantization", s.quantization,
        About{"How the frozen base is held. nf4: 4 bits a weight, a quarter of the memory. none: as stored."});
  visit("double_quantization", s.double_quantization,
        About{"nf4 only: block scales are quantised too, saving 0.4 bits a weight."});
  visit("compute", s.compute,
        About{"Number format of activations. auto: bfloat16 on a GPU that has it, float32 on the CPU."});
  visit("device", s.device, About{"Where the run computes. auto: the GPU where there is one, else the CPU."});
  visit(
      "cache", s.cache,
      About{"Folder of quantised bases, so that the next start reads 4 bits a weight. auto: base-cache beside the run "
            "folder. none: quantise at each start."});
  visit("threads", s.threads, About{.meaning = "CPU threads; 0: all cores.", .least = 0, .most = 4096});
}

template <class Section, class Visit>
requires std::same_as<std::remove_const_t<Section>, AdapterSection>
void for_each_field(Section& s, Visit&& visit) {
  visit("type", s.type, About{"lora: train small matrices beside the frozen base. none: train every parameter."});
  visit(
      "r", s.r,
      About{.meaning = "Rank: width of the small matrices. 8 to 64 are usual; more learns more and takes more memory.",
            .least = 1,
            .most = 65536});
  visit("lora_alpha", s.lora_alpha,
        About{.meaning = "Scale: the adapter counts lora_alpha / r times. 1 to 2 times r is usual.", .least = 0});
  visit("lora_dropout", s.lora_dropout,
        About{.meaning = "Share of the adapter's inputs zeroed while training. 0.05 to 0.1 helps with few rows.",
              .least = 0,
              .below = 1});
  visit(
      "target_modules", s.target_modules,
      About{
          "Which linear layers get an adapter: all-linear, a list of names, or a regular expression for whole names."});
  visit("use_rslora", s.use_rslora, About{"Scale by lora_alpha / sqrt(r) instead, for high ranks."});
  visit("path", s.path, About{"Continue from the adapter in this folder."});
}

template <class Section, class Visit>
requires std::same_as<std::remove_const_t<Section>, DataFile>
void for_each_field(Section& s, Visit&& visit) {
  visit(
      "path", s.path,
      About{"A file, a pattern (data/*.jsonl, data/**/*.jsonl) or a list of either: JSON lines, a JSON list, Parquet, "
            "or for text a .txt file; gzip and zstd are found by content."});
  visit(
      "type", s.type,
      About{"messages: chats as OpenAI has them. sharegpt: conversations of from and value. oasst: trees, each path a "
            "row. alpaca: instruction, input, output. completion: prompt, completion. text: plain text. tokens: "
            "input_ids, labels. preference: prompt, chosen, rejected; read and checked, not trained on yet."});
  visit("fields", s.fields,
        About{"Where the data has other names for its fields: {messages: dialog, role: speaker, content: text}."});
  visit(
      "roles", s.roles,
      About{"What the data's roles stand for: {customer: user, agent: assistant}; system, user, human, assistant, gpt, "
            "tool and the like are known."});
  visit("weight", s.weight,
        About{.meaning = "How often an epoch takes the file's rows: 2 twice, 0.5 a fixed half of them, by hash of the "
                         "row. Of training alone.",
              .most = 1000,
              .above = 0});
  visit("turns", s.turns,
        About{"alpaca and completion: what is asked and answered becomes two turns of a chat, as data.chat_layout has "
              "it."});
  visit("append_end", s.append_end, About{"text: whether the end token follows each text."});
}

template <class Section, class Visit>
requires std::same_as<std::remove_const_t<Section>, CheckSection>
void for_each_field(Section& s, Visit&& visit) {
  const auto limit = [&](const char* name, auto& value, const char* meaning) {
    visit(name, value, About{.meaning = meaning, .least = 0, .most = kMany});
  };
  limit("max_bad", s.max_bad,
        "Rows that cannot be read and are left out (bad_rows: skip). As all limits of check: below 1 a share of the "
        "rows, from 1 on a number of them, 0 none; without a limit it is only said. This one and those of the receipt "
        "(max_unlearned, max_too_long, max_missing_ends, max_duplicates, max_shared) also keep train and prepare from "
        "starting; hone data check looks at all.");
  limit("max_unlearned", s.max_unlearned, "Rows without a learned token.");
  limit("max_too_long", s.max_too_long, "Rows longer than max_length, which are dropped or cut.");
  limit("max_empty_answers", s.max_empty_answers, "Rows with an empty answer.");
  limit("max_missing_ends", s.max_missing_ends, "Answers that do not learn their end token.");
  limit("max_double_bos", s.max_double_bos, "Rows that begin with two start tokens.");
  limit("max_duplicates", s.max_duplicates, "Rows equal to an earlier one.");
  limit("max_near_duplicates", s.max_near_duplicates, "Rows that share at least 80 % with an earlier one.");
  limit("max_shared", s.max_shared, "Evaluation rows that are training rows too; a share is of the evaluation rows.");
  limit("max_near_shared", s.max_near_shared, "Evaluation rows that share at least 80 % with a training row.");
  limit("max_broken_text", s.max_broken_text,
        "Rows that hold U+FFFD, text decoded with the wrong encoding, or control characters.");
  limit("max_secrets", s.max_secrets, "Rows with strings that look like passwords, tokens or keys.");
  limit("max_personal", s.max_personal,
        "Rows with strings that look like e-mail addresses, telephone, card, account or identity numbers, IP "
        "addresses.");
}

template <class Section, class Visit>
requires std::same_as<std::remove_const_t<Section>, DataSection>
void for_each_field(Section& s, Visit&& visit) {
  visit("train", s.train, About{"Files to learn from: [{path: data/a.jsonl, type: messages}]."});
  visit("evaluation", s.evaluation, About{"Files to evaluate on, or use evaluation_split."});
  visit("evaluation_split", s.evaluation_split,
        About{.meaning = "Share of the training rows kept for evaluation, chosen by hash: the same rows in every run.",
              .least = 0,
              .below = 1});
  visit("max_length", s.max_length,
        About{.meaning = "Longest row in tokens, and the length of packed rows.", .least = 2, .most = 16777216});
  visit("packing", s.packing, About{"Several documents in a row, isolated from each other: no padding to pay for."});
  visit(
      "packing_method", s.packing_method,
      About{
          "best_fit: each document where it fills a row best, the least padding. sequential: in order, as they come."});
  visit("train_on", s.train_on,
        About{"answers: learn the assistant's turns. last: only the last of them. all: every token."});
  visit("shuffle", s.shuffle, About{"A new order in every epoch, by training.seed. false: file order."});
  visit("train_roles", s.train_roles,
        About{"Whose messages are answers. A message with \"train\": false or \"weight\": 0 is none."});
  visit("chat_layout", s.chat_layout,
        About{"How chats become text. template: the model's own chat template, as transformers renders it. chatml, "
              "llama3, plain: built in. auto: the template where the model has one, else chatml."});
  visit("chat_template", s.chat_template,
        About{"Template instead of the model's own: a file, or the Jinja text itself. With {% generation %} around "
              "answers it says itself what is learned."});
  visit("chat_variables", s.chat_variables,
        About{"Variables of the template: [\"enable_thinking=false\"]. Values are JSON where they can be read so, else "
              "text. A row's own (chat_template_kwargs) win."});
  visit("chat_date", s.chat_date,
        About{"The day that a template sees as today (strftime_now), 2026-11-26, so that every run reads the same. "
              "Without it the function is not there."});
  visit("parse_special_tokens", s.parse_special_tokens,
        About{"true: strings like <|im_end|> within messages become control tokens. false: they stay text, so that no "
              "row can end a turn."});
  visit(
      "too_long", s.too_long,
      About{"Training rows longer than max_length, counted in any case. drop: left out. split: consecutive pieces, of "
            "which the first token is not learned. truncate: their beginning. auto: text is split, the others "
            "dropped."});
  visit("bad_rows", s.bad_rows,
        About{"Rows that are broken, of another schema or over 64 MiB. stop: name them and start nothing. skip: leave "
              "them out and count them in the receipt."});
  visit("check", s.check, About{"How much may be wrong with the data: {max_secrets: 0, max_duplicates: 0.01}."});
  visit("shards", s.shards,
        About{"Folder of the prepared data, reused while data and settings are the same. Default: shards, beside "
              "output.dir. May be deleted between runs."});
}

template <class Section, class Visit>
requires std::same_as<std::remove_const_t<Section>, TrainingSection>
void for_each_field(Section& s, Visit&& visit) {
  visit("epochs", s.epochs,
        About{.meaning = "Passes over the training rows; may be a fraction.", .most = 1e6, .above = 0});
  visit("max_steps", s.max_steps,
        About{.meaning = "End after this many optimiser steps; 0: by epochs.", .least = 0, .most = kMany});
  visit("batch_tokens", s.batch_tokens,
        About{.meaning = "Target size of an optimiser step in tokens; 0: by micro_batch_size and "
                         "gradient_accumulation_steps.",
              .least = 0,
              .most = kMany});
  visit("micro_batch_size", s.micro_batch_size,
        About{.meaning = "Rows computed at once.", .least = 1, .most = 1048576});
  visit("gradient_accumulation_steps", s.gradient_accumulation_steps,
        About{.meaning = "Micro-batches summed into an optimiser step.", .least = 1, .most = 1048576});
  visit("learning_rate", s.learning_rate,
        About{.meaning = "Peak learning rate. 1e-4 to 3e-4 for LoRA, 1e-5 to 5e-5 for every parameter.", .least = 0});
  visit("lr_scheduler", s.lr_scheduler,
        About{"How the rate falls after the warm-up: cosine or linear to 0, or constant."});
  visit("warmup_ratio", s.warmup_ratio,
        About{.meaning = "Share of the steps in which the rate rises from 0 to its peak.", .least = 0, .most = 1});
  visit("warmup_steps", s.warmup_steps,
        About{.meaning = "The same as a number of steps; one of the two.", .least = 0, .most = kMany});
  visit("seed", s.seed, About{.meaning = "Start of everything random: order, dropout, new weights.", .least = 0});
  visit("optimizer", s.optimizer,
        About{"adamw: its two moments in float32, 8 bytes a trained parameter. adamw_8bit: in 8 bits, 2 bytes; of use "
              "where every parameter is trained."});
  visit("adam_beta1", s.adam_beta1, About{.meaning = "AdamW: memory of the gradient's mean.", .least = 0, .below = 1});
  visit("adam_beta2", s.adam_beta2,
        About{.meaning = "AdamW: memory of the gradient's square.", .least = 0, .below = 1});
  visit("adam_epsilon", s.adam_epsilon, About{.meaning = "AdamW: added to the divisor.", .least = 0});
  visit("weight_decay", s.weight_decay,
        About{.meaning = "AdamW: decoupled decay, times the learning rate.", .least = 0});
  visit("max_grad_norm", s.max_grad_norm,
        About{.meaning = "Longer gradients are scaled down to this norm; 0: never.", .least = 0});
  visit("eval_steps", s.eval_steps,
        About{.meaning = "Evaluate every so many steps; 0: before the first and after the last alone.",
              .least = 0,
              .most = kMany});
  visit("recompute", s.recompute,
        About{"Memory against time: what the backward pass computes again instead of keeping it. auto: as little as "
              "fits."});
  visit("deterministic", s.deterministic,
        About{"The same bits again in every run and after every resume. It is always so but on an H100 or H200, where "
              "cuDNN's attention is faster and adds up gradients in the order they come; true does without it."});
  visit("sample_prompts", s.sample_prompts,
        About{"Prompts answered every eval_steps and at the end, to watch the model change."});
}

template <class Section, class Visit>
requires std::same_as<std::remove_const_t<Section>, OutputSection>
void for_each_field(Section& s, Visit&& visit) {
  visit("dir", s.dir, About{"Run folder. Default: runs/ and the recipe file's name."});
  visit("save_every", s.save_every, About{"Checkpoint interval: 30min, 2h, 45s, or a number of steps."});
  visit("keep", s.keep, About{.meaning = "Checkpoints kept; older ones are removed.", .least = 1, .most = kMany});
}

template <class R, class Visit>
requires std::same_as<std::remove_const_t<R>, Recipe>
void for_each_section(R& recipe, Visit&& visit) {
  visit("model", recipe.model, "The model that is trained or whose adapter is trained.");
  visit("adapter", recipe.adapter, "What is trained.");
  visit("data", recipe.data, "What it learns from.");
  visit("training", recipe.training, "How it learns.");
  visit("output", recipe.output, "Where results go.");
}

// The words of a choice, in the enumeration's order.
template <class E>
inline constexpr std::array<const char*, 0> kWords{};
template <>
inline constexpr std::array kWords<Quantization>{"nf4", "none"};
template <>
inline constexpr std::array kWords<Compute>{"auto", "float32", "bfloat16"};
template <>
inline constexpr std::array kWords<DeviceChoice>{"auto", "cpu", "cuda"};
template <>
inline constexpr std::array kWords<WeightsFrom>{"load", "random"};
template <>
inline constexpr std::array kWords<AdapterType>{"lora", "none"};
template <>
inline constexpr std::array kWords<PackingMethod>{"best_fit", "sequential"};
template <>
inline constexpr std::array kWords<RowType>{"messages",   "sharegpt", "oasst",  "alpaca",
                                            "completion", "text",     "tokens", "preference"};
template <>
inline constexpr std::array kWords<TrainOn>{"answers", "all", "last"};
template <>
inline constexpr std::array kWords<ChatLayout>{"auto", "template", "chatml", "llama3", "plain"};
template <>
inline constexpr std::array kWords<BadRows>{"stop", "skip"};
template <>
inline constexpr std::array kWords<TooLong>{"auto", "drop", "split", "truncate"};
template <>
inline constexpr std::array kWords<Scheduler>{"cosine", "linear", "constant"};
template <>
inline constexpr std::array kWords<OptimizerChoice>{"adamw", "adamw_8bit"};
template <>
inline constexpr std::array kWords<RecomputeChoice>{"auto", "none", "selective", "full"};

template <class E>
requires std::is_enum_v<E> std::string word_of(E value) { return kWords<E>[size_t(value)]; }

std::string interval_text(const SaveEvery& every);  // "100", "30min", "45s"

}  // namespace hone::recipes
