// Which chat format a recipe and a model mean.
#pragma once
#include <memory>

#include "data/template/chat_template.h"
#include "kernels/host/file.h"
#include "recipes/recipe.h"

namespace hone::trainer {

// data.chat_layout: the model's own chat template (or data.chat_template), or a built-in layout; auto is the template
// where there is one, else chatml. Not `needed`: null where the model has no template and not chatml's tokens. Errors
// (ExitCode::input): a template that is asked for and not there, or wrong; a layout whose tokens the tokenizer does not
// have.
std::shared_ptr<const data::ChatFormat> chat_format_of(const recipes::DataSection&, const fs::path& model,
                                                       const data::Tokenizer&, bool needed = true);

// The template alone: an error where there is none.
std::shared_ptr<const data::ChatTemplate> chat_template_of(const recipes::DataSection&, const fs::path& model,
                                                           const data::Tokenizer&);

// Of a model directory alone: its template, else the layout whose special tokens its tokenizer has, else null.
std::shared_ptr<const data::ChatFormat> chat_format_of(const fs::path& model, const data::Tokenizer&);

}  // namespace hone::trainer
