# HONE_CUDA: OFF, ON (nvcc, absence is an error), AUTO (nvcc where it is found), EMULATED (the CUDA sources as C++, executed on the CPU by
# the tests: tests/support/cuda_on_cpu). Sets HONE_HAS_CUDA and HONE_CUDA_FOUND (ON, EMULATED or OFF), which tools/test reads.
#
# hone_add_cuda(TARGET) adds every *_cuda.cu of the kernels. An x.cpp that has an x_cuda.cu beside it is compiled with HONE_CUDA_TWIN=1, any
# other with 0: kernels/core/dispatch.h then calls the CUDA function or says that the op has none. So there is no list of ops to keep.
set(HONE_CUDA_FOUND OFF)
set(HONE_CUDA_TEXT "off")
set(HONE_CUDA_ROOTS $ENV{CUDAToolkit_ROOT} $ENV{CUDA_PATH} $ENV{CUDA_HOME} /usr/local/cuda
    ${CMAKE_SOURCE_DIR}/build/wheels/cuda-toolkit-13.0/nvidia/cu13)  # the last: tools/setup --cuda

# The oldest target is kept as portable code, so that an unlisted GPU still starts. Never `native`: builders have no GPU.
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80-virtual;90a-real;121a-real")
endif()

# Whether nvcc compiles C++20 for these architectures with this compiler. Tried here, because a failing enable_language() would end the
# configuration.
function(hone_try_nvcc nvcc result)
  set(folder ${CMAKE_BINARY_DIR}/CMakeFiles/hone_try_nvcc)
  file(WRITE ${folder}/try.cu "#include <span>\n__global__ void kernel(int* p) { *p = 1; }\nint first(std::span<const int> s) { return s[0]; }\n")
  set(generate)
  foreach(architecture IN LISTS CMAKE_CUDA_ARCHITECTURES)
    string(REGEX MATCH "^[0-9]+[af]?" number ${architecture})
    list(APPEND generate --generate-code=arch=compute_${number},code=compute_${number})
  endforeach()
  execute_process(COMMAND ${nvcc} -std=c++20 -ccbin ${CMAKE_CXX_COMPILER} ${generate} -c try.cu -o try.o WORKING_DIRECTORY ${folder}
                  RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  set(text "")
  if(NOT status EQUAL 0)
    string(REGEX MATCH "[^\n]+" text "${said}")
    set(text "${nvcc} does not compile C++20 for ${CMAKE_CUDA_ARCHITECTURES}: ${text}")
  endif()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

if(HONE_CUDA STREQUAL "AUTO" OR HONE_CUDA STREQUAL "ON")
  find_program(HONE_NVCC nvcc HINTS ${HONE_CUDA_ROOTS} PATH_SUFFIXES bin)
  if(NOT HONE_NVCC)
    set(problem "nvcc was not found")
  else()
    hone_try_nvcc(${HONE_NVCC} problem)
  endif()
  if(NOT problem)
    set(CMAKE_CUDA_COMPILER ${HONE_NVCC})
    set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
    if(HONE_CCACHE)
      set(CMAKE_CUDA_COMPILER_LAUNCHER ${HONE_CCACHE})
    endif()
    enable_language(CUDA)
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc 13 has C++20
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    find_package(CUDAToolkit REQUIRED)
    set(HONE_CUDA_FOUND ON)
    set(HONE_CUDA_TEXT "${HONE_NVCC} ${CUDAToolkit_VERSION}, for ${CMAKE_CUDA_ARCHITECTURES}")
  elseif(HONE_CUDA STREQUAL "ON")
    message(FATAL_ERROR "HONE_CUDA=ON: ${problem}. Install NVIDIA's CUDA toolkit 13, or configure with -DHONE_CUDA=OFF.")
  else()
    set(HONE_CUDA_TEXT "off: ${problem}")
  endif()
elseif(HONE_CUDA STREQUAL "EMULATED")
  find_path(HONE_CUDA_HEADERS cuda_bf16.h HINTS ${HONE_CUDA_ROOTS} ${CMAKE_SOURCE_DIR}/build/wheels/cuda-13.0/nvidia/cu13 PATH_SUFFIXES include)
  find_path(HONE_BOOST_CONTEXT boost/context/detail/fcontext.hpp)
  find_library(HONE_BOOST_CONTEXT_LIBRARY boost_context)
  if(NOT HONE_CUDA_HEADERS)
    set(HONE_CUDA_TEXT "off: HONE_CUDA=EMULATED needs CUDA's headers; tools/setup fetches them")
  elseif(NOT HONE_BOOST_CONTEXT OR NOT HONE_BOOST_CONTEXT_LIBRARY)
    set(HONE_CUDA_TEXT "off: HONE_CUDA=EMULATED needs Boost.Context; install libboost-context-dev")
  else()
    set(HONE_CUDA_FOUND EMULATED)
    set(HONE_CUDA_TEXT "executed on the CPU (tests only), headers of ${HONE_CUDA_HEADERS}")
  endif()
elseif(NOT HONE_CUDA STREQUAL "OFF")
  message(FATAL_ERROR "HONE_CUDA must be AUTO, ON, OFF or EMULATED, got ${HONE_CUDA}")
endif()
set(HONE_CUDA_FOUND ${HONE_CUDA_FOUND} CACHE INTERNAL "ON, EMULATED or OFF")
if(HONE_CUDA_FOUND)
  set(HONE_HAS_CUDA 1)
else()
  set(HONE_HAS_CUDA 0)
endif()

# HONE_CUDNN: headers of cuDNN and of its front end (NVIDIA's wheel; tools/setup fetches it). The library is looked for when hone runs.
set(HONE_CUDNN_TEXT "off")
set(HONE_CUDNN_FOUND OFF)
if(NOT HONE_CUDNN STREQUAL "OFF" AND HONE_CUDA_FOUND STREQUAL "ON")
  find_path(HONE_CUDNN_HEADERS cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_path(HONE_CUDNN_FRONTEND cudnn_frontend.h HINTS ${CMAKE_SOURCE_DIR}/build/wheels/cudnn-frontend-1.32.0/include)
  if(HONE_CUDNN_HEADERS AND HONE_CUDNN_FRONTEND)
    set(HONE_CUDNN_FOUND ON)
    set(HONE_CUDNN_TEXT "${HONE_CUDNN_FRONTEND}")
  else()
    set(HONE_CUDNN_TEXT "off: cudnn.h or cudnn_frontend.h was not found; tools/setup --cudnn fetches the front end")
  endif()
endif()
if(HONE_CUDNN STREQUAL "ON" AND NOT HONE_CUDNN_FOUND)
  message(FATAL_ERROR "HONE_CUDNN=ON: ${HONE_CUDNN_TEXT}")
endif()

if(HONE_CUDA_FOUND STREQUAL "ON")
  target_compile_options(hone_options INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:-O3;-Xcompiler=-Wall,-Wextra;-Werror=all-warnings;-lineinfo>")
elseif(HONE_CUDA_FOUND STREQUAL "EMULATED")
  add_subdirectory(${CMAKE_SOURCE_DIR}/tests/support/cuda_on_cpu ${CMAKE_BINARY_DIR}/cuda_on_cpu)
endif()

# CUDA sources of a target, by nvcc or as C++.
function(hone_cuda_sources target)
  target_sources(${target} PRIVATE ${ARGN})
  if(HONE_CUDA_FOUND STREQUAL "EMULATED")
    # uint4 loads of other types are what CUDA promises and C++ does not; #pragma unroll is nvcc's. nvcc fuses products and sums where it
    # can, and a kernel must be right with it: so does g++ here, where the processor has the instruction.
    set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES LANGUAGE CXX
                                COMPILE_OPTIONS "-fno-strict-aliasing;-Wno-unknown-pragmas;-ffp-contract=fast")
  endif()
endfunction()

function(hone_add_cuda target)
  if(NOT HONE_CUDNN_FOUND)
    target_sources(${target} PRIVATE kernels/attention/attention_cudnn_absent.cpp)
  endif()
  if(NOT HONE_HAS_CUDA)
    target_sources(${target} PRIVATE kernels/core/cuda/absent.cpp)
    return()
  endif()
  target_sources(${target} PRIVATE kernels/core/cuda/device.cpp kernels/core/cuda/memory.cpp)
  if(HONE_CUDA_FOUND STREQUAL "ON")
    # The program starts where there is no CUDA: the runtime is within, other libraries are looked for when it runs.
    target_sources(${target} PRIVATE kernels/core/cuda/matrix_product.cpp)
    target_link_libraries(${target} PRIVATE CUDA::cudart_static ${CMAKE_DL_LIBS})
    if(HONE_CUDNN_FOUND)
      target_sources(${target} PRIVATE kernels/attention/attention_cudnn.cpp)
      set_source_files_properties(kernels/attention/attention_cudnn.cpp PROPERTIES
        INCLUDE_DIRECTORIES "" COMPILE_OPTIONS "-isystem;${HONE_CUDNN_FRONTEND};-isystem;${HONE_CUDNN_HEADERS};-O1"
        COMPILE_DEFINITIONS "NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING;CUDNN_FRONTEND_SKIP_JSON_LIB")
    endif()
  else()
    target_link_libraries(${target} PRIVATE cuda_on_cpu)
    target_include_directories(${target} BEFORE PRIVATE tests/support/cuda_on_cpu)  # its ptx.cuh and shared.cuh before ours
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS kernels/*_cuda.cu)
  hone_cuda_sources(${target} ${sources})
  foreach(source IN LISTS sources)
    string(REGEX REPLACE "_cuda\\.cu$" ".cpp" twin ${source})
    set_source_files_properties(${twin} PROPERTIES COMPILE_DEFINITIONS HONE_CUDA_TWIN=1)
  endforeach()
endfunction()
