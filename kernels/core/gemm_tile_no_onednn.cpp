#include "kernels/core/gemm_tile.h"

namespace hone::kernels::cpu {

bool onednn_tile(const TileProduct<float>&) { return false; }
bool onednn_tile(const TileProduct<bfloat16>&) { return false; }
bool onednn_tile(const TileProduct<bfloat16, float>&) { return false; }
bool onednn_has_bfloat16() { return false; }

}  // namespace hone::kernels::cpu
