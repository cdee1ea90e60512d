# hone_options: what every target of the project is compiled with.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(hone_options INTERFACE)
# No -ffast-math of any kind: guards against NaN must work. No contraction, so that x86 and Arm round alike.
# nvcc has options of its own (HoneCuda.cmake), hence COMPILE_LANGUAGE.
function(hone_cxx_options)
  target_compile_options(hone_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${ARGN}>")
endfunction()
hone_cxx_options(-Wall -Wextra -Wpedantic -Werror -ffp-contract=off)
# Neither changes a value: nobody reads errno after a root, nobody catches floating-point traps. With them GCC leaves
# loops that compare or take roots unvectorised.
hone_cxx_options(-fno-math-errno -fno-trapping-math)
hone_cxx_options($<$<CONFIG:Release>:-O3>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  hone_cxx_options(-Wno-restrict -Wno-maybe-uninitialized)  # false alarms: std::string + (GCC bug 105329), AVX-512 intrinsics (105593)
endif()

include(CheckCXXCompilerFlag)
if(HONE_NATIVE)
  check_cxx_compiler_flag(-march=native HONE_MARCH_NATIVE)
  check_cxx_compiler_flag(-mcpu=native HONE_MCPU_NATIVE)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64" AND HONE_MCPU_NATIVE)
    hone_cxx_options(-mcpu=native)
  elseif(HONE_MARCH_NATIVE)
    hone_cxx_options(-march=native)
  endif()
  set(HONE_PROCESSOR_TEXT "this machine's (HONE_NATIVE=OFF for any ${CMAKE_SYSTEM_PROCESSOR})")
else()
  set(HONE_PROCESSOR_TEXT "any ${CMAKE_SYSTEM_PROCESSOR}")
endif()

set(HONE_SANITIZE_TEXT "none")
if(HONE_SANITIZE)
  hone_cxx_options(-fsanitize=${HONE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  target_link_options(hone_options INTERFACE -fsanitize=${HONE_SANITIZE})
  set(HONE_SANITIZE_TEXT ${HONE_SANITIZE})
endif()

find_package(Threads REQUIRED)
target_link_libraries(hone_options INTERFACE Threads::Threads)

find_program(HONE_CCACHE ccache)
set(HONE_CCACHE_TEXT "not found")
if(HONE_CCACHE)
  # Paths below this checkout count as relative, so that another checkout finds what this one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${HONE_CCACHE})
  set(HONE_CCACHE_TEXT ${HONE_CCACHE})
endif()
