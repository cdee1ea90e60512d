# Libraries, all from the distribution's packages (tools/setup installs them). A missing one ends here with its package's name.
include(FindPkgConfig)

function(hone_need found what package)
  if(NOT ${found})
    message(FATAL_ERROR "${what} was not found. Install ${package} (tools/setup installs all that hone needs).")
  endif()
endfunction()

# hone_host_libraries: what kernels/host wraps. JSON, hashes.
find_path(HONE_NLOHMANN_INCLUDE nlohmann/json.hpp)
hone_need(HONE_NLOHMANN_INCLUDE "nlohmann/json.hpp" "nlohmann-json3-dev")
pkg_check_modules(xxhash IMPORTED_TARGET libxxhash)
hone_need(xxhash_FOUND "xxHash" "libxxhash-dev")
find_package(OpenSSL COMPONENTS Crypto)
hone_need(OPENSSL_FOUND "libcrypto (SHA-256)" "libssl-dev")
add_library(hone_host_libraries INTERFACE)
target_include_directories(hone_host_libraries SYSTEM INTERFACE ${HONE_NLOHMANN_INCLUDE})
target_link_libraries(hone_host_libraries INTERFACE PkgConfig::xxhash OpenSSL::Crypto)

# hone_math_libraries: Eigen for vectorised expressions, OpenBLAS for products where the processor has no AVX-512.
find_package(PkgConfig REQUIRED)
pkg_check_modules(eigen IMPORTED_TARGET eigen3)
hone_need(eigen_FOUND "Eigen" "libeigen3-dev")
add_library(hone_math_libraries INTERFACE)
target_include_directories(hone_math_libraries SYSTEM INTERFACE ${eigen_INCLUDE_DIRS})
if(HONE_BLAS)
  find_path(HONE_CBLAS_INCLUDE NAMES openblas_config.h PATH_SUFFIXES openblas openblas-pthread
            HINTS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-pthread)
  find_library(HONE_OPENBLAS openblas)
  if(NOT HONE_CBLAS_INCLUDE OR NOT HONE_OPENBLAS)
    message(FATAL_ERROR "OpenBLAS was not found. Install libopenblas-dev, or configure with -DHONE_BLAS=OFF.")
  endif()
  target_include_directories(hone_math_libraries SYSTEM INTERFACE ${HONE_CBLAS_INCLUDE})
  target_link_libraries(hone_math_libraries INTERFACE ${HONE_OPENBLAS})
  set(HONE_GEMM_TILE kernels/core/gemm_tile_blas.cpp)
  set(HONE_BLAS_TEXT "OpenBLAS, ${HONE_OPENBLAS}")
else()
  set(HONE_GEMM_TILE kernels/core/gemm_tile_eigen.cpp)
  set(HONE_BLAS_TEXT "Eigen (HONE_BLAS=OFF)")
endif()

# hone_text_libraries: regular expressions as Hugging Face tokenizers has them, Unicode normal forms.
pkg_check_modules(oniguruma IMPORTED_TARGET oniguruma)
hone_need(oniguruma_FOUND "Oniguruma" "libonig-dev")
pkg_check_modules(utf8proc IMPORTED_TARGET libutf8proc)
hone_need(utf8proc_FOUND "utf8proc" "libutf8proc-dev")
add_library(hone_text_libraries INTERFACE)
target_link_libraries(hone_text_libraries INTERFACE PkgConfig::oniguruma PkgConfig::utf8proc)

# hone_shard_libraries: HDF5's C library. Debian links it against libcurl (its S3 driver), which hone never calls.
pkg_search_module(hdf5 IMPORTED_TARGET hdf5-serial hdf5)
hone_need(hdf5_FOUND "HDF5" "libhdf5-dev")
add_library(hone_shard_libraries INTERFACE)
target_link_libraries(hone_shard_libraries INTERFACE PkgConfig::hdf5)

# hone_yaml: recipes.
pkg_check_modules(yaml_cpp IMPORTED_TARGET yaml-cpp)
hone_need(yaml_cpp_FOUND "yaml-cpp" "libyaml-cpp-dev")
add_library(hone_yaml INTERFACE)
target_link_libraries(hone_yaml INTERFACE PkgConfig::yaml_cpp)

# The command line.
find_path(HONE_CLI11_INCLUDE CLI/CLI.hpp)
hone_need(HONE_CLI11_INCLUDE "CLI11" "libcli11-dev")
add_library(hone_cli11 INTERFACE)
add_library(CLI11::CLI11 ALIAS hone_cli11)
target_include_directories(hone_cli11 SYSTEM INTERFACE ${HONE_CLI11_INCLUDE})
