# HONE_CUDA: OFF until a backend is configured.
set(HONE_CUDA_TEXT "off")
function(hone_add_cuda target)
endfunction()
