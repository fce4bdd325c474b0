# SPDX-License-Identifier: GPL-3.0-or-later
# Reading stores without the module: the module's pure files built for user
# space, the reader on top of them, and its command.
set(kmod ${CMAKE_SOURCE_DIR}/kmod)
add_library(dormouse_store_pure STATIC
    ${kmod}/change_map.c
    ${kmod}/record_codec.c
    ${kmod}/sums.c
    ${kmod}/undo_index.c
)
target_include_directories(dormouse_store_pure PUBLIC ${kmod})
target_link_libraries(dormouse_store_pure PRIVATE xxhash)

add_library(dormouse_store_reader STATIC
    ${CMAKE_CURRENT_LIST_DIR}/store_payload.cpp
    ${CMAKE_CURRENT_LIST_DIR}/store_reader.cpp
    ${CMAKE_CURRENT_LIST_DIR}/store_report.cpp
    ${CMAKE_CURRENT_LIST_DIR}/store_source.cpp
    ${CMAKE_CURRENT_LIST_DIR}/store_undo.cpp
)
target_link_libraries(dormouse_store_reader PUBLIC dormouse_base dormouse_store_pure)

add_executable(dormouse-store ${CMAKE_CURRENT_LIST_DIR}/store_main.cpp)
target_link_libraries(dormouse-store PRIVATE dormouse_store_reader)
install(TARGETS dormouse-store RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
